//! Too many connections, idle ones, half-open ones, and storms of them.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::protocol::StrBytes;

use crate::bystander::Bystander;
use crate::client::Client;
use crate::harness::{PATIENCE, broker_with_page, samples, value};
use crate::memory::{Bounds, assert_calm, raise_descriptors, said};
use crate::random::setting;

/// Idle connections of the ordinary run; `ATTACK_IDLE=10000` is the long one, and needs twice as
/// many descriptors in `ulimit -Hn`, for the process and the broker have one end each.
const IDLE: u64 = 1_000;

fn strings(settings: &[String]) -> Vec<&str> {
    settings.iter().map(String::as_str).collect()
}

#[test]
fn connections_beyond_the_limit_are_closed_counted_and_told_of_once() {
    let (mut broker, page) = broker_with_page(&["max.connections.per.ip=20"]);
    let bystander = Bystander::start(broker.address());
    let mut held = Vec::new();
    loop {
        let mut client = Client::connect(broker.address());
        if !client.is_served() {
            break;
        }
        held.push(client);
    }

    let refused: u32 =
        (0..500).map(|_| u32::from(!Client::connect(broker.address()).is_served())).sum();

    assert_eq!((refused, held.len() <= 20), (500, true), "{} stay", held.len());
    drop(held);
    let deadline = Instant::now() + PATIENCE;
    while !Client::connect(broker.address()).is_served() {
        assert!(Instant::now() < deadline, "nobody is served once there is room");
    }
    bystander.finish("connections beyond the limit");
    broker.assert_alive();
    let counted = value(&samples(page), "ottla_connection_refused_total");
    assert!(counted >= f64::from(refused), "{refused} refused, {counted} counted");
    let told = said(&broker).iter().filter(|line| line.contains("too many")).count();
    assert_eq!(told, 1, "{}", broker.log());
}

#[test]
fn an_override_gives_an_address_more_connections_than_the_others() {
    let settings =
        ["max.connections.per.ip=1", "max.connections.per.ip.overrides=127.0.0.1:8,192.0.2.1:2"];
    let (broker, _) = broker_with_page(&settings);
    let mut clients: Vec<Client> = Vec::new();
    let deadline = Instant::now() + PATIENCE;

    // Connections of the start may be on their way out still.
    while clients.len() < 8 {
        let mut client = Client::connect(broker.address());
        if client.is_served() {
            clients.push(client);
        }
        assert!(Instant::now() < deadline, "{} of 8 are served", clients.len());
    }

    assert!(!Client::connect(broker.address()).is_served(), "a ninth is served");
    assert!(clients.iter_mut().all(Client::is_served));
}

#[test]
fn idle_and_half_open_connections_are_closed_and_counted() {
    let (broker, page) = broker_with_page(&["connections.max.idle.ms=1000"]);
    let mut silent = Client::connect(broker.address());
    let mut asked_once = Client::connect(broker.address());
    assert!(asked_once.is_served());
    // The front of a frame, and never the rest.
    let mut half = Client::connect(broker.address());
    half.send(&[0, 0, 4, 0, 0, 18, 0]);

    assert!(silent.is_closed() && asked_once.is_closed() && half.is_closed());

    let closed = value(&samples(page), "ottla_connection_closed_total{reason=\"idle\"}");
    assert!(closed >= 3.0, "{closed} counted");
    assert_calm(&broker, 1, "idle connections");
}

#[test]
fn idle_connections_take_little_and_hold_up_nobody() {
    let count = setting("ATTACK_IDLE", IDLE);
    let descriptors = raise_descriptors();
    assert!(count + 100 < descriptors, "{count} connections need `ulimit -Hn` above {descriptors}");
    let (mut broker, page) = broker_with_page(&[]);
    let before = broker.resident_mebibytes();
    let bystander = Bystander::start(broker.address());

    let mut idle: Vec<Client> = (0..count).map(|_| Client::connect(broker.address())).collect();
    for client in &mut idle {
        assert!(client.is_served());
    }

    bystander.finish("idle connections");
    broker.assert_alive();
    let open = value(&samples(page), "ottla_connection_open");
    assert!(open >= count as f64, "{open} are open");
    let grown = broker.resident_mebibytes().saturating_sub(before);
    println!("{count} idle connections: {grown} MiB more");
    // Without buffers of their own; unoptimised.
    assert!(grown * 1024 <= 4096 + count * 8, "{count} idle connections take {grown} MiB");
}

