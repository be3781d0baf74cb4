//! Bytes that no client sends: whoever sends them loses its connection, and nobody else notices.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::Broker;

/// What Kafka closes a connection for, as the bytes a client would have to send.
fn broken_frames() -> Vec<(&'static str, Vec<u8>)> {
    let frame = |body: &[u8]| {
        let size = u32::try_from(body.len()).expect("a small frame").to_be_bytes();
        [&size, body].concat()
    };
    // Header of version 1 for a key and version: correlation id 1, client id "x".
    let header = |key: u8, version: u8| vec![0, key, 0, version, 0, 0, 0, 1, 0, 1, b'x'];
    let with = |key, version, body: &[u8]| frame(&[header(key, version), body.to_vec()].concat());
    vec![
        ("a negative size", vec![0xff, 0xff, 0xff, 0xff]),
        ("a size over the limit", vec![0x7f, 0xff, 0xff, 0xff]),
        ("no bytes at all", frame(&[])),
        ("a header cut short", frame(&[0, 18, 0])),
        ("another protocol", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("an unknown API", with(250, 0, &[])),
        ("an unknown version", with(3, 99, &[])),
        ("a body cut short", with(3, 1, &[0])),
        ("an array of two thousand million topics", with(3, 1, &[0x7f, 0xff, 0xff, 0xff])),
        ("a string longer than the frame", with(3, 1, &[0, 0, 0, 1, 0x7f, 0xff, b'a'])),
        (
            "a compact array of four thousand million",
            with(3, 9, &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
        ),
        ("a varint that never ends", with(3, 9, &[0xff; 40])),
        ("a thousand million tagged fields", with(3, 9, &[0xff, 0xff, 0xff, 0xff, 0x07])),
    ]
}

/// A request for the versions and the size of its answer: shows that the connection is served.
fn is_served(socket: &mut TcpStream) -> bool {
    let ask = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let mut size = [0; 4];
    if socket.write_all(&ask).and_then(|()| socket.read_exact(&mut size)).is_err() {
        return false;
    }
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("a small answer")];
    socket.read_exact(&mut answer).is_ok() && answer.starts_with(&[0, 0, 0, 7, 0, 0])
}

fn connect(broker: &Broker) -> TcpStream {
    let socket = TcpStream::connect(broker.address()).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    socket
}

/// True when the broker closes the connection within the time limit, having answered nothing.
fn is_closed(socket: &mut TcpStream) -> bool {
    let mut answer = [0; 1];
    match socket.read(&mut answer) {
        Ok(count) => count == 0,
        Err(problem) => problem.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_broken_frame_costs_its_sender_the_connection_and_nobody_else() {
    let mut broker = Broker::start(&[]);
    let mut bystander = connect(&broker);
    assert!(is_served(&mut bystander));

    for (what, bytes) in broken_frames() {
        let mut sender = connect(&broker);
        sender.write_all(&bytes).expect("the bytes are sent");

        assert!(is_closed(&mut sender), "{what}: the connection is not closed");
        assert!(is_served(&mut bystander), "{what}: another connection suffered");
    }

    broker.assert_alive();
    assert!(!broker.log().contains("panicked"), "{}", broker.log());
}

#[test]
fn a_frame_that_never_ends_holds_up_nobody() {
    let broker = Broker::start(&[]);
    let mut slow: Vec<TcpStream> = (0..50).map(|_| connect(&broker)).collect();

    for socket in &mut slow {
        // 1 MiB announced, 3 bytes sent.
        socket.write_all(&[0, 0x10, 0, 0, 0, 18, 0]).expect("the bytes are sent");
    }

    assert!(is_served(&mut connect(&broker)));
}

#[test]
fn a_client_that_reads_no_answers_holds_up_nobody() {
    let broker = Broker::start(&[]);
    let mut deaf = connect(&broker);
    deaf.set_write_timeout(Some(Duration::from_millis(500))).expect("a time limit");
    let ask = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff].repeat(1000);

    // Until the socket is full, for the broker has to stop reading what it cannot answer.
    let sent = (0..3000).take_while(|_| deaf.write_all(&ask).is_ok()).count();

    assert!(sent < 3000, "three million requests were taken from a client that reads no answers");
    assert!(is_served(&mut connect(&broker)));
}

#[test]
fn requests_sent_together_are_answered_in_their_order() {
    let broker = Broker::start(&[]);
    let mut socket = connect(&broker);
    let asked: Vec<u8> =
        (0..200_u8).flat_map(|id| [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, id, 0xff, 0xff]).collect();

    socket.write_all(&asked).expect("the bytes are sent");

    for id in 0..200_u8 {
        let mut head = [0; 8];
        socket.read_exact(&mut head).expect("an answer");
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        assert_eq!(head[7], id);
        let mut rest = vec![0; usize::try_from(size).expect("a small answer") - 4];
        socket.read_exact(&mut rest).expect("the rest of the answer");
    }
}
