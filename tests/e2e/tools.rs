//! The command line tools: replayed as they were recorded from Apache Kafka's, and what scripts and
//! people do with them beyond that.

use std::fs;
use std::os::unix::fs::symlink;

use regex::Regex;

use crate::harness::{Broker, Shell, free_port, root};

/// One command of a transcript.
#[derive(Debug, Default)]
struct Recorded {
    words: Vec<String>,
    input: String,
    code: i32,
    out: Vec<String>,
    /// The exception that standard error names.
    names: Option<String>,
}

fn transcript(name: &str) -> Vec<Recorded> {
    let file = root().join("tests/compat/kafka/cli").join(name);
    let text = fs::read_to_string(file).expect("the transcript");
    let mut commands: Vec<Recorded> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if let Some(command) = line.strip_prefix("$ ") {
            let (words, input) = command.split_once(" < ").unwrap_or((command, ""));
            let input = input.split('|').filter(|line| !line.is_empty());
            commands.push(Recorded {
                words: words.split(' ').map(String::from).collect(),
                input: input.map(|line| format!("{line}\n")).collect(),
                ..Recorded::default()
            });
            continue;
        }
        let Some(command) = commands.last_mut() else { continue };
        let inner = |start: &str| line.strip_prefix(start)?.strip_suffix(']');
        if let Some(code) = inner("[exit ") {
            command.code = code.parse().expect("an exit code");
        } else if let Some(name) = inner("[stderr names ") {
            command.names = Some(String::from(name));
        } else {
            command.out.push(String::from(line));
        }
    }
    commands
}

/// A line without what may differ: widths, which go with the length of addresses; the order of
/// configs, which is that of a hash table there; eligible leaders, which brokers that do not know
/// them leave open; versions of APIs, which are each broker's own.
fn comparable(line: &str) -> String {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.replace("Elr: N/A LastKnownElr: N/A", "Elr: LastKnownElr:");
    if let Some((before, configs)) = line.split_once("Configs: ") {
        let mut configs: Vec<&str> = configs.split(',').collect();
        configs.sort_unstable();
        return format!("{before}Configs: {}", configs.join(","));
    }
    let api = Regex::new(r"^([A-Z][A-Za-z]+\(\d+\)): .*$").expect("a pattern");
    api.replace(&line, "$1").into_owned()
}

/// A recorded line as a pattern: what was replaced by a word in angle brackets is anything.
fn pattern(line: &str) -> Regex {
    let quoted = regex::escape(&comparable(line));
    let holes = Regex::new(r"<[a-z_-]+>").expect("a pattern");
    Regex::new(&format!("^{}$", holes.replace_all(&quoted, ".+"))).expect("a pattern")
}

/// Tools of Kafka's that are not there (yet).
fn is_ours(tool: &str) -> bool {
    let ours = [
        "topics",
        "configs",
        "consumer-groups",
        "get-offsets",
        "console-producer",
        "console-consumer",
        "broker-api-versions",
        "cluster",
        "delete-records",
        "log-dirs",
    ];
    ours.iter().any(|name| tool == format!("kafka-{name}.sh"))
}

/// Replays a transcript and compares; how many commands were compared. What follows a request that
/// the broker does not serve depends on it, and is left out.
fn replay(broker: &Broker, shell: &Shell, name: &str) -> usize {
    let mut compared = 0;
    for recorded in transcript(name).iter().filter(|recorded| is_ours(&recorded.words[0])) {
        let real = |word: &String| {
            let word = word.replace("<broker>", &broker.address().to_string());
            word.replace("TMP", &shell.path("").display().to_string())
        };
        let words: Vec<String> = recorded.words.iter().map(real).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ended = shell.run(&words, &recorded.input);
        if ended.err.contains("UnsupportedVersionException")
            || ended.err.contains("does not support")
        {
            assert_eq!(ended.code, Some(1), "{words:?}");
            break;
        }
        let told = format!("{words:?}\n{}{}", ended.out, ended.err);
        assert_eq!(ended.code, Some(recorded.code), "{told}");
        if let Some(name) = &recorded.names {
            assert!(ended.err.contains(name.as_str()), "{name} is not named: {told}");
        }
        let lines: Vec<String> =
            ended.out.lines().map(comparable).filter(|line| !line.is_empty()).collect();
        // No group is left behind by a consumer that was not told one.
        let expected: Vec<&String> =
            recorded.out.iter().filter(|line| !line.starts_with("<console-group>")).collect();
        assert_eq!(lines.len(), expected.len(), "expected {expected:#?}, got {told}");
        for (line, expected) in lines.iter().zip(expected) {
            assert!(
                pattern(expected).is_match(line),
                "expected {expected:?}, got {line:?}: {told}"
            );
        }
        compared += 1;
    }
    compared
}

