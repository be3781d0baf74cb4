//! Kafka's own answers to awkward questions, compared with ours (see `tests/compat/kafka`).

use std::process::Command;

use crate::harness::{Broker, environment, root, run_to_end};

/// Asks the scenarios of one area and compares; `DIFFERENCES.md` says what may differ and why.
fn answers_as_kafka_does(area: &str) {
    let mut broker = Broker::start(&["auto.create.topics.enable=true", "node.id=1"]);
    let folder = root().join("tests/compat/kafka");

    let (status, said) = run_to_end(
        Command::new(environment())
            .arg(folder.join("probe.py"))
            .arg(broker.address().to_string())
            .args(["--only", &format!("^{area}/"), "--compare"])
            .arg(folder.join("expected.json"))
            .arg("--allow")
            .arg(folder.join("DIFFERENCES.md"))
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    );

    assert!(status.success(), "{area}: {status}\n{said}\n{}", broker.log());
    broker.assert_alive();
}

/// One test an area, so that areas run side by side.
macro_rules! areas {
    ($($area:ident)*) => {
        $(#[test]
        fn $area() {
            answers_as_kafka_does(stringify!($area));
        })*
    };
}

areas! { connection produce idempotence fetch offsets topics metadata groups configs admin quotas security }
