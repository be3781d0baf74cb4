//! What layers, files and variables promise.
use std::path::Path;

use super::*;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn environment(list: &[(&str, &str)]) -> Sources {
    Sources { variables: pairs(list), ..Sources::default() }
}

fn options(list: &[(&str, &str)]) -> Sources {
    let option = |(name, value): (String, String)| (name, value, "--set".to_owned());
    Sources { options: pairs(list).into_iter().map(option).collect(), ..Sources::default() }
}

/// Settings with one file of this name and text.
fn with_file(name: &str, text: &str, mut sources: Sources) -> Result<Settings, LoadError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    sources.file = Some(path);
    load(&sources)
}

/// The complaint, without the folder.
fn complaint(name: &str, text: &str) -> String {
    let error = with_file(name, text, Sources::default()).expect_err("a complaint").to_string();
    error.split_once(name).map_or_else(|| error.clone(), |(_, rest)| format!("{name}{rest}"))
}

fn origin<'a>(settings: &'a Settings, name: &str) -> &'a str {
    &settings.given.given()[name].origin
}

#[test]
fn without_anything_the_bundled_file_and_the_defaults_hold() {
    let settings = load(&Sources::default()).unwrap();

    assert_eq!(settings.broker.num_partitions, 1);
    assert_eq!(settings.broker.listeners[0].bind.port, 9092);
    assert!(origin(&settings, "listeners").starts_with("ottla.toml (bundled):"));
    assert_eq!(settings.warnings, Vec::<String>::new());
}

#[test]
fn later_layers_win_and_each_value_knows_its_origin() {
    let file = "num.partitions = 2\nmessage.max.bytes = 2000\nlog.retention.hours = 1\nfetch.max.bytes = 5000\n";
    let mut sources = environment(&[
        ("KAFKA_NUM_PARTITIONS", "3"),
        ("KAFKA_MESSAGE_MAX_BYTES", "3000"),
        ("KAFKA_FETCH_MAX_BYTES", "6000"),
        ("OTTLA_MESSAGE_MAX_BYTES", "4000"),
        ("OTTLA_CLUSTER_ID", "mine"),
    ]);
    sources.options = options(&[("num.partitions", "4"), ("num.partitions", "5")]).options;

    let settings = with_file("own.toml", file, sources).unwrap();

    assert_eq!(settings.broker.num_partitions, 5);
    assert_eq!(origin(&settings, "num.partitions"), "--set");
    assert_eq!(settings.broker.message_max_bytes, 4000);
    assert_eq!(origin(&settings, "message.max.bytes"), "OTTLA_MESSAGE_MAX_BYTES");
    assert_eq!(origin(&settings, "fetch.max.bytes"), "KAFKA_FETCH_MAX_BYTES");
    assert!(origin(&settings, "log.retention.hours").ends_with("own.toml:3"));
    assert_eq!(settings.broker.cluster_id.as_deref(), Some("mine"));
}

#[test]
fn tables_and_dotted_keys_mean_the_same_in_every_format() {
    let texts = [
        (
            "a.toml",
            "log.retention.ms = 5\n[max]\nconnections = 7\n[group.consumer]\nassignors = [\"range\", \"uniform\"]\n",
        ),
        (
            "b.toml",
            "\"max.connections\" = 7\ngroup.consumer.assignors = 'range,uniform'\n[log.retention]\nms = 5\n",
        ),
        (
            "c.yaml",
            "log:\n  retention:\n    ms: 5\nmax.connections: 7\ngroup.consumer:\n  assignors:\n  - range\n  - uniform\n",
        ),
        (
            "d.properties",
            "# old\nlog.retention.ms=5\nmax.connections : 7\ngroup.consumer.assignors = range,\\\n   uniform\n",
        ),
    ];
    for (name, text) in texts {
        let settings = with_file(name, text, Sources::default()).unwrap();

        let value = |name| settings.given.value(name).unwrap();
        assert_eq!(value("log.retention.ms"), "5", "{text}");
        assert_eq!(value("max.connections"), "7", "{text}");
        assert_eq!(value("group.consumer.assignors"), "range,uniform", "{text}");
    }
}

#[test]
fn a_misspelt_name_in_a_file_stops_the_start_and_is_found() {
    let near = "no such setting: num.partition; did you mean num.partitions?";

    assert_eq!(complaint("a.toml", "\n[num]\npartition = 3\n"), format!("a.toml:3: {near}"));
    assert_eq!(complaint("b.toml", "num.partition = 3\n"), format!("b.toml:1: {near}"));
    assert_eq!(complaint("c.yml", "x:\nnum:\n  partition: 3\n"), format!("c.yml:3: {near}"));
    assert_eq!(
        complaint("d.properties", "# c\nnum.partition=3\n"),
        format!("d.properties:2: {near}")
    );
    assert_eq!(
        complaint("e.toml", "retention.ms = 3\n"),
        "e.toml:1: no such setting: retention.ms (for a topic it is; for the broker it is \
         log.retention.ms)"
    );
    assert_eq!(
        complaint("f.toml", "wholly.other = 1\n"),
        "f.toml:1: no such setting: wholly.other"
    );
}