#[test]
fn tools_do_what_apache_kafkas_were_recorded_to_do() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    shell.write("reset.csv", "in,0,1\n");
    shell.write(
        "offsets.json",
        r#"{"partitions":[{"topic":"in","partition":0,"offset":2}],"version":1}"#,
    );

    // At least so many; more as the broker serves more.
    for (name, at_least) in [
        ("topics.txt", 21),
        ("configs.txt", 9),
        ("produce-consume.txt", 9),
        ("consumer-groups.txt", 12),
        ("records-and-dirs.txt", 2),
        ("cluster.txt", 3),
        ("clean-up.txt", 3),
    ] {
        let compared = replay(&broker, &shell, name);

        assert!(compared >= at_least, "{name}: only {compared} commands were compared");
    }
}

#[test]
fn a_link_to_the_binary_is_the_tool_that_it_is_called() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    let server = broker.address().to_string();
    for name in ["kafka-topics.sh", "kafka-topics"] {
        symlink(env!("CARGO_BIN_EXE_ottla"), shell.path(name)).expect("a link");

        let words = ["--bootstrap-server", &server, "--create", "--if-not-exists", "--topic", "t"];
        let created = shell.run_program(&shell.path(name), &words, "");
        let listed = shell.run_program(
            &shell.path(name),
            &["--bootstrap-server", &server, "--list", "--exclude-internal"],
            "",
        );

        assert_eq!((created.code, listed.code), (Some(0), Some(0)), "{}", created.err);
        assert_eq!(listed.out, "t\n");
    }
}

#[test]
fn features_are_told_and_refused_as_by_apache_kafkas_tool() {
    let mut broker = Broker::start(&[]);
    let shell = Shell::new();
    let server = broker.address().to_string();
    let features = |words: &[&str]| {
        let start = ["kafka-features", "--bootstrap-server", &server];
        shell.run(&[&start[..], words].concat(), "")
    };
    // Our range is narrower; the line is the recorded one otherwise.
    let recorded = transcript("cluster.txt");
    let mut lines = recorded.iter().flat_map(|recorded| &recorded.out);
    let line = lines.find(|line| line.starts_with("Feature: metadata.version ")).expect("a line");
    let line = pattern(&line.replace("3.3-IV3", "4.3-IV0"));

    let described = features(&["describe"]);
    let kept = features(&["upgrade", "--metadata", "4.3-IV0"]);
    let off = features(&["upgrade", "--feature", "group.version=0"]);
    let refused = features(&["upgrade", "--feature", "group.version=1"]);
    broker.stop();
    broker.start_again();
    let described_again = features(&["describe"]);

    for described in [described, described_again] {
        assert_eq!((described.code, described.out.lines().count()), (Some(0), 1), "{described:?}");
        assert!(line.is_match(&comparable(described.out.trim())), "{described:?}");
    }
    let deprecated = " `metadata` flag is deprecated and may be removed in a future release.\n";
    let told = format!("{deprecated}metadata.version was upgraded to 30.\n");
    assert_eq!((kept.code, kept.out), (Some(0), told));
    let why = "The upgradeType flag should be set to SAFE_DOWNGRADE or UNSAFE_DOWNGRADE when the \
               provided maxVersionLevel:0 is < 1.\n";
    assert_eq!((off.code, &*off.out, &*off.err), (Some(1), "", why));
    let why = "Could not upgrade group.version to 1. The update failed for all features since the \
               following feature had an error: Invalid update version 1 for feature group.version. \
               Local controller 1 does not support this feature.\n";
    assert_eq!((refused.code, &*refused.out), (Some(1), why));
    assert!(refused.err.contains("1 out of 1 operation(s) failed."), "{}", refused.err);
}

