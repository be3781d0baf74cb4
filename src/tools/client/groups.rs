//! What tools ask about groups: their coordinator, their members, their offsets.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes};
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, DescribeGroupsRequest, FindCoordinatorRequest, GroupId,
    OffsetCommitRequest, OffsetFetchRequest,
};
use kafka_protocol::protocol::Decodable as _;

use super::{Client, Node, RETRY_BACKOFF, To, TopicPartition, by_topic, text, topic_name};
use crate::tools::problem::ToolError;

/// COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR: ask again.
const NOT_YET: &[i16] = &[14, 15, 16];
/// The newest version of OffsetCommit and OffsetFetch that names topics instead of their ids.
const TOPICS_BY_NAME: i16 = 9;

/// A position that a group has stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// Next offset to read.
    pub(crate) offset: i64,
    /// Epoch of the last record read, where the group knew it.
    pub(crate) leader_epoch: Option<i32>,
}

impl Client {
    /// Finds the broker that coordinates `group`, waiting while there is none yet.
    pub(crate) fn coordinator(&mut self, group: &str) -> Result<i32, ToolError> {
        let deadline = Instant::now() + self.patience();
        loop {
            let request = |version: i16| {
                let request = FindCoordinatorRequest::default();
                if version >= 4 {
                    request.with_coordinator_keys(vec![text(group)])
                } else {
                    request.with_key(text(group))
                }
            };
            let answer = self.ask_as::<FindCoordinatorRequest, _>(
                To::Any,
                i16::MAX,
                request,
                Duration::ZERO,
            )?;
            let found = match answer.coordinators.into_iter().next() {
                Some(one) => (one.error_code, one.error_message, one.node_id.0, one.host, one.port),
                None => {
                    let (code, message) = (answer.error_code, answer.error_message);
                    (code, message, answer.node_id.0, answer.host, answer.port)
                }
            };
            let (code, message, id, host, port) = found;
            if NOT_YET.contains(&code) && Instant::now() < deadline {
                thread::sleep(RETRY_BACKOFF);
                continue;
            }
            ToolError::check(code, message.as_deref())?;
            let rack = self.nodes.get(&id).and_then(|node| node.rack.clone());
            self.nodes.insert(id, Node { host: host.to_string(), port, rack });
            return Ok(id);
        }
    }

    /// Describes a group of the classic kind.
    pub(crate) fn describe_group(
        &mut self,
        group: &str,
        coordinator: i32,
    ) -> Result<DescribedGroup, ToolError> {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
        let answer = self.ask(To::Node(coordinator), i16::MAX, &request)?;
        let none = || ToolError::Protocol(format!("the broker does not speak of group {group}"));
        answer.groups.into_iter().next().ok_or_else(none)
    }

    /// All positions that `group` has stored.
    pub(crate) fn committed(
        &mut self,
        group: &str,
        coordinator: i32,
    ) -> Result<BTreeMap<TopicPartition, Committed>, ToolError> {
        let request = |version: i16| {
            let request = OffsetFetchRequest::default();
            if version >= 8 {
                let group = OffsetFetchRequestGroup::default()
                    .with_group_id(group_id(group))
                    .with_topics(None);
                request.with_groups(vec![group])
            } else {
                request.with_group_id(group_id(group)).with_topics(None)
            }
        };
        let answer = self.ask_as::<OffsetFetchRequest, _>(
            To::Node(coordinator),
            TOPICS_BY_NAME,
            request,
            Duration::ZERO,
        )?;
        ToolError::check(answer.error_code, None)?;
        let mut positions = BTreeMap::new();
        let mut add = |topic: &str, partition: i32, offset: i64, epoch: i32| {
            if offset >= 0 {
                let leader_epoch = (epoch >= 0).then_some(epoch);
                let place = TopicPartition::new(topic, partition);
                positions.insert(place, Committed { offset, leader_epoch });
            }
        };
        for topic in answer.topics {
            for p in topic.partitions {
                ToolError::check(p.error_code, None)?;
                add(&topic.name, p.partition_index, p.committed_offset, p.committed_leader_epoch);
            }
        }
        for group in answer.groups {
            ToolError::check(group.error_code, None)?;
            for topic in group.topics {
                for p in topic.partitions {
                    ToolError::check(p.error_code, None)?;
                    let (offset, epoch) = (p.committed_offset, p.committed_leader_epoch);
                    add(&topic.name, p.partition_index, offset, epoch);
                }
            }
        }
        Ok(positions)
    }

    /// Stores positions for `group`: as a member of a generation, or from outside (`""`, -1).
    pub(crate) fn commit(
        &mut self,
        group: &str,
        coordinator: i32,
        (member_id, generation): (&str, i32),
        positions: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, i16>, ToolError> {
        let topic = |(name, partitions): (&str, Vec<(i32, i64)>)| {
            let partition = |(index, offset): (i32, i64)| {
                OffsetCommitRequestPartition::default()
                    .with_partition_index(index)
                    .with_committed_offset(offset)
                    .with_committed_leader_epoch(-1)
                    .with_committed_metadata(Some(text("")))
            };
            OffsetCommitRequestTopic::default()
                .with_name(topic_name(name))
                .with_partitions(partitions.into_iter().map(partition).collect())
        };
        let listed = by_topic(positions.iter().map(|(place, offset)| (place, *offset)));
        let request = OffsetCommitRequest::default()
            .with_group_id(group_id(group))
            .with_member_id(text(member_id))
            .with_generation_id_or_member_epoch(generation)
            .with_topics(listed.into_iter().map(topic).collect());
        let answer = self.ask(To::Node(coordinator), TOPICS_BY_NAME, &request)?;
        let mut codes = BTreeMap::new();
        for topic in answer.topics {
            for partition in topic.partitions {
                let place = TopicPartition::new(&topic.name, partition.partition_index);
                codes.insert(place, partition.error_code);
            }
        }
        Ok(codes)
    }
}

/// A group's id as messages hold it.
pub(crate) fn group_id(group: &str) -> GroupId {
    GroupId(text(group))
}

/// The partitions that a consumer was assigned, out of what its leader wrote; none where those are
/// no consumer's bytes.
pub(crate) fn member_partitions(assignment: &Bytes) -> Vec<TopicPartition> {
    let mut bytes = assignment.clone();
    if bytes.remaining() < 2 {
        return Vec::new();
    }
    // Every later version begins with the fields of version 0.
    bytes.advance(2);
    let Ok(assigned) = ConsumerProtocolAssignment::decode(&mut bytes, 0) else {
        return Vec::new();
    };
    let mut partitions = Vec::new();
    for topic in assigned.assigned_partitions {
        let place = |partition: &i32| TopicPartition::new(&topic.topic, *partition);
        partitions.extend(topic.partitions.iter().map(place));
    }
    partitions.sort();
    partitions
}