#[test]
fn what_kafka_removed_is_named_as_removed() {
    let text = complaint("a.properties", "zookeeper.connect=z:2181\n");
    assert!(text.ends_with("zookeeper.connect (ZooKeeper is gone since Kafka 4.0)"), "{text}");

    let text = complaint("a.properties", "log.message.format.version=2.8\n");
    assert!(text.contains("removed in Kafka 4.0"), "{text}");
}

#[test]
fn a_file_that_cannot_be_understood_stops_the_start_in_one_line() {
    for (name, text) in [
        ("a.toml", "num.partitions = \n"),
        ("b.toml", "a = 1\na = 2\n"),
        ("c.yaml", "a: [1\n"),
        ("d.ini", "a=1\n"),
        ("e.toml", "[num]\npartitions = 1\n[[log]]\ndirs = 'x'\n"),
        ("f.properties", "a=\\u00zz\n"),
        ("g.toml", "\"num.partitions\" = 1\nnum.partitions = 2\n"),
    ] {
        let text = complaint(name, text);
        assert!(text.starts_with(name) && !text.contains('\n'), "{text}");
    }
    let missing = Sources { file: Some("/no/such/file.toml".into()), ..Sources::default() };
    let text = load(&missing).unwrap_err().to_string();
    assert!(text.starts_with("/no/such/file.toml: cannot be read: "), "{text}");
}

#[test]
fn a_value_that_does_not_fit_is_reported_with_its_place() {
    assert_eq!(
        complaint("a.toml", "\nnum.partitions = 0\n"),
        "a.toml:2: Invalid value 0 for configuration num.partitions: Value must be at least 1"
    );
    assert_eq!(
        load(&environment(&[("KAFKA_NUM_PARTITIONS", "many")])).unwrap_err().to_string(),
        "KAFKA_NUM_PARTITIONS: Invalid value many for configuration num.partitions: Not a number \
         of type INT"
    );
    assert!(
        load(&options(&[("num.partition", "1")])).unwrap_err().to_string().starts_with("--set")
    );
}

#[test]
fn an_environment_is_only_warned_about() {
    let settings = load(&environment(&[
        ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
        ("KAFKA_NUM_IO_THREADS", "8"),
        ("KAFKA_NUM_PARTITION", "3"),
        ("KAFKA_HEAP_OPTS", "-Xmx1G"),
        ("KAFKA_PROCESS_ROLES", "broker,controller"),
        ("KAFKA_NODE_ID", "1"),
        ("OTTLA_SERVICE_HOST", "10.0.0.1"),
        ("OTTLA_CONFIG", ""),
        ("PATH", "/bin"),
    ]))
    .unwrap();

    assert_eq!(
        settings.warnings,
        [
            "KAFKA_NUM_IO_THREADS: num.io.threads has no effect here",
            "KAFKA_NUM_PARTITION: ignored, no such setting: num.partition; did you mean \
             num.partitions?",
            "KAFKA_PORT: ignored, no such setting: port (removed in Kafka 3.0; use listeners)",
            "OTTLA_SERVICE_HOST: ignored, no such setting: service.host",
            "KAFKA_HEAP_OPTS: ignored, there is no JVM",
        ]
    );
    assert_eq!(settings.broker.num_partitions, 1);
}

#[test]
fn settings_of_a_listener_that_do_nothing_are_warned_about() {
    let file = "\
        listeners=SASL_PLAINTEXT://:1,PLAINTEXT://:2\n\
        sasl.enabled.mechanisms=SCRAM-SHA-256\n\
        listener.name.sasl_plaintext.max.connection.creation.rate=5\n\
        listener.name.sasl_plaintext.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
        listener.name.SASL_PLAINTEXT.sasl.enabled.mechanisms=GSSAPI\n\
        listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=\n";
    let variables = environment(&[("KAFKA_LISTENER_NAME_SASL_MAX_CONNECTION_CREATION_RATE", "5")]);

    let settings = with_file("own.properties", file, variables).unwrap();

    let said: Vec<&str> = settings
        .warnings
        .iter()
        .map(|warning| warning.split_once(": ").map_or("", |(_, said)| said))
        .collect();
    assert_eq!(
        said,
        [
            "listener.name.SASL_PLAINTEXT.sasl.enabled.mechanisms has no effect: settings of a \
             listener begin with listener.name.plaintext., listener.name.sasl_plaintext.",
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config has no effect here",
            "listener.name.sasl.max.connection.creation.rate has no effect: settings of a \
             listener begin with listener.name.plaintext., listener.name.sasl_plaintext.",
        ]
    );
}

