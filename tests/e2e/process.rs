//! The binary as a process: how it starts, what it refuses, how it ends.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{
    Broker, broker_with_page, free_port, run_to_end, samples, scratch, serve, value,
};

#[test]
fn a_broker_says_when_it_serves() {
    let broker = Broker::start(&[]);

    assert!(broker.log().contains("Kafka Server started"), "{}", broker.log());
}

#[test]
fn an_idle_broker_is_small() {
    let broker = Broker::start(&[]);

    // A debug build; one for release needs less.
    let resident = broker.resident_mebibytes();

    assert!(resident < 64, "{resident} MiB");
}

#[test]
fn the_first_sigterm_ends_it_with_success() {
    let mut broker = Broker::start(&[]);

    let status = broker.stop();

    assert_eq!(status.code(), Some(0), "{}", broker.log());
}

#[test]
fn an_interrupt_from_the_keyboard_ends_it_with_success() {
    let mut broker = Broker::start(&[]);

    broker.signal(Signal::INT);

    assert_eq!(broker.await_end().code(), Some(0), "{}", broker.log());
}

#[test]
fn a_second_sigterm_ends_it_at_once() {
    // A client that takes no answers keeps an orderly stop waiting.
    let (mut broker, _deaf) = broker_with_deaf_client();

    broker.signal(Signal::TERM);
    broker.await_log("stopping");
    broker.signal(Signal::TERM);

    let status = broker.await_end();
    assert_eq!(status.code(), Some(1), "not an orderly end: {}", broker.log());
}

#[test]
fn a_stop_gives_up_on_a_client_that_takes_no_answers() {
    let (mut broker, _deaf) = broker_with_deaf_client();

    let status = broker.stop();

    assert_eq!(status.code(), Some(0), "{}", broker.log());
}

/// A broker, and a connection on which it can answer no more, for nobody reads the answers.
fn broker_with_deaf_client() -> (Broker, TcpStream) {
    let (broker, page) = broker_with_page(&[]);
    let mut socket = TcpStream::connect(broker.address()).expect("a connection");
    socket.set_write_timeout(Some(Duration::from_millis(100))).expect("a time limit");
    let asks = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff].repeat(1000);
    let mut sent = 0;
    loop {
        match socket.write(&asks[sent % asks.len()..]) {
            Ok(bytes) => sent += bytes,
            // The broker may be slow, or have stopped reading: it says which.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let blocked = r#"ottla_connection_blocked{reason="answers"}"#;
                if value(&samples(page), blocked) > 0.0 {
                    return (broker, socket);
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_stop_does_not_wait_for_idle_connections() {
    let mut broker = Broker::start(&[]);
    let sockets: Vec<TcpStream> =
        (0..20).map(|_| TcpStream::connect(broker.address()).expect("a connection")).collect();

    let status = broker.stop();

    assert_eq!(status.code(), Some(0), "{}", broker.log());
    drop(sockets);
}

#[test]
fn it_starts_again_on_the_folder_it_left() {
    let mut broker = Broker::start(&[]);

    for _ in 0..3 {
        broker.kill();
        broker.start_again();
        assert!(broker.stop().success());
        broker.start_again();
    }
}

/// Runs `command`, which has to fail with exit code 1 and say each of `words`.
fn refused(command: &mut Command, words: &[&str]) {
    let (status, said) = run_to_end(command);

    assert_eq!(status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not said:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_port_in_use_is_an_error_that_names_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");

    refused(&mut serve(port, folder.path(), &[]), &[&port.to_string()]);
}

#[test]
fn a_data_folder_in_use_is_an_error_that_names_it() {
    let mut broker = Broker::start(&[]);
    let data = broker.data();

    refused(&mut serve(free_port(), &data, &[]), &[&data.display().to_string()]);

    broker.assert_alive();
    assert!(broker.stop().success(), "the broker that was there goes on");
}

#[test]
fn a_data_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let file = folder.path().join("file");
    std::fs::write(&file, "in the way").expect("a file");

    refused(&mut serve(free_port(), &file, &[]), &[&file.display().to_string()]);
}

#[test]
fn a_wrong_value_is_an_error_that_names_the_setting() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let wrong = [String::from("num.partitions=many")];

    refused(&mut serve(free_port(), folder.path(), &wrong), &["num.partitions", "many"]);
}

#[test]
fn a_misspelt_setting_is_an_error_that_names_the_right_one() {
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let wrong = [String::from("num.partition=3")];

    refused(&mut serve(free_port(), folder.path(), &wrong), &["num.partition", "num.partitions"]);
}
