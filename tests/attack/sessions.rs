//! What a broker remembers of its clients between requests: fetch sessions, producers, names.

use std::io::Write;
use std::thread;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{
    ApiVersionsRequest, FetchRequest, InitProducerIdRequest, ProduceRequest, ProducerId,
};
use kafka_protocol::protocol::StrBytes;
use ottla_actors::types::{self, Codec, CompressionTarget};
use ottla_actors::wire::{BatchBuilder, Header};

use crate::bystander::Bystander;
use crate::client::{Client, batch, frame, frame_of, now_ms, produce, produce_frame, topic_name};
use crate::harness::{samples, sized, value};
use crate::memory::{Bounds, MIB, assert_calm};

/// `max.incremental.fetch.session.cache.slots`
const SLOTS: usize = 100;
const FETCHERS: usize = 150;
/// Sessions that each asks for.
const SESSIONS: usize = 4;

fn fetch_session(partitions: i32) -> FetchRequest {
    let partitions = (0..partitions).map(|index| FetchPartition::default().with_partition(index));
    let topic = FetchTopic::default()
        .with_topic(topic_name("sessions"))
        .with_partitions(partitions.collect());
    FetchRequest::default().with_session_id(0).with_session_epoch(0).with_topics(vec![topic])
}

#[test]
fn fetch_sessions_take_no_more_than_their_slots() {
    // A slot is a thousand partitions of some 400 bytes.
    let besides = u64::try_from(SLOTS).expect("a count") * 1_000 * 400;
    let bounds = Bounds { besides, ..Bounds::SMALL };
    let slots = format!("max.incremental.fetch.session.cache.slots={SLOTS}");
    let (mut broker, _) = bounds.broker(&[&slots]);
    let bystander = Bystander::start(broker.address());

    let mut fetchers: Vec<Client> =
        (0..FETCHERS).map(|_| Client::connect(broker.address())).collect();
    let mut given = 0;
    for _ in 0..SESSIONS {
        for fetcher in &mut fetchers {
            let answer = fetcher.ask(11, &fetch_session(1));
            assert_eq!((answer.error_code, answer.responses.len()), (0, 1));
            given += usize::from(answer.session_id != 0);
        }
    }
    assert_eq!(given, SLOTS);
    drop(fetchers);
    // Places come back with the connections, and then they are asked for with very many partitions
    // each, none of which exists.
    let mut large = 0;
    let mut fetchers: Vec<Client> = (0..20).map(|_| Client::connect(broker.address())).collect();
    for fetcher in &mut fetchers {
        for _ in 0..SESSIONS {
            let answer = fetcher.ask(11, &fetch_session(100_000));
            assert_eq!((answer.error_code, answer.responses.len()), (0, 1));
            large += usize::from(answer.session_id != 0);
        }
    }
    // The first of them takes all places.
    assert_eq!(large, 1);

    bystander.finish("fetch sessions");
    broker.assert_alive();
    bounds.assert_kept(&broker, "fetch sessions");
    assert_calm(&broker, 1, "fetch sessions");
}

/// Producers that never come back, each with one batch.
const PRODUCERS: i64 = 120_000;
/// What a partition remembers at most, and what each may take.
const REMEMBERED: f64 = 100_000.0;
const PRODUCER_BYTES: u64 = 600;

#[test]
fn producers_that_never_come_back_are_forgotten_within_bounds() {
    let besides = 100_000 * PRODUCER_BYTES;
    let bounds = Bounds { besides, ..Bounds::SMALL };
    let (mut broker, page) = bounds.broker(&[]);
    let address = broker.address();
    let mut client = Client::connect(address);
    client.create_topic("flood", 1);
    let bystander = Bystander::start(address);

    let ask = frame(
        3,
        &InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    );
    let (mut reading, count) =
        (Client { socket: client.socket.try_clone().expect("a handle") }, 20_000);
    let asked = thread::spawn(move || {
        let mut ids: Vec<i64> = (0..count)
            .map(|_| {
                let answer = reading.answer::<InitProducerIdRequest>(3);
                assert_eq!(answer.error_code, 0, "{answer:?}");
                answer.producer_id.0
            })
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    });
    client.send(&ask.repeat(count));
    assert_eq!(asked.join().expect("a reader"), count, "an id was given twice");

    let mut reading = Client { socket: client.socket.try_clone().expect("a handle") };
    let answered = thread::spawn(move || {
        (0..PRODUCERS)
            .filter(|_| {
                let answer = reading.answer::<ProduceRequest>(9);
                answer.responses[0].partition_responses[0].error_code == 0
            })
            .count()
    });
    for id in 0..PRODUCERS {
        client.send(&produce_frame("flood", &of_producer(1_000_000 + id)));
    }
    let answered = answered.join().expect("a reader");
    assert_eq!(i64::try_from(answered), Ok(PRODUCERS));

    bystander.finish("a flood of producers");
    broker.assert_alive();
    let remembered = value(&samples(page), "ottla_partition_open_producers");
    assert!((1.0..=REMEMBERED).contains(&remembered), "{remembered} are remembered");
    bounds.assert_kept(&broker, "a flood of producers");
    assert_calm(&broker, 1, "a flood of producers");
}

