//! OffsetCommit (key 8), versions 2 to 9.
//!
//! Stores how far a group has read. A consumer that assigns itself commits with generation -1.
//! v2 to v4 retention time · v3 throttle time · v6 leader epoch · v7 group instance id, KIP-345 ·
//! v8 flexible · v9 member epochs, GROUP_ID_NOT_FOUND
//! Not done: v10, topic ids.

use super::answer::{Answer, Ask};
use crate::group::{Commit, CommitAnswer, CommitOffset, GroupError};
use crate::types::{ErrorCode, TopicName};
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestPartition;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use std::time::Duration;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: OffsetCommitRequest,
) -> Answer<OffsetCommitResponse> {
    let version = ask.version;
    let mut offsets = Vec::new();
    let response =
        OffsetCommitResponse::default().with_topics(prepare(ask, &request, &mut offsets));
    if offsets.is_empty() {
        return Answer::Now(response);
    }
    let commit = Commit {
        member_id: request.member_id.as_str().into(),
        generation_id: request.generation_id_or_member_epoch,
        group_instance_id: request.group_instance_id.as_deref().map(Into::into),
        retention: u64::try_from(request.retention_time_ms).ok().map(Duration::from_millis),
        offsets,
    };
    let answer = ask.broker.groups.ask(&request.group_id, commit);
    Answer::later(async move { fill_in(version, response, answer.await) })
}

/// The response with what needs no group to know; positions of partitions that exist go to
/// `offsets`, in the order in which their places stand in the response.
fn prepare(
    ask: &Ask<'_>,
    request: &OffsetCommitRequest,
    offsets: &mut Vec<CommitOffset>,
) -> Vec<OffsetCommitResponseTopic> {
    let image = ask.broker.registry.image();
    let mut topics = Vec::with_capacity(request.topics.len());
    for asked in &request.topics {
        let topic = image.topic(&asked.name);
        let mut partitions = Vec::with_capacity(asked.partitions.len());
        for partition in &asked.partitions {
            let known = topic.filter(|topic| topic.partition(partition.partition_index).is_some());
            let code = match known {
                Some(topic) => {
                    offsets.push(to_offset(&topic.name, partition));
                    0
                }
                None => ErrorCode::UnknownTopicOrPartition.code(),
            };
            partitions.push(
                OffsetCommitResponsePartition::default()
                    .with_partition_index(partition.partition_index)
                    .with_error_code(code),
            );
        }
        topics.push(
            OffsetCommitResponseTopic::default()
                .with_name(asked.name.clone())
                .with_partitions(partitions),
        );
    }
    topics
}

fn to_offset(topic: &TopicName, partition: &OffsetCommitRequestPartition) -> CommitOffset {
    CommitOffset {
        topic: topic.clone(),
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_deref().unwrap_or_default().to_owned(),
    }
}

/// Puts the group's results into the places that are still without an error.
fn fill_in(
    version: i16,
    mut response: OffsetCommitResponse,
    answer: Result<CommitAnswer, GroupError>,
) -> OffsetCommitResponse {
    let open = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    let open = open.filter(|partition| partition.error_code == 0);
    match answer {
        Ok(results) => {
            for (partition, result) in open.zip(results) {
                partition.error_code = result.map_or_else(|error| code(version, &error), |()| 0);
            }
        }
        Err(error) => {
            let code = code(version, &error);
            open.for_each(|partition| partition.error_code = code);
        }
    }
    response
}

/// Clients before v9 do not know of groups that are not there.
fn code(version: i16, error: &GroupError) -> i16 {
    let unknown = *error == GroupError::GroupNotFound && version < 9;
    let code = if unknown { GroupError::IllegalGeneration.code() } else { error.code() };
    code.code()
}
