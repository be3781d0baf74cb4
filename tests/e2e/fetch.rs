//! How much a fetch gives, for readers of many partitions.

use std::collections::BTreeSet;

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, FetchRequest, FetchResponse, ProduceRequest, TopicName,
};
use ottla_actors::wire::BatchBuilder;

use crate::harness::{Broker, Client, text};

const PARTITIONS: i32 = 12;
const MIB: usize = 1 << 20;

/// A topic with a record of almost a MiB in each partition.
fn filled(client: &mut Client) {
    let topic = CreatableTopic::default()
        .with_name(TopicName(text("t")))
        .with_num_partitions(PARTITIONS)
        .with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(1000);
    assert_eq!(client.ask(4, &request).topics[0].error_code, 0);
    (0..PARTITIONS).for_each(|partition| produce(client, partition));
}

/// A record of almost a MiB.
fn produce(client: &mut Client, partition: i32) {
    let mut batch = BatchBuilder::new();
    batch.record(0, None, Some(&vec![b'x'; 1_000_000]));
    let data =
        PartitionProduceData::default().with_index(partition).with_records(Some(batch.build()));
    let topic =
        TopicProduceData::default().with_name(TopicName(text("t"))).with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![topic]);
    assert_eq!(client.ask(9, &request).responses[0].partition_responses[0].error_code, 0);
}

/// A fetch as client libraries ask: up to 50 MiB, one of each partition.
fn fetch(offsets: impl IntoIterator<Item = (i32, i64)>) -> FetchRequest {
    fetch_up_to(MIB, offsets)
}

/// A fetch of up to 50 MiB, and so much of each partition.
fn fetch_up_to(
    partition_bytes: usize,
    offsets: impl IntoIterator<Item = (i32, i64)>,
) -> FetchRequest {
    let partition = |(partition, offset)| {
        FetchPartition::default()
            .with_partition(partition)
            .with_fetch_offset(offset)
            .with_partition_max_bytes(i32::try_from(partition_bytes).expect("small"))
    };
    let topic = FetchTopic::default()
        .with_topic(TopicName(text("t")))
        .with_partitions(offsets.into_iter().map(partition).collect());
    FetchRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_max_wait_ms(30_000)
        .with_min_bytes(1)
        .with_max_bytes(i32::try_from(50 * MIB).expect("small"))
        .with_topics(vec![topic])
}

fn everything() -> impl Iterator<Item = (i32, i64)> {
    (0..PARTITIONS).map(|partition| (partition, 0))
}

/// Partitions with records, and the bytes of these.
fn given(answer: &FetchResponse) -> (Vec<i32>, usize) {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let bytes = |records: &Option<Bytes>| records.as_ref().map_or(0, Bytes::len);
    let given = partitions.filter(|partition| bytes(&partition.records) > 0);
    let given: Vec<_> = given.map(|part| (part.partition_index, bytes(&part.records))).collect();
    (given.iter().map(|(partition, _)| *partition).collect(), given.iter().map(|it| it.1).sum())
}

#[test]
fn a_reader_of_many_partitions_gets_all_of_them_in_small_answers() {
    let broker = Broker::start(&[]);
    let mut client = Client::new(&broker, "reader");
    filled(&mut client);
    let mut seen = BTreeSet::new();
    let mut request = fetch(everything()).with_session_epoch(0);

    for epoch in 1..=3 {
        let answer = client.ask(11, &request);
        let (partitions, bytes) = given(&answer);
        assert!((MIB..=4 * MIB).contains(&bytes), "{bytes} bytes in answer {epoch}");
        seen.extend(&partitions);
        let read = partitions.into_iter().map(|partition| (partition, 1));
        request = fetch(read).with_session_id(answer.session_id).with_session_epoch(epoch);
    }

    assert_eq!(seen, (0..PARTITIONS).collect());
}

#[test]
fn a_reader_that_waits_for_more_than_an_answer_usually_has_gets_it() {
    let broker = Broker::start(&[]);
    let mut client = Client::new(&broker, "reader");
    filled(&mut client);
    let min_bytes = i32::try_from(6 * MIB).expect("small");

    let answer =
        client.ask(11, &fetch(everything()).with_session_epoch(-1).with_min_bytes(min_bytes));

    let (_, bytes) = given(&answer);
    assert!((6 * MIB..12 * MIB).contains(&bytes), "{bytes}");
}

#[test]
fn a_partition_that_may_fill_an_answer_leaves_room_for_others_where_it_cannot() {
    let mut broker = Broker::start(&[]);
    filled(&mut Client::new(&broker, "writer"));
    // What was written is in memory no longer, so that reader threads fetch it from the disk.
    broker.stop();
    broker.start_again();
    let mut client = Client::new(&broker, "reader");

    let answer = client.ask(11, &fetch_up_to(50 * MIB, everything()).with_session_epoch(-1));

    let (partitions, bytes) = given(&answer);
    assert_eq!(partitions, [0, 1, 2, 3], "{bytes} bytes");
}

#[test]
fn a_reader_waits_for_nothing_that_is_there_already() {
    let mut broker = Broker::start(&[]);
    let mut writer = Client::new(&broker, "writer");
    filled(&mut writer);
    (0..3).for_each(|_| produce(&mut writer, 0));
    broker.stop();
    broker.start_again();
    let mut client = Client::new(&broker, "reader");
    let patient = fetch_up_to(50 * MIB, [(0, 0)])
        .with_session_epoch(-1)
        .with_min_bytes(i32::try_from(2 * MIB).expect("small"))
        .with_max_wait_ms(i32::MAX);

    // From the disk, where one read has less than it waits for: as by a reader thread, so by the
    // thread that finds the next record where that one ended.
    let (first, _) = given(&client.ask(11, &patient));
    let from_the_second = fetch_up_to(50 * MIB, [(0, 1)]);
    let second = patient.clone().with_topics(from_the_second.topics);
    let (second, _) = given(&client.ask(11, &second));

    assert_eq!((first, second), (vec![0], vec![0]));
}