fn of_producer(id: i64) -> Bytes {
    let mut builder =
        BatchBuilder::new().with_producer(types::ProducerId(id), types::ProducerEpoch(0), 0);
    builder.record(now_ms(), None, Some(b"once"));
    builder.build()
}

#[test]
fn names_and_fields_of_any_length_are_kept_by_nobody() {
    let (mut broker, page) = Bounds::SMALL.broker(&[]);
    let address = broker.address();
    Client::connect(address).create_topic("names", 1);
    let bystander = Bystander::start(address);
    let name = "n".repeat(32_767);

    // Sessions, produced batches and an answered request of a client with a long name each, which
    // stays connected.
    let mut clients: Vec<Client> = (0..300).map(|_| Client::connect(address)).collect();
    for client in &mut clients {
        client.send(&frame_of(&name, 11, &fetch_session(1)));
        assert_ne!(client.answer::<FetchRequest>(11).session_id, 0);
        client.send(&frame_of(&name, 9, &produce("names", &batch(b"value", Codec::None))));
        client.receive().expect("an answer");
        let software = StrBytes::from_string(name.clone());
        let request = ApiVersionsRequest::default()
            .with_client_software_name(software.clone())
            .with_client_software_version(software);
        client.send(&frame_of(&name, 3, &request));
        client.receive().expect("an answer");
    }
    // A record with as many headers as fit, and as few bytes in each.
    let mut builder = BatchBuilder::new();
    let headers = vec![Header { key: b"", value: None }; 50_000];
    builder.record_with_headers(now_ms(), None, None, &headers);
    let packed = CompressionTarget::with_default_level(Codec::None);
    let heavy = builder.build_compressed(packed).expect("a batch");
    assert_eq!(clients[0].produce("names", &heavy).0, 0);
    // A head, and then a body, that are nothing but tags; many of them, and a large one.
    for tags in [tags(100_000, 0), tags(1, 900_000), vec![0xff; 100_000]] {
        let mut client = Client::connect(address);
        let mut frame = BytesMut::zeroed(4);
        frame.put_slice(&[0, 18, 0, 3, 0, 0, 0, 1, 0xff, 0xff]);
        frame.put_slice(&tags);
        frame.put_slice(&[1, 1, 0]);
        sized(&mut frame);
        // The broker may have closed it by then.
        client.socket.write_all(&frame).unwrap_or_default();
        client.receive().map(drop).unwrap_or_default();
    }

    bystander.finish("long names and fields");
    broker.assert_alive();
    let open = value(&samples(page), "ottla_connection_open");
    assert!(open >= 300.0, "{open} are open");
    Bounds::SMALL.assert_kept(&broker, "long names and fields");
    let resident = broker.resident_mebibytes();
    println!("long names and fields: {resident} MiB are left");
    assert_calm(&broker, 3, "long names and fields");
    // Nothing of a name stays with a connection: what is left is what an idle broker takes.
    assert!(resident * MIB < 100 * MIB, "{resident} MiB");
}

/// So many tagged fields of so many bytes.
fn tags(count: u32, bytes: u32) -> Vec<u8> {
    let mut tags = Vec::new();
    varint(&mut tags, count);
    for tag in 0..count {
        varint(&mut tags, tag);
        varint(&mut tags, bytes);
        tags.resize(tags.len() + usize::try_from(bytes).expect("a size"), 7);
    }
    tags
}

fn varint(to: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        to.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    to.push(u8::try_from(number).expect("seven bits"));
}
