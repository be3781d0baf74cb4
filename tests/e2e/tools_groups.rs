//! Consumer groups as the tools show, reset and delete them.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Broker, PATIENCE, Shell, Subprocess};

/// `ottla consume` as a member of group `g`, once it has printed `lines` of topic `t`; `properties`
/// are the client's.
pub(crate) fn member_that_printed(
    broker: &Broker,
    shell: &Shell,
    lines: &str,
    properties: &[&str],
) -> Subprocess {
    let server = broker.address().to_string();
    let mut words = vec!["consume", "--bootstrap-server", &server];
    words.extend(["--topic", "t", "--group", "g", "--from-beginning"]);
    words.extend(properties.iter().flat_map(|property| ["--consumer-property", property]));
    let mut command = shell.command(Path::new(env!("CARGO_BIN_EXE_ottla")), &words, "");
    let printed = shell.path("printed");
    command.stdout(File::create(&printed).expect("a file")).stderr(Stdio::null());
    let mut consumer = Subprocess::start(&mut command);
    let deadline = Instant::now() + PATIENCE;
    while fs::read_to_string(&printed).expect("text") != lines {
        // Waiting for its end paces the looks.
        let ended = consumer.wait(Duration::from_millis(5)).is_some();
        assert!(!ended && Instant::now() < deadline, "it does not print");
    }
    consumer
}

#[test]
fn a_group_goes_on_where_it_was_interrupted() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    shell.ask(&broker, "produce --topic t", "one\ntwo\nthree\n");
    let mut consumer = member_that_printed(&broker, &shell, "one\ntwo\nthree\n", &[]);

    let members = shell.ask(&broker, "groups --describe --group g", "");
    assert!(members.contains("/127.0.0.1") && members.contains("ottla-cli"), "{members}");

    consumer.signal(Signal::INT);
    assert_eq!(consumer.wait(PATIENCE).and_then(|status| status.code()), Some(0));

    let state = shell.ask(&broker, "groups --describe --group g --state", "");
    assert!(state.contains("Empty"), "{state}");
    shell.ask(&broker, "produce --topic t", "four\n");
    let again = shell.ask(&broker, "consume --topic t --group g --max-messages 1", "");
    assert_eq!(again, "four\n");
    let lag = shell.ask(&broker, "groups --describe --group g", "");
    let cells: Vec<&str> = lag.lines().last().expect("a line").split_whitespace().collect();
    assert_eq!(cells[..6], ["g", "t", "0", "4", "4", "0"]);
}

#[test]
fn two_members_share_partitions() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    shell.ask(&broker, "topics --create --topic t --partitions 4", "");
    let server = broker.address().to_string();
    let words = ["consume", "--bootstrap-server", &server, "--topic", "t", "--group", "g"];
    let start = |name: &str| {
        let mut command = shell.command(Path::new(env!("CARGO_BIN_EXE_ottla")), &words, "");
        command.stdout(File::create(shell.path(name)).expect("a file")).stderr(Stdio::null());
        Subprocess::start(&mut command)
    };
    let mut members = [start("first"), start("second")];

    let deadline = Instant::now() + PATIENCE;
    loop {
        let table = shell.ask(&broker, "groups --describe --group g --members", "");
        let shares: Vec<&str> =
            table.lines().skip(2).filter_map(|line| line.split_whitespace().last()).collect();
        if shares == ["2", "2"] {
            break;
        }
        assert!(Instant::now() < deadline, "{table}");
    }

    for member in &mut members {
        member.signal(Signal::TERM);
        assert_eq!(member.wait(PATIENCE).and_then(|status| status.code()), Some(0));
    }
}

#[test]
fn a_group_with_members_is_not_reset() {
    let broker = Broker::start(&[]);
    let shell = Shell::new();
    shell.ask(&broker, "produce --topic t", "one\n");
    let mut consumer = member_that_printed(&broker, &shell, "one\n", &[]);

    let reset = "groups --reset-offsets --to-earliest --execute --group g --topic t";
    let refused = shell.ask(&broker, reset, "");

    assert!(refused.contains("the current state is Stable"), "{refused}");
    for (words, reason) in [
        ("groups --delete --group g", "GroupNotEmptyException"),
        (
            "groups --delete-offsets --group g --topic t",
            "the consumer group is actively subscribed to it",
        ),
    ] {
        let words = format!("{words} --bootstrap-server {}", broker.address());
        let words: Vec<&str> = words.split(' ').collect();
        let ended = shell.run(&words, "");
        let told = ended.out + &ended.err;
        assert!(told.contains(reason), "{reason}: {told}");
    }
    consumer.kill();
}

#[test]
fn a_deleted_group_stays_deleted() {
    let mut broker = Broker::start(&[]);
    let shell = Shell::new();
    shell.ask(&broker, "produce --topic t", "one\n");
    for group in ["stays", "goes"] {
        let consume =
            format!("consume --topic t --group {group} --from-beginning --max-messages 1");
        assert_eq!(shell.ask(&broker, &consume, ""), "one\n");
    }

    shell.ask(&broker, "groups --delete --group goes", "");
    broker.kill();
    broker.start_again();

    assert_eq!(shell.ask(&broker, "groups --list", ""), "stays\n");
}