#[test]
fn the_variable_names_the_file_where_no_option_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, "num.partitions = 9").unwrap();

    let settings = load(&environment(&[("OTTLA_CONFIG", path.to_str().unwrap())])).unwrap();

    assert_eq!(settings.broker.num_partitions, 9);
}

#[test]
fn advertised_listeners_alone_say_where_to_listen() {
    let advertised = ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://broker:19092");

    let alone = load(&environment(&[advertised, ("KAFKA_LISTENERS", "")])).unwrap();
    let both = load(&environment(&[advertised, ("KAFKA_LISTENERS", "PLAINTEXT://:9999")])).unwrap();

    assert_eq!(alone.broker.listeners[0].bind.to_string(), "0.0.0.0:19092");
    assert_eq!(both.broker.listeners[0].bind.to_string(), ":9999");
    assert_eq!(both.broker.listeners[0].advertised.as_ref().unwrap().to_string(), "broker:19092");
}

#[test]
fn names_of_the_bitnami_image_are_understood_and_kafkas_own_win() {
    let settings = load(&environment(&[
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://own:9092"),
        ("KAFKA_CFG_ADVERTISED_LISTENERS", "PLAINTEXT://other:9092"),
        ("KAFKA_CFG_NUM_PARTITIONS", "7"),
        ("KAFKA_CFG_NO_SUCH", "1"),
        ("KAFKA_KRAFT_CLUSTER_ID", "theirs"),
    ]))
    .unwrap();

    assert_eq!(settings.broker.num_partitions, 7);
    assert_eq!(origin(&settings, "num.partitions"), "KAFKA_CFG_NUM_PARTITIONS");
    assert_eq!(settings.given.value("advertised.listeners"), Some("PLAINTEXT://own:9092"));
    assert_eq!(settings.broker.cluster_id.as_deref(), Some("theirs"));
    assert_eq!(settings.warnings, ["KAFKA_CFG_NO_SUCH: ignored, no such setting: no.such"]);
}

/// Name, partitions, replicas, configs and origin of each declared topic.
fn declared(settings: &Settings) -> Vec<String> {
    let shown = |topic: &DeclaredTopic| {
        let DeclaredTopic { name, partitions, replicas, configs, origin } = topic;
        let origin = origin.rsplit('/').next().unwrap_or_default();
        format!("{} {partitions:?} {replicas:?} {configs:?} {origin}", name.as_str())
    };
    settings.topics.iter().map(shown).collect()
}

#[test]
fn topics_are_declared_in_a_file() {
    let text = "[[topics]]\nname = 'orders'\npartitions = 6\nreplicas = 1\n\
                [topics.configs]\n'cleanup.policy' = ['compact', 'delete']\nretention.ms = 5\n\
                [[topics]] # with the broker's defaults\nname = 'all'\n";

    let settings = with_file("a.toml", text, Sources::default()).unwrap();

    assert_eq!(
        declared(&settings),
        [
            "all None None {} a.toml:8",
            "orders Some(6) Some(1) {\"cleanup.policy\": \"compact,delete\", \
             \"retention.ms\": \"5\"} a.toml:1",
        ]
    );
}

#[test]
fn topics_are_declared_in_yaml_as_well() {
    let text = "topics:\n- name: a\n  partitions: 2\n  configs:\n    retention.ms: 7\n";

    let settings = with_file("a.yaml", text, Sources::default()).unwrap();

    assert_eq!(declared(&settings), ["a Some(2) None {\"retention.ms\": \"7\"} a.yaml"]);
}

#[test]
fn topics_are_declared_in_a_variable_which_wins_over_a_file() {
    let text = "[[topics]]\nname = 'a'\npartitions = 6\n[[topics]]\nname = 'b'\n";
    let variable = " a:1:1, c:12:-1:compact,\nd:3:1 ,";

    let sources = environment(&[("KAFKA_CREATE_TOPICS", variable)]);
    let settings = with_file("a.toml", text, sources).unwrap();

    assert_eq!(
        declared(&settings),
        [
            "a Some(1) Some(1) {} KAFKA_CREATE_TOPICS",
            "b None None {} a.toml:4",
            "c Some(12) None {\"cleanup.policy\": \"compact\"} KAFKA_CREATE_TOPICS",
            "d Some(3) Some(1) {} KAFKA_CREATE_TOPICS",
        ]
    );
    assert_eq!(settings.warnings, Vec::<String>::new());
}

