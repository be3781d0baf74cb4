//! Requests about very many partitions and topics.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use kafka_protocol::messages::fetch_request::FetchPartition;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{FetchRequest, MetadataRequest};
use ottla_actors::types::Codec;

use crate::bystander::Bystander;
use crate::client::{
    Client, FETCH_VERSION, PRODUCE_VERSION, batch, fetch_each, frame, produce_each, topic_name,
};
use crate::harness::{samples, value};
use crate::memory::{Bounds, assert_calm};

/// UNKNOWN_TOPIC_OR_PARTITION.
const UNKNOWN: i16 = 3;
const PARTITIONS: i32 = 1_000;
const READERS: usize = 16;
/// Fetches of each reader, of all partitions.
const FETCHES: usize = 30;
const TOPICS: usize = 10_000;
/// What one request may make: two records each, of 10,000.
const TOPICS_AT_ONCE: usize = 5_000;
/// What a partition that nobody uses may take, and a topic of one.
const TOPIC_BYTES: u64 = 12 << 10;

fn fetch_all(times: usize, max_wait_ms: i32) -> FetchRequest {
    let partitions =
        (0..PARTITIONS).cycle().take(usize::try_from(PARTITIONS).expect("few") * times);
    let partitions = partitions.map(|index| {
        FetchPartition::default().with_partition(index).with_partition_max_bytes(1 << 20)
    });
    fetch_each("wide", partitions.collect())
        .with_max_wait_ms(max_wait_ms)
        .with_min_bytes(1)
        .with_max_bytes(1 << 20)
}

#[test]
fn fetches_of_a_thousand_partitions_wait_within_bounds() {
    let besides = u64::try_from(PARTITIONS).expect("a count") * TOPIC_BYTES;
    let bounds = Bounds { besides, ..Bounds::SMALL };
    let (mut broker, page) = bounds.broker(&[]);
    let address = broker.address();
    Client::connect(address).create_topic("wide", PARTITIONS);
    let bystander = Bystander::start(address);

    let readers: Vec<_> = (0..READERS)
        .map(|at| {
            thread::spawn(move || {
                let mut reader = Client::connect(address);
                // Some are woken by their time, some never wait, some name each partition ten
                // times over.
                let request = fetch_all([1, 1, 1, 10][at % 4], [1, 1, 0, 1][at % 4]);
                for _ in 0..FETCHES {
                    let answer = reader.ask(FETCH_VERSION, &request);
                    assert_eq!(answer.error_code, 0);
                }
                // The last one leaves while it waits.
                reader.send(&frame(FETCH_VERSION, &fetch_all(1, i32::MAX)));
            })
        })
        .collect();
    for reader in readers {
        reader.join().expect("a reader");
    }

    bystander.finish("fetches of 1,000 partitions");
    let aside = value(&samples(page), "ottla_dispatch_side_lane_total{api=\"Fetch\"}");
    assert!(aside >= (READERS * FETCHES) as f64, "{aside} fetches on the side lane");
    let mut client = Client::connect(address);
    let records = batch(b"value", Codec::None);
    let request = produce_each(std::iter::once("wide"), PARTITIONS, &records);
    let produced = client.ask(PRODUCE_VERSION, &request);
    let answers = &produced.responses[0].partition_responses;
    assert!(answers.iter().all(|answer| answer.error_code == 0));
    let mut found = client.ask(FETCH_VERSION, &fetch_all(1, 0)).responses.remove(0).partitions;
    found.retain(|partition| partition.records.as_ref().is_some_and(|data| !data.is_empty()));
    assert_eq!(i32::try_from(found.len()), Ok(PARTITIONS));
    broker.assert_alive();
    bounds.assert_kept(&broker, "fetches of 1,000 partitions");
    assert_calm(&broker, 1, "fetches of 1,000 partitions");
}

fn metadata_of(names: impl Iterator<Item = String>) -> MetadataRequest {
    let topics = names
        .map(|name| MetadataRequestTopic::default().with_name(Some(topic_name(&name))))
        .collect();
    MetadataRequest::default().with_topics(Some(topics)).with_allow_auto_topic_creation(true)
}

#[test]
fn ten_thousand_topics_are_made_and_asked_for_within_bounds() {
    let besides = u64::try_from(TOPICS).expect("a count") * TOPIC_BYTES;
    let bounds = Bounds { besides, ..Bounds::SMALL };
    let (mut broker, page) = bounds.broker(&[]);
    let address = broker.address();
    let mut client = Client::connect(address);
    let bystander = Bystander::start(address);
    let topics_before = value(&samples(page), "ottla_registry_topics");

    // More than one request may make: none is made, and each is refused.
    let refused = client.ask(9, &metadata_of((0..4 * TOPICS).map(|at| format!("many-{at}"))));
    assert!(refused.topics.iter().all(|topic| topic.error_code == UNKNOWN));
    let unknown = (0..TOPICS).map(|at| format!("nobody-{at}"));
    let refused =
        client.ask(PRODUCE_VERSION, &produce_each(unknown, 1, &batch(b"value", Codec::None)));
    let codes = refused.responses.iter().map(|topic| topic.partition_responses[0].error_code);
    assert_eq!(codes.filter(|code| *code == UNKNOWN).count(), TOPICS);
    assert_eq!(value(&samples(page), "ottla_registry_topics"), topics_before);

    for first in (0..TOPICS).step_by(TOPICS_AT_ONCE) {
        let names = (first..first + TOPICS_AT_ONCE).map(|at| format!("many-{at}"));
        let made = client.ask(9, &metadata_of(names));
        assert!(made.topics.iter().all(|topic| topic.error_code == 0));
    }
    // Some never read their answers.
    let all = frame(9, &MetadataRequest::default().with_topics(None)).repeat(100);
    let mut deaf: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    for client in &mut deaf {
        client.socket.write_all(&all).expect("small requests are sent");
    }
    let seen = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = Client::connect(address);
                for _ in 0..5 {
                    let answer = client.ask(9, &MetadataRequest::default().with_topics(None));
                    seen.fetch_add(answer.topics.len(), Ordering::Relaxed);
                }
            });
        }
    });

    assert!(seen.into_inner() >= 20 * TOPICS);
    bystander.finish("metadata of 10,000 topics");
    broker.assert_alive();
    bounds.assert_kept(&broker, "metadata of 10,000 topics");
    assert_calm(&broker, 1, "metadata of 10,000 topics");
    drop(deaf);
}
