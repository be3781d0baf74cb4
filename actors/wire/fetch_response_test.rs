//! The hand-written Fetch answer against the crate's own encoder, byte for byte.
#![expect(clippy::cast_sign_loss, reason = "numbers of a test are small")]

use super::*;
use crate::wire::encode_response;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction as CrateAborted, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch,
    NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{BrokerId, FetchResponse, ProducerId, TopicName};
use kafka_protocol::protocol::StrBytes;

const HEAD: FetchHead = FetchHead {
    correlation_id: 77,
    throttle_time_ms: 5,
    error: Some(ErrorCode::FetchSessionIdNotFound),
    session_id: 9,
};
const ABORTED: [AbortedTransaction; 2] = [
    AbortedTransaction { producer_id: 4000, first_offset: 17 },
    AbortedTransaction { producer_id: 1, first_offset: i64::MAX },
];

fn full(index: i32) -> FetchedPartition<'static> {
    FetchedPartition {
        index,
        error: None,
        high_watermark: 1_000_000,
        last_stable_offset: 999_999,
        log_start_offset: 12,
        aborted_transactions: Some(&ABORTED),
        preferred_read_replica: 3,
        diverging_epoch: Some((6, 4711)),
        current_leader: Some((2, 8)),
    }
}

/// Topics of the answers below: partitions with null, empty and full lists, with every optional
/// field and with none.
fn partitions() -> Vec<(FetchedPartition<'static>, Vec<Bytes>)> {
    let large = Bytes::from(vec![7; 100_000]);
    vec![
        (full(0), vec![Bytes::from_static(b"sixteen bytes...."), large, Bytes::from(vec![1; 500])]),
        (FetchedPartition { aborted_transactions: Some(&[]), ..full(1) }, vec![]),
        (
            FetchedPartition { diverging_epoch: None, aborted_transactions: None, ..full(2) },
            vec![Bytes::from(vec![9; 5000])],
        ),
        (FetchedPartition { current_leader: None, ..full(3) }, vec![]),
        (FetchedPartition::refused(4, ErrorCode::OffsetOutOfRange), vec![]),
    ]
}

fn endpoint() -> FetchEndpoint {
    FetchEndpoint { node_id: 2, host: "broker-2".to_owned(), port: 9092, rack: None }
}

fn of_crate(version: i16, from: &FetchedPartition<'_>, records: &[Bytes]) -> PartitionData {
    let mut data = PartitionData::default()
        .with_partition_index(from.index)
        .with_error_code(from.error.map_or(0, |error| error.code()))
        .with_high_watermark(from.high_watermark)
        .with_last_stable_offset(from.last_stable_offset)
        .with_log_start_offset(from.log_start_offset)
        .with_records(Some(records.concat().into()));
    data.aborted_transactions = from.aborted_transactions.map(|list| {
        let aborted = |transaction: &AbortedTransaction| {
            CrateAborted::default()
                .with_producer_id(ProducerId(transaction.producer_id))
                .with_first_offset(transaction.first_offset)
        };
        list.iter().map(aborted).collect()
    });
    if version >= 11 {
        data.preferred_read_replica = BrokerId(from.preferred_read_replica);
    }
    if let (12.., Some((epoch, end))) = (version, from.diverging_epoch) {
        data.diverging_epoch = EpochEndOffset::default().with_epoch(epoch).with_end_offset(end);
    }
    if let (12.., Some((id, epoch))) = (version, from.current_leader) {
        data.current_leader =
            LeaderIdAndEpoch::default().with_leader_id(BrokerId(id)).with_leader_epoch(epoch);
    }
    data
}

fn crate_answer(version: i16, topics: &[Vec<(FetchedPartition<'_>, Vec<Bytes>)>]) -> Bytes {
    let mut response = FetchResponse::default().with_throttle_time_ms(HEAD.throttle_time_ms);
    if version >= 7 {
        response.error_code = HEAD.error.map_or(0, |error| error.code());
        response.session_id = HEAD.session_id;
    }
    for (number, partitions) in topics.iter().enumerate() {
        let mut topic = FetchableTopicResponse::default();
        if version >= 13 {
            topic.topic_id = Uuid::from_u128(number as u128 + 1);
        } else {
            topic.topic = TopicName(StrBytes::from_string(format!("topic-{number}")));
        }
        let data =
            |(from, records): &(FetchedPartition<'_>, Vec<Bytes>)| of_crate(version, from, records);
        topic.partitions = partitions.iter().map(data).collect();
        response.responses.push(topic);
    }
    if version >= 16 {
        response.node_endpoints.push(
            NodeEndpoint::default()
                .with_node_id(BrokerId(2))
                .with_host(StrBytes::from_static_str("broker-2"))
                .with_port(9092),
        );
    }
    encode_response(HEAD.correlation_id, version, &response).unwrap()
}

fn our_answer(version: i16, topics: &[Vec<(FetchedPartition<'_>, Vec<Bytes>)>]) -> Vec<Bytes> {
    let mut writer = FetchResponseWriter::new(version, &HEAD, topics.len());
    for (number, partitions) in topics.iter().enumerate() {
        let id = Uuid::from_u128(number as u128 + 1);
        writer.topic(&format!("topic-{number}"), id, partitions.len());
        for (partition, records) in partitions {
            writer.partition(partition, records);
        }
    }
    writer.finish(&[endpoint()]).unwrap()
}

#[test]
fn answers_equal_those_of_the_crate_at_every_version() {
    for version in 4..=18 {
        let topics = [partitions(), vec![], partitions()];

        let ours = our_answer(version, &topics).concat();

        assert!(ours == crate_answer(version, &topics), "version {version} differs");
    }
}

#[test]
fn small_answers_equal_those_of_the_crate_at_every_version() {
    for version in 4..=18 {
        let small = vec![(full(0), vec![Bytes::from(vec![1; 6000]), Bytes::from(vec![2; 6000])])];

        let ours = our_answer(version, std::slice::from_ref(&small));

        assert_eq!(ours.len(), 1, "version {version} was not copied together");
        assert!(ours[0] == crate_answer(version, &[small]), "version {version} differs");
    }
}

#[test]
fn answers_without_topics_equal_those_of_the_crate_at_every_version() {
    for version in 4..=18 {
        let ours = our_answer(version, &[]);

        assert_eq!(ours, [crate_answer(version, &[])], "version {version} differs");
    }
}

#[test]
fn large_parts_are_linked_and_small_ones_copied() {
    let large = Bytes::from(vec![7; 100_000]);
    let records = vec![Bytes::from(vec![1; 16]), large.clone(), Bytes::from(vec![2; 16])];

    let ours = our_answer(17, &[vec![(full(0), records)]]);

    assert_eq!(ours.len(), 3, "head, linked part, tail");
    assert_eq!(ours[1].as_ptr(), large.as_ptr(), "the large part was copied");
    assert!(ours[0].ends_with(&[1; 16]));
    assert!(ours[2].starts_with(&[2; 16]));
}

#[test]
fn the_size_in_front_counts_linked_parts() {
    let records = vec![Bytes::from(vec![7; 100_000])];

    let frame = our_answer(12, &[vec![(full(0), records)]]).concat();

    let size = i32::from_be_bytes(*frame.first_chunk().unwrap());
    assert_eq!(size as usize, frame.len() - 4);
}

#[test]
#[should_panic(expected = "announced and not written")]
fn an_answer_that_lacks_an_announced_topic_is_never_sent() {
    let writer = FetchResponseWriter::new(12, &HEAD, 1);

    drop(writer.finish(&[]));
}