#[test]
fn a_declaration_that_cannot_be_meant_stops_the_start() {
    for (text, words) in [
        ("[[topics]]\npartitions = 1\n", "a.toml:1: a topic is declared without a name"),
        ("[[topics]]\nname = 'a b'\n", "a.toml:1: "),
        ("[[topics]]\nname = 'a'\npartitions = 0\n", "a.toml:1: topic a: partitions is '0'"),
        ("[[topics]]\nname = 'a'\nreplica = 1\n", "topic a: no such key: replica; expected"),
        ("\n[[topics]]\nname = 'a'\nconfigs = { 'x.y' = 1 }\n", "a.toml:2: topic a: "),
        ("[[topics]]\nname = 'a'\n[[topics]]\nname = 'a'\n", "declared twice, first at"),
        ("[[topics]]\nname = '__consumer_offsets'\n", "is the broker's own"),
        ("topics = 'a'\n", "a.toml: topics must be a list of tables"),
    ] {
        let text = complaint("a.toml", text);
        assert!(text.contains(words) && !text.contains('\n'), "{text}");
    }
    for (value, words) in [
        ("a", "'a' is not name:partitions:replicas"),
        ("a:1:1:compact:x", "is not name:partitions:replicas"),
        ("a:x:1", "topic a: partitions is 'x'"),
        ("a:1:99999", "topic a: replicas is '99999'"),
        ("a:1:1:shred", "topic a: Invalid value shred for configuration cleanup.policy"),
        ("a:1:1,a:2:1", "topic a: declared twice"),
    ] {
        let text = load(&environment(&[("KAFKA_CREATE_TOPICS", value)])).unwrap_err().to_string();
        assert!(text.starts_with("KAFKA_CREATE_TOPICS: ") && text.contains(words), "{text}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let variables = [("KAFKA_SSL_KEY_PASSWORD", "geheim"), ("KAFKA_NUM_PARTITIONS", "6")];

    let text = effective(&load(&environment(&variables)).unwrap());

    assert!(!text.contains("geheim"), "{text}");
    let line = text.lines().find(|line| line.starts_with("num.partitions ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words, ["num.partitions", "6", "KAFKA_NUM_PARTITIONS"]);
}

/// Where layers mean something else than the image's script, or the image leaves it to chance.
const DIFFERENT: &[(&str, &str)] = &[
    ("no environment at all", "the image uses its own default file, we our bundled layer"),
    ("trailing backslash", "the image joins it with whatever line happens to follow"),
    ("two names for one key", "the image lets chance decide, we the order of the names"),
];

/// What does not start in the image and does here.
const STARTS_HERE: &[(&str, &str)] = &[
    ("one variable alone", "the image discards all defaults then, we keep them"),
    ("no node id", "1 is the default"),
    ("bad list of loggers", "loggers of Java classes say nothing to us"),
];

#[test]
fn variables_become_the_properties_that_the_kafka_image_makes_of_them() {
    let recorded: serde_json::Value =
        serde_json::from_str(include_str!("image_vectors.json")).unwrap();
    let lines = |value: &serde_json::Value| -> BTreeMap<String, String> {
        let lines = value.as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        let text = lines.collect::<Vec<_>>().join("\n");
        let entries = file::properties(&text, "recorded").unwrap();
        entries.into_iter().map(|entry| (entry.name, entry.value)).collect()
    };
    let mut compared = 0;
    for vector in recorded["vectors"].as_array().unwrap() {
        let label = vector["label"].as_str().unwrap();
        let env: Vec<(String, String)> = vector["env"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let made: BTreeMap<String, String> = env
            .iter()
            .flat_map(|(name, value)| environment::kafka_properties(name, value).unwrap())
            .collect();

        if !DIFFERENT.iter().any(|(different, _)| *different == label) {
            assert_eq!(made, lines(&vector["lines"]), "{label}");
            compared += 1;
        }

        let sources = Sources { variables: env, ..Sources::default() };
        let text: Vec<&str> = recorded["mounted_file"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        let loaded = match vector["mounted"].as_bool().unwrap() {
            true => with_file("server.properties", &text.join("\n"), sources),
            false => load(&sources),
        };
        let starts = vector["starts"].as_bool().unwrap()
            || STARTS_HERE.iter().any(|(here, _)| *here == label);
        assert_eq!(loaded.is_ok(), starts, "{label}: {:?}", loaded.err());
    }
    assert_eq!(compared, 41);
}

#[test]
fn the_environment_wins_over_a_mounted_file() {
    let file = "node.id=7\nnum.partitions=5\n";

    let settings =
        with_file("server.properties", file, environment(&[("KAFKA_NUM_PARTITIONS", "3")]))
            .unwrap();

    assert_eq!(settings.broker.num_partitions, 3);
    assert_eq!(settings.broker.node_id.0, 7);
}

#[test]
fn the_reference_page_is_printed_from_the_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/REFERENCE.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, reference()).unwrap();
    }

    let written = std::fs::read_to_string(&path).unwrap_or_default();

    assert!(written == reference(), "config/REFERENCE.md is old: run UPDATE=1 cargo test");
}