#[test]
fn a_storm_of_broken_connections_is_told_of_once_and_counted() {
    let settings = Bounds::SMALL.settings();
    let (mut broker, page) = broker_with_page(&strings(&settings));
    let bystander = Bystander::start(broker.address());

    for at in 0..2000_u32 {
        let mut socket = TcpStream::connect(broker.address()).expect("a connection");
        let bytes: &[u8] = if at % 2 == 0 {
            b"GET / HTTP/1.1\r\n\r\n"
        } else {
            b"\0\0\0\x09\0\x03\0\x63\0\0\0\x01\0"
        };
        // The broker may be quicker.
        socket.write_all(bytes).unwrap_or_default();
    }

    let deadline = Instant::now() + PATIENCE;
    // Some come while too many are there.
    let ended = || {
        let seen = samples(page);
        let of =
            |reason| value(&seen, &format!("ottla_connection_closed_total{{reason=\"{reason}\"}}"));
        let (frame, request) = (of("frame"), of("request"));
        assert!(frame <= 1000.0 && request <= 1000.0, "{frame} and {request}");
        frame + request + value(&seen, "ottla_connection_refused_total")
    };
    while ended() < 2000.0 {
        assert!(Instant::now() < deadline, "{} were counted", ended());
    }
    bystander.finish("a storm of connections");
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "a storm of connections");
    // One line for each of the three kinds, and that of the start.
    assert_calm(&broker, 4, "a storm of connections");
}

#[test]
fn connections_that_come_too_fast_wait_and_are_told_of_once_and_counted() {
    const RATE: u32 = 100;
    // Ten seconds' worth may come at once.
    const COUNT: u32 = 10 * RATE + 150;
    let rate = format!("max.connection.creation.rate={RATE}");
    let (mut broker, page) = broker_with_page(&[&rate]);
    let bystander = Bystander::start(broker.address());
    let begun = Instant::now();

    for _ in 0..COUNT {
        assert!(Client::connect(broker.address()).is_served());
    }

    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(1), "{COUNT} connections in {took:?}");
    let delayed = value(&samples(page), "ottla_connection_delayed_total");
    assert!(delayed >= 1.0, "{delayed} were delayed");
    bystander.finish("connections that come too fast");
    broker.assert_alive();
    let told = said(&broker).iter().filter(|line| line.contains("kept waiting")).count();
    assert_eq!(told, 1, "{}", broker.log());
}

/// Sets a config of the broker, or takes it back.
fn alter(client: &mut Client, name: &'static str, value: Option<&'static str>) {
    let (set, delete) = (0, 1);
    let change = AlterableConfig::default()
        .with_name(StrBytes::from_static_str(name))
        .with_config_operation(if value.is_some() { set } else { delete })
        .with_value(value.map(StrBytes::from_static_str));
    // A broker, by its id.
    let resource = AlterConfigsResource::default()
        .with_resource_type(4)
        .with_resource_name(StrBytes::from_static_str("1"))
        .with_configs(vec![change]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let answer = client.ask(1, &request);
    assert_eq!(answer.responses[0].error_code, 0, "{answer:?}");
}

#[test]
fn a_rate_that_is_set_anew_holds_up_and_lets_go_at_once() {
    let (broker, page) = broker_with_page(&[]);
    let delayed = || value(&samples(page), "ottla_connection_delayed_total");
    let mut admin = Client::connect(broker.address());
    assert!(admin.is_served());

    for name in
        ["max.connection.creation.rate", "listener.name.plaintext.max.connection.creation.rate"]
    {
        let before = delayed();
        alter(&mut admin, name, Some("0"));
        // The first is taken, if none was before.
        let first = thread::spawn({
            let address = broker.address();
            move || (0..2).all(|_| Client::connect(address).is_served())
        });
        let deadline = Instant::now() + PATIENCE;
        while delayed() <= before {
            assert!(Instant::now() < deadline, "{name} of 0 holds nobody up");
        }
        alter(&mut admin, name, None);

        assert!(first.join().expect("a client"), "{name} holds up those who waited before");
    }
}

#[test]
fn bounds_on_connections_hold_from_the_moment_that_they_are_set() {
    let (broker, _) = broker_with_page(&[]);
    let mut admin = Client::connect(broker.address());
    assert!(admin.is_served());

    for name in ["max.connections", "max.connections.per.ip"] {
        alter(&mut admin, name, Some("1"));
        assert!(!Client::connect(broker.address()).is_served(), "{name} lets a second in");

        alter(&mut admin, name, None);
        assert!(Client::connect(broker.address()).is_served(), "{name} keeps a second out");
    }
}
