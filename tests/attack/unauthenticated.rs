//! Peers that do not say who they are, and those who guess.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use bytes::Bytes;
use kafka_protocol::messages::{
    MetadataRequest, ProduceRequest, SaslAuthenticateRequest, SaslHandshakeRequest,
};
use kafka_protocol::protocol::{Request, StrBytes};

use crate::bystander::Bystander;
use crate::client::{Client, frame};
use crate::harness::{Broker, PATIENCE, free_port, samples, sized, value};
use crate::memory::{Bounds, assert_calm};
use crate::random::setting;

/// `sasl.server.max.receive.size`, as it is by default.
const RECEIVE_MAX: usize = 524_288;
const MIB: usize = 1 << 20;

/// A broker with one listener for everybody, and one for those who say who they are; its page and
/// the address of the second.
fn broker() -> (Broker, SocketAddr, SocketAddr) {
    let sasl = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:<port>,SASL_PLAINTEXT://{sasl}");
    let users = "listener.name.sasl_plaintext.plain.sasl.jaas.config=\
                 PlainLoginModule required user_alice=\"secret\";";
    let mechanisms = "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256";
    let (broker, page) = Bounds::SMALL.broker(&[&listeners, users, mechanisms]);
    (broker, page, sasl)
}

/// The front of a request of this API, and nothing behind it but zeros.
fn padded<R: Request>(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0; 4 + bytes];
    frame[4..6].copy_from_slice(&R::KEY.to_be_bytes());
    sized(&mut frame);
    frame
}

#[test]
fn frames_of_the_unknown_are_small_and_share_the_memory_of_all() {
    let (mut broker, page, sasl) = broker();
    let bystander = Bystander::start(broker.address());
    let begun = padded::<SaslAuthenticateRequest>(RECEIVE_MAX);
    let held: Vec<Client> = (0..300)
        .map(|_| {
            let mut client = Client::connect(sasl);
            // It may be closed or kept waiting meanwhile; that is the broker's right.
            client.socket.set_nonblocking(true).expect("an option");
            client.socket.write(&begun[..begun.len() - 1]).unwrap_or_default();
            client
        })
        .collect();

    for bytes in [RECEIVE_MAX + 1, MIB, 90 * MIB] {
        for front in [padded::<ProduceRequest>(8), padded::<SaslHandshakeRequest>(8)] {
            let mut client = Client::connect(sasl);
            let size = u32::try_from(bytes).expect("a size").to_be_bytes();
            client.send(&[&size, &front[4..]].concat());
            assert!(client.is_closed(), "{bytes} bytes are taken");
        }
    }

    bystander.finish("frames of unauthenticated peers");
    drop(held);
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "frames of unauthenticated peers");
    assert_calm(&broker, 4, "frames of unauthenticated peers");
    assert!(value(&samples(page), "ottla_connection_closed_total{reason=\"frame\"}") >= 6.0);
}

#[test]
fn guesses_and_malformed_tokens_are_told_of_once_and_counted() {
    let guesses = setting("ATTACK_GUESSES", 400);
    let (mut broker, page, sasl) = broker();
    let bystander = Bystander::start(broker.address());
    let mut open = Vec::new();
    for at in 0..guesses {
        let mut client = Client::connect(sasl);
        let mechanism = if at % 2 == 0 { "PLAIN" } else { "SCRAM-SHA-256" };
        let mechanism = StrBytes::from_static_str(mechanism);
        client.send(&frame(1, &SaslHandshakeRequest::default().with_mechanism(mechanism)));
        let token = match at % 4 {
            0 => format!("\0alice\0guess{at}"),
            1 => format!("n,,n=alice{at},r=nonce"),
            2 => "\0".repeat(usize::try_from(at).expect("small")),
            _ => format!("n,,n=alice,r={},p=AAEC", "=".repeat(500)),
        };
        let token = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from(token));
        client.send(&frame(2, &token));
        // Whoever does not wait for the answer gets none either.
        client.send(&frame(1, &MetadataRequest::default()));
        open.push(client);
        if open.len() == 50 {
            open.drain(..).for_each(drain);
        }
    }
    open.drain(..).for_each(drain);

    let counted = || {
        let name = "ottla_connection_closed_total{reason=\"authentication\"}";
        value(&samples(page), name)
    };
    let expected = f64::from(u32::try_from(guesses).expect("small"));
    let deadline = Instant::now() + PATIENCE;
    while counted() < expected {
        assert!(Instant::now() < deadline, "{} of {guesses} are counted", counted());
    }
    bystander.finish("guesses");
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "guesses");
    assert_calm(&broker, 2, "guesses");
}

/// Reads the two answers that a refused client gets, and the end.
fn drain(mut client: Client) {
    assert!(client.receive().is_ok() && client.receive().is_ok());
    assert!(client.is_closed(), "a refused client is served");
}
