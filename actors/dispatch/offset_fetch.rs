//! OffsetFetch (key 9), versions 1 to 9.
//!
//! How far a group has read; -1 where it never said, be it a partition, a topic or a group that
//! nobody knows.
//! v2 all topics, error of the group · v3 throttle time · v5 leader epoch · v6 flexible ·
//! v7 require stable, KIP-447 · v8 many groups · v9 member epochs, KIP-848
//! Not done: v10, topic ids.

use super::answer::{Answer, Ask};
use crate::group::{Awaited, FetchAnswer, FetchOffsets, FetchedOffset, GroupError};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, OffsetFetchRequest, OffsetFetchResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

/// What is answered where nothing is stored (`OffsetFetchResponse.INVALID_OFFSET`).
const NO_OFFSET: i64 = -1;
/// Likewise.
const NO_EPOCH: i32 = -1;

pub(super) fn start(ask: &mut Ask<'_>, request: OffsetFetchRequest) -> Answer<OffsetFetchResponse> {
    if ask.version >= 8 { many(ask, request) } else { one(ask, request) }
}

fn one(ask: &Ask<'_>, request: OffsetFetchRequest) -> Answer<OffsetFetchResponse> {
    let version = ask.version;
    let topics: Option<Vec<(String, Vec<i32>)>> = request.topics.map(|topics| {
        let named = topics
            .into_iter()
            .map(|topic| (topic.name.as_str().to_owned(), topic.partition_indexes));
        named.collect()
    });
    let asked = topics.clone();
    let fetch = FetchOffsets { topics, require_stable: request.require_stable };
    let answer = ask.broker.groups.ask(&request.group_id, fetch);
    Answer::later(async move { one_response(version, asked, answer.await) })
}

fn one_response(
    version: i16,
    asked: Option<Vec<(String, Vec<i32>)>>,
    answer: Result<FetchAnswer, GroupError>,
) -> OffsetFetchResponse {
    let (found, code) = match answer {
        Ok(found) => (found, 0),
        Err(error) if version >= 2 => {
            return OffsetFetchResponse::default().with_error_code(error.code().code());
        }
        // v1 has no place for an error but each partition's.
        Err(error) => {
            let none = |(topic, partitions): (String, Vec<i32>)| {
                (topic, partitions.into_iter().map(|partition| (partition, None)).collect())
            };
            let found = asked.unwrap_or_default().into_iter().map(none).collect();
            (found, error.code().code())
        }
    };
    let topics = found.into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, stored)| {
            let (offset, leader_epoch, metadata) = columns(stored);
            OffsetFetchResponsePartition::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(leader_epoch)
                .with_metadata(Some(metadata))
                .with_error_code(code)
        });
        OffsetFetchResponseTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic)))
            .with_partitions(partitions.collect())
    });
    OffsetFetchResponse::default().with_topics(topics.collect())
}

fn many(ask: &Ask<'_>, request: OffsetFetchRequest) -> Answer<OffsetFetchResponse> {
    let require_stable = request.require_stable;
    let mut asked: Vec<(GroupId, Awaited<FetchAnswer>)> = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        let topics = group.topics.map(|topics| {
            let named = topics
                .into_iter()
                .map(|topic| (topic.name.as_str().to_owned(), topic.partition_indexes));
            named.collect()
        });
        let fetch = FetchOffsets { topics, require_stable };
        let answer = ask.broker.groups.ask(&group.group_id, fetch);
        asked.push((group.group_id, answer));
    }
    Answer::later(async move {
        let mut groups = Vec::with_capacity(asked.len());
        for (group_id, answer) in asked {
            groups.push(group_response(group_id, answer.await));
        }
        OffsetFetchResponse::default().with_groups(groups)
    })
}

fn group_response(
    group_id: GroupId,
    answer: Result<FetchAnswer, GroupError>,
) -> OffsetFetchResponseGroup {
    let response = OffsetFetchResponseGroup::default().with_group_id(group_id);
    let found = match answer {
        Ok(found) => found,
        Err(error) => return response.with_error_code(error.code().code()),
    };
    let topics = found.into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(partition, stored)| {
            let (offset, leader_epoch, metadata) = columns(stored);
            OffsetFetchResponsePartitions::default()
                .with_partition_index(partition)
                .with_committed_offset(offset)
                .with_committed_leader_epoch(leader_epoch)
                .with_metadata(Some(metadata))
        });
        OffsetFetchResponseTopics::default()
            .with_name(TopicName(StrBytes::from_string(topic)))
            .with_partitions(partitions.collect())
    });
    response.with_topics(topics.collect())
}

fn columns(stored: Option<FetchedOffset>) -> (i64, i32, StrBytes) {
    match stored {
        Some(stored) => {
            (stored.offset, stored.leader_epoch, StrBytes::from_string(stored.metadata))
        }
        None => (NO_OFFSET, NO_EPOCH, StrBytes::default()),
    }
}
