//! Requests that are large, many, or never whole.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use kafka_protocol::messages::{ApiVersionsRequest, ProduceRequest};
use ottla_actors::types::Codec;

use crate::bystander::Bystander;
use crate::client::{
    Client, FETCH_VERSION, PRODUCE_VERSION, batch, fetch, frame, produce, produce_frame,
};
use crate::harness::{broker_with_page, samples, value};
use crate::memory::{Bounds, assert_calm};

const PRODUCERS: usize = 60;
/// Of each producer, without waiting for an answer.
const REQUESTS: usize = 60;

fn strings(settings: &[String]) -> Vec<&str> {
    settings.iter().map(String::as_str).collect()
}

#[test]
fn a_flood_of_small_batches_takes_no_more_than_requests_may() {
    let settings = Bounds::SMALL.settings();
    let (mut broker, _) = broker_with_page(&strings(&settings));
    let address = broker.address();
    Client::connect(address).create_topic("flood", 1);
    let bystander = Bystander::start(address);
    let frame = produce_frame("flood", &batch(&vec![7; 60_000], Codec::None));

    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let frames = frame.repeat(REQUESTS);
            thread::spawn(move || {
                let mut client = Client::connect(address);
                let mut writing = client.socket.try_clone().expect("a second handle");
                let sender = thread::spawn(move || writing.write_all(&frames));
                let answers = (0..REQUESTS).filter(|_| client.receive().is_ok()).count();
                sender.join().expect("a sender").expect("all is sent");
                answers
            })
        })
        .collect();
    for producer in producers {
        assert_eq!(producer.join().expect("a producer"), REQUESTS, "a request was not answered");
    }

    bystander.finish("a flood of batches");
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "a flood of batches");
    assert_calm(&broker, 1, "a flood of batches");
}

#[test]
fn a_flood_that_wants_no_answers_takes_no_more_than_requests_may() {
    let settings = Bounds::SMALL.settings();
    let (mut broker, _) = broker_with_page(&strings(&settings));
    let address = broker.address();
    Client::connect(address).create_topic("flood", 1);
    let records = batch(&vec![7; 120_000], Codec::None);
    let silent = frame(PRODUCE_VERSION, &produce("flood", &records).with_acks(0));

    thread::scope(|scope| {
        for _ in 0..PRODUCERS {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                (0..2 * REQUESTS).for_each(|_| client.send(&silent));
                // Answered behind everything before it.
                client.ask(0, &ApiVersionsRequest::default());
            });
        }
    });

    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "a flood without answers");
    assert_calm(&broker, 1, "a flood without answers");
    assert_eq!(
        Client::connect(address).produce("flood", &records).1,
        i64::try_from(2 * PRODUCERS * REQUESTS).expect("an offset")
    );
}

#[test]
fn a_request_that_waits_behind_another_keeps_no_memory_from_others() {
    let bounds = Bounds { requests: 8 << 20, ..Bounds::SMALL };
    let (mut broker, _) = bounds.broker(&[]);
    let mut client = Client::connect(broker.address());
    client.create_topic("empty", 1);
    client.create_topic("large", 1);
    let waits = fetch("empty", 0, 1).with_max_wait_ms(i32::MAX).with_min_bytes(1);
    let mut holder = Client::connect(broker.address());
    holder.send(&frame(FETCH_VERSION, &waits));
    let whole =
        [front(bounds.requests), vec![0; usize::try_from(bounds.requests - 7).expect("a size")]]
            .concat();
    let mut writing = holder.socket.try_clone().expect("a second handle");
    let sender = thread::spawn(move || writing.write_all(&whole));

    // As long as it takes until the frame would have been read.
    for _ in 0..100 {
        let (error, _) = client.produce("large", &batch(&vec![7; 100_000], Codec::None));
        assert_eq!(error, 0);
    }

    holder.socket.shutdown(Shutdown::Both).expect("an open connection");
    drop(sender.join().expect("a sender"));
    broker.assert_alive();
    bounds.assert_kept(&broker, "a request that waits");
}

