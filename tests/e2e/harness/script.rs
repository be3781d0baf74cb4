//! Runs one function of a Python script against a broker that the script may stop and start.
//!
//! The script writes orders to its standard output, one a line, and reads `done` for each:
//! `stop` (SIGTERM, which has to end with exit code 0), `kill` (SIGKILL), `start`. Everything
//! else it has to say goes to standard error, which is shown when it fails.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Broker, Subprocess, environment, root, scratch};

/// The longest that a script may take; it ends itself a little earlier, showing where it hangs.
const SCRIPT_LIMIT: Duration = Duration::from_secs(130);

/// Runs `function` of `tests/e2e/python/<script>.py` against a new broker with `settings`.
pub(crate) fn run(script: &str, function: &str, settings: &[&str]) {
    let python = environment();
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let output = folder.path().join("output");
    let mut broker = Broker::start(settings);
    let mut process = Subprocess::start(
        Command::new(python)
            .arg(root().join("tests/e2e/python/run.py"))
            .args([script, function])
            .env("BOOTSTRAP", broker.address().to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&output).expect("an output file")),
    );

    obey(&mut process, &mut broker);

    let status = process.wait(SCRIPT_LIMIT);
    drop(process);
    if !status.is_some_and(|status| status.success()) {
        let said = fs::read_to_string(&output).unwrap_or_default();
        let ended = status.map_or_else(|| String::from("did not end"), |s| s.to_string());
        panic!(
            "{script}.{function}: {ended}\n--- script\n{}--- broker\n{}",
            last_lines(&said, 60),
            last_lines(&broker.log(), 60)
        );
    }
    broker.assert_alive();
}

/// Carries out the script's orders until it closes its output, as it does by ending.
fn obey(process: &mut Subprocess, broker: &mut Broker) {
    let mut answers = process.stdin.take().expect("a piped input");
    let orders = BufReader::new(process.stdout.take().expect("a piped output"));
    for order in orders.lines() {
        match order.expect("UTF-8").as_str() {
            "stop" => {
                let status = broker.stop();
                assert!(status.success(), "SIGTERM ended with {status}:\n{}", broker.log());
            }
            "kill" => broker.kill(),
            "start" => broker.start_again(),
            other => panic!("the script gave an unknown order: {other}"),
        }
        // A script that has failed meanwhile no longer reads, which its exit code tells.
        answers.write_all(b"done\n").unwrap_or_default();
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut last = lines[lines.len().saturating_sub(count)..].join("\n");
    last.push('\n');
    last
}

/// The tests that a script holds: its functions whose names do not begin with an underscore.
pub(crate) fn functions(script: &str) -> Vec<String> {
    let file = root().join(format!("tests/e2e/python/{script}.py"));
    let text = fs::read_to_string(file).expect("the script");
    let named = text.lines().filter_map(|line| line.strip_prefix("def ")?.strip_suffix("():"));
    named.filter(|name| !name.starts_with('_')).map(String::from).collect()
}
