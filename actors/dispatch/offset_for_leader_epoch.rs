//! OffsetForLeaderEpoch (key 23), versions 2 to 4.
//!
//! Tells where an epoch of leadership ended, so that a client notices a log that was cut.
//! v2 current leader epoch · v3 replica id · v4 flexible
//! Rules of Kafka's `LeaderEpochFileCache.endOffsetFor`.

use super::answer::{Answer, Ask};
use super::fetch_read::check_leader_epoch;
use crate::partition::Partition;
use crate::types::{ErrorCode, LeaderEpoch};
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: OffsetForLeaderEpochRequest,
) -> Answer<OffsetForLeaderEpochResponse> {
    let image = ask.broker.registry.image();
    let mut response = OffsetForLeaderEpochResponse::default();
    for topic in &request.topics {
        let known = image.topic(topic.topic.as_str());
        let answer = |wanted: &OffsetForLeaderPartition| match known
            .and_then(|topic| topic.partition(wanted.partition))
        {
            Some(target) => end_of_epoch(wanted, &target.partition),
            None => refused(wanted.partition, ErrorCode::UnknownTopicOrPartition),
        };
        response.topics.push(
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(topic.partitions.iter().map(answer).collect()),
        );
    }
    Answer::Now(response)
}

fn end_of_epoch(wanted: &OffsetForLeaderPartition, partition: &Partition) -> EpochEndOffset {
    let ours = partition.view().leader_epoch().0;
    if let Some(error) = check_leader_epoch(wanted.current_leader_epoch, ours) {
        return refused(wanted.partition, error);
    }
    // Asked by a client that knows of no epoch.
    if wanted.leader_epoch < 0 {
        return unknown(wanted.partition);
    }
    match partition.log().end_offset_for(LeaderEpoch(wanted.leader_epoch)) {
        Some((epoch, end)) => EpochEndOffset::default()
            .with_partition(wanted.partition)
            .with_leader_epoch(epoch.0)
            .with_end_offset(end.to_wire()),
        None => unknown(wanted.partition),
    }
}

fn refused(partition: i32, error: ErrorCode) -> EpochEndOffset {
    unknown(partition).with_error_code(error.code())
}

/// No such epoch, which is no error.
fn unknown(partition: i32) -> EpochEndOffset {
    EpochEndOffset::default().with_partition(partition).with_leader_epoch(-1).with_end_offset(-1)
}
