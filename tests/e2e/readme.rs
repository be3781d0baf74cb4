//! What the README promises is true.

use std::fs;
use std::process::Command;

use crate::harness::{Broker, environment, root, run_to_end, scratch};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("the README")
}

/// The code blocks of a language, in the order they stand.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    let found = text.split(&begin).skip(1).filter_map(|rest| rest.split("```").next());
    found.map(String::from).collect()
}

#[test]
fn the_python_example_does_what_its_comments_say() {
    let broker = Broker::start(&[]);
    let text = readme();
    let [example] = &blocks(&text, "python")[..] else { panic!("one example in Python") };
    assert!(example.contains("127.0.0.1:9092"), "{example}");
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let script = folder.path().join("example.py");
    fs::write(&script, example.replace("127.0.0.1:9092", &broker.address().to_string()))
        .expect("the example");

    let (status, said) = run_to_end(Command::new(environment()).arg(script));

    assert!(status.success(), "{said}");
    assert_eq!(said, "hello, ottla\n");
}

#[test]
fn the_commands_are_those_that_are_checked() {
    let text = readme();
    let gate = fs::read_to_string(root().join(".ci/run")).expect("the gate");

    assert!(text.contains("cargo run --release"), "the README says how to start");
    assert!(text.contains("cargo test --workspace"), "the README says how to test");
    assert!(gate.lines().any(|line| line.trim() == "cargo test --workspace"), "as the gate does");
}

#[test]
fn every_file_that_is_linked_exists() {
    let text = readme();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());

    for link in links.filter(|link| !link.contains("://")) {
        assert!(root().join(link).exists(), "{link} is linked but does not exist");
    }
}