#[test]
fn requests_that_hold_memory_and_never_come_make_way_for_others() {
    let bounds = Bounds { requests: 8 << 20, ..Bounds::SMALL };
    let mut settings = bounds.settings();
    settings.push(String::from("ottla.request.receive.timeout.ms=500"));
    let (mut broker, page) = broker_with_page(&strings(&settings));
    let mut client = Client::connect(broker.address());
    client.create_topic("large", 1);
    // All of the memory, announced by one who sends a byte now and then.
    let mut holder = Client::connect(broker.address());
    holder.send(&front(bounds.requests));
    let held = || value(&samples(page), "ottla_connection_request_memory_bytes");
    while held() == 0.0 {
        thread::yield_now();
    }

    let (error, _) = client.produce("large", &batch(&vec![7; 100_000], Codec::None));

    assert_eq!(error, 0);
    assert!(holder.is_closed());
    broker.assert_alive();
    let closed = value(&samples(page), "ottla_connection_closed_total{reason=\"slow\"}");
    assert_eq!(closed, 1.0);
    bounds.assert_kept(&broker, "requests that never come");
    assert_calm(&broker, 2, "requests that never come");
}

#[test]
fn nobody_waits_behind_a_request_whose_connection_waits_for_something_else() {
    let bounds = Bounds { requests: 8 << 20, ..Bounds::SMALL };
    let (mut broker, page) = bounds.broker(&[]);
    let mut client = Client::connect(broker.address());
    client.create_topic("large", 1);
    let mut holder = Client::connect(broker.address());
    holder.send(&front(bounds.requests));
    while value(&samples(page), "ottla_connection_request_memory_bytes") == 0.0 {
        thread::yield_now();
    }
    // It is the next that would ask for memory, and has no use for it: its fetch is open for an hour.
    let long = fetch("large", 0, 1).with_min_bytes(1).with_max_wait_ms(3_600_000);
    let versions = frame(0, &ApiVersionsRequest::default());
    let mut waiting = Client::connect(broker.address());
    waiting.send(&[&frame(FETCH_VERSION, &long)[..], &versions, &front(1 << 20)].concat());
    let open = "ottla_dispatch_open_requests{api=\"Fetch\"}";
    while samples(page).get(open).is_none_or(|requests| *requests == 0.0) {
        thread::yield_now();
    }

    drop(holder);
    let mut other = Client::connect(broker.address());
    other.create_topic("other", 1);
    let (error, _) = other.produce("other", &batch(&vec![7; 100_000], Codec::None));

    assert_eq!(error, 0);
    broker.assert_alive();
    bounds.assert_kept(&broker, "a request whose connection waits");
    assert_calm(&broker, 1, "a request whose connection waits");
}

/// The front of a produce request of so many bytes.
fn front(bytes: u64) -> Vec<u8> {
    let size = u32::try_from(bytes).expect("a size").to_be_bytes();
    [&size[..], &[0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0]].concat()
}

#[test]
fn a_hundred_megabytes_announced_or_sent_cost_no_more_than_allowed() {
    let bounds = Bounds { requests: 101 << 20, ..Bounds::SMALL };
    let settings = bounds.settings();
    let (mut broker, _) = broker_with_page(&strings(&settings));
    let bystander = Bystander::start(broker.address());
    let front = front(100 << 20);

    let mut announced: Vec<Client> = (0..20).map(|_| Client::connect(broker.address())).collect();
    for client in &mut announced {
        client.send(&front);
    }
    drop(announced);
    for filling in [0, 1, 0xff] {
        let mut socket = TcpStream::connect(broker.address()).expect("a connection");
        socket.write_all(&front).expect("the front is sent");
        let rest = vec![filling; 1 << 20];
        // The broker may end the connection early.
        let sent = (0..100).try_for_each(|_| socket.write_all(&rest));
        sent.and_then(|()| socket.shutdown(Shutdown::Write)).unwrap_or_default();
        Client { socket }.is_closed();
    }

    bystander.finish("requests of 100 MiB");
    broker.assert_alive();
    bounds.assert_kept(&broker, "requests of 100 MiB");
    assert_calm(&broker, 3, "requests of 100 MiB");
}

#[test]
fn clients_that_send_a_byte_at_a_time_are_served_and_hold_up_nobody() {
    const CLIENTS: usize = 200;
    let (mut broker, _) = Bounds::SMALL.broker(&[]);
    let address = broker.address();
    Client::connect(address).create_topic("slow", 1);
    let bystander = Bystander::start(address);
    let frame = produce_frame("slow", &batch(&[7; 100], Codec::None));

    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| Client::connect(address)).collect();
    for byte in frame.chunks(1) {
        for client in &mut clients {
            client.send(byte);
        }
    }
    for client in &mut clients {
        let answer = client.answer::<ProduceRequest>(PRODUCE_VERSION);
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }

    bystander.finish("a byte at a time");
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "a byte at a time");
    assert_calm(&broker, 1, "a byte at a time");
}
