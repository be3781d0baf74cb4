//! The outside suites: what other projects test their clients with, run against our broker (see
//! `tests/compat/suite.py`). Each runs the quick part of its list of what has to pass.

use std::io::{self, Write};
use std::process::Command;

use crate::harness::root;

/// What a suite's `run` ends with where the machine lacks something that it needs.
const SKIPPED: i32 = 77;

fn passes_what_it_passed(suite: &str) {
    let mut command = Command::new("python3");
    command.arg(root().join("tests/compat").join(suite).join("run"));
    command.args(["--binary", env!("CARGO_BIN_EXE_ottla")]).env("PYTHONDONTWRITEBYTECODE", "1");

    let output = command.output().expect("python3");

    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIPPED) {
        // Past the capture of libtest: nobody shall believe that the suite was run.
        let loud = format!("\n{said}THE SUITE {suite} WAS NOT RUN\n{complained}\n");
        io::stderr().write_all(loud.as_bytes()).expect("standard error");
        return;
    }
    assert!(output.status.success(), "{suite}: {}\n{said}\n{complained}", output.status);
}

/// One test a suite, so that suites run side by side.
macro_rules! suites {
    ($($test:ident => $suite:literal,)*) => {
        $(#[test]
        fn $test() {
            passes_what_it_passed($suite);
        })*
    };
}

suites! {
    java_clients_and_tools => "java",
    kafka_python => "kafka-python",
    librdkafka => "librdkafka",
    rdkafka => "rdkafka",
    kgo => "kgo",
    sarama => "sarama",
}