#[test]
fn every_tool_explains_itself() {
    let shell = Shell::new();
    for tool in ["topics", "groups", "configs", "produce", "consume", "offsets", "dump", "health"] {
        let help = shell.run(&[tool, "--help"], "");

        assert_eq!(help.code, Some(0), "{}", help.err);
        assert!(help.out.contains("Usage: ottla"), "{}", help.out);
    }
    let version = shell.run(&["kafka-topics", "--version"], "");
    assert_eq!(version.out, format!("kafka-topics {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(shell.run(&["kafka-topics", "--list"], "").code, Some(1), "no server is named");
}

#[test]
fn a_broker_that_is_not_there_is_an_error_that_names_it() {
    let shell = Shell::new();
    let server = format!("127.0.0.1:{}", free_port());
    let config = shell.write("client.properties", "default.api.timeout.ms=0\n");

    let words = ["topics", "--bootstrap-server", &server, "--command-config", &config, "--list"];
    let listed = shell.run(&words, "");
    let health = shell.run(&["health", "--bootstrap-server", &server], "");

    assert_eq!((listed.code, health.code), (Some(1), Some(1)));
    assert!(listed.err.contains(&server) && health.err.contains(&server), "{}", health.err);
}

#[test]
fn a_health_check_asks_the_broker_of_its_settings() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();

    let listeners = format!("listeners=PLAINTEXT://0.0.0.0:{}", broker.address().port());
    let health = shell.run(&["health", "--set", &listeners], "");

    assert_eq!(health.code, Some(0), "{}", health.err);
    assert!(health.out.starts_with("healthy"), "{}", health.out);
}

#[test]
fn every_codec_and_acknowledgement_is_read_back() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    let mut expected = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let produce = format!("produce --topic t --producer-property compression.type={codec}");
        shell.ask(&broker, &produce, &format!("{codec}\nand {codec}\n"));
        expected.extend([String::from(codec), format!("and {codec}")]);
    }
    for acks in ["0", "1", "all"] {
        let produce = format!("produce --topic t --sync --producer-property acks={acks}");
        shell.ask(&broker, &produce, &format!("{acks}\n"));
        expected.push(String::from(acks));
    }

    let count = expected.len();
    let consume = format!("consume --topic t --from-beginning --max-messages {count}");
    let read = shell.ask(&broker, &consume, "");

    assert_eq!(read.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn keys_and_headers_come_back_and_keys_stay_in_their_partition() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    shell.ask(&broker, "topics --create --topic t --partitions 4", "");
    let properties = "--reader-property parse.key=true --reader-property parse.headers=true \
        --reader-property headers.delimiter=| --reader-property key.separator=:";
    let produce = format!("produce --topic t {properties}");
    let lines: String =
        (0..40).map(|number| format!("n:{number}|key{}:value{number}\n", number % 8)).collect();
    shell.ask(&broker, &produce, &lines);

    let print = "--formatter-property print.key=true --formatter-property print.headers=true \
        --formatter-property print.partition=true";
    let consume = format!("consume --topic t --from-beginning --max-messages 40 {print}");
    let read = shell.ask(&broker, &consume, "");

    let mut homes = std::collections::BTreeMap::new();
    for line in read.lines() {
        let [partition, header, key, value] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let number = header.strip_prefix("n:").expect("a header");
        assert_eq!(value, format!("value{number}"));
        let home = homes.entry(String::from(key)).or_insert_with(|| String::from(partition));
        assert_eq!(home, partition, "{key}");
    }
    assert_eq!(homes.len(), 8);
    assert!(homes.values().collect::<std::collections::BTreeSet<_>>().len() > 1);
}

#[test]
fn log_files_are_decoded() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    shell.ask(&broker, "produce --topic t", "payload of t\n");
    shell.ask(&broker, "consume --topic t --group readers --from-beginning --max-messages 1", "");
    let data = broker.data();
    let topics = data.join("topics").display().to_string();
    let metadata = data.join("metadata").display().to_string();

    let records = shell.run(&["dump", &topics, "--print-data-log"], "");
    let offsets = shell.run(&["dump", &topics, "--offsets-decoder"], "");
    let decisions = shell.run(&["dump", &metadata, "--cluster-metadata-decoder"], "");

    assert_eq!(records.code, Some(0), "{}", records.err);
    assert!(records.out.contains("payload: payload of t") && records.out.contains("isvalid: true"));
    let position = r#"{"group":"readers","partition":0,"topic":"t"}"#;
    assert!(offsets.out.contains(position), "{}", offsets.out);
    assert!(decisions.out.contains("TopicRecord"), "{}", decisions.out);
}

#[test]
fn a_folder_is_formatted_once_and_for_one_cluster() {
    let shell = Shell::new();
    let id = shell.run(&["kafka-storage.sh", "random-uuid"], "");
    let id = id.out.trim();
    let data = shell.path("data").display().to_string();
    let config = shell.write("server.properties", &format!("log.dirs={data}\n"));
    let format = |id: &str, more: &[&str]| {
        let words = [&["kafka-storage.sh", "format", "-t", id, "-c", &config], more].concat();
        shell.run(&words, "")
    };

    assert_eq!(shell.run(&["kafka-storage", "info", "-c", &config], "").code, Some(1));
    assert_eq!(format(id, &[]).code, Some(0));
    let again = format(id, &[]);
    assert_eq!(again.code, Some(1));
    assert!(again.err.contains("already formatted"), "{}", again.err);
    assert_eq!(format(id, &["--ignore-formatted"]).code, Some(0));
    assert_eq!(format("AAAAAAAAAAAAAAAAAAAAAA", &["--ignore-formatted"]).code, Some(1));
    let info = shell.run(&["kafka-storage", "info", "-c", &config], "");
    assert!(info.out.contains(&format!("cluster.id={id}")), "{}", info.out);
}
