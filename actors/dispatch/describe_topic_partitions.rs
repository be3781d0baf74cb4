//! DescribeTopicPartitions (key 75), version 0.
//!
//! Describes topics in pages of partitions, by name; an answer that is full says with which
//! partition the next one begins.
//! Not done: nothing. Eligible leaders (KIP-966) are none, for the only replica is in sync.

use super::answer::{Answer, Ask};
use super::metadata::TOPIC_OPERATIONS;
use super::placed::Placed;
use crate::registry::{MetadataImage, PartitionImage, TopicImage};
use crate::types::{ErrorCode, NodeId, TopicName};
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName as WireTopicName,
};
use std::collections::BTreeSet;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeTopicPartitionsRequest,
) -> Answer<DescribeTopicPartitionsResponse> {
    let limit = ask.broker.settings.max_request_partition_size_limit;
    let page = Page { node: ask.broker.node, limit };
    Answer::Now(page.answer(&ask.broker.registry.image(), &request))
}

struct Page {
    node: NodeId,
    /// Most partitions of one answer, whatever is asked for.
    limit: usize,
}

impl Page {
    fn answer(
        &self,
        image: &MetadataImage,
        request: &DescribeTopicPartitionsRequest,
    ) -> DescribeTopicPartitionsResponse {
        let asked = &request.topics;
        let (from_topic, from_partition) = match &request.cursor {
            Some(cursor) => (cursor.topic_name.as_str(), usize::try_from(cursor.partition_index)),
            None => ("", Ok(0)),
        };
        let Ok(from_partition) = from_partition else { return refuse(asked) };
        let names: BTreeSet<&str> = if asked.is_empty() {
            image.topics.keys().map(TopicName::as_str).collect()
        } else {
            asked.iter().map(|topic| topic.name.as_str()).collect()
        };
        let wanted = usize::try_from(request.response_partition_limit).unwrap_or(0);
        let mut left = wanted.min(self.limit).max(1);
        let mut topics = Vec::new();
        for name in names.range(from_topic..) {
            if left == 0 {
                return full(topics, name, 0);
            }
            let Some(topic) = image.topic(name) else {
                topics.push(no_topic(name));
                continue;
            };
            let first = if *name == from_topic { from_partition } else { 0 };
            let partitions = self.partitions(topic, first, left);
            let next = first + partitions.len();
            left -= partitions.len();
            topics.push(described(topic, partitions));
            if next < topic.partitions.len() {
                return full(topics, name, next);
            }
        }
        DescribeTopicPartitionsResponse::default().with_topics(topics)
    }

    fn partitions(
        &self,
        topic: &TopicImage,
        first: usize,
        count: usize,
    ) -> Vec<DescribeTopicPartitionsResponsePartition> {
        let indexed = (0..).zip(&topic.partitions);
        indexed.skip(first).take(count).map(|(index, image)| self.partition(index, image)).collect()
    }

    fn partition(
        &self,
        index: i32,
        image: &PartitionImage,
    ) -> DescribeTopicPartitionsResponsePartition {
        let placed = Placed::on(self.node, image);
        DescribeTopicPartitionsResponsePartition::default()
            .with_error_code(placed.error_code)
            .with_partition_index(index)
            .with_leader_id(placed.leader_id)
            .with_leader_epoch(image.leader_epoch.0)
            .with_replica_nodes(placed.replicas)
            .with_isr_nodes(placed.in_sync)
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
            .with_offline_replicas(placed.offline)
    }
}

/// The answer to a cursor that points nowhere.
fn refuse(asked: &[TopicRequest]) -> DescribeTopicPartitionsResponse {
    let topics = asked.iter().map(|topic| {
        DescribeTopicPartitionsResponseTopic::default()
            .with_error_code(ErrorCode::InvalidRequest.code())
            .with_name(Some(topic.name.clone()))
    });
    DescribeTopicPartitionsResponse::default().with_topics(topics.collect())
}

fn described(
    topic: &TopicImage,
    partitions: Vec<DescribeTopicPartitionsResponsePartition>,
) -> DescribeTopicPartitionsResponseTopic {
    named(topic.name.as_str())
        .with_topic_id(topic.id)
        .with_is_internal(topic.name.is_internal())
        .with_partitions(partitions)
}

fn no_topic(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let parsed = TopicName::parse(name);
    let error = match &parsed {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    named(name)
        .with_error_code(error.code())
        .with_is_internal(parsed.is_ok_and(|name| name.is_internal()))
}

fn named(name: &str) -> DescribeTopicPartitionsResponseTopic {
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(WireTopicName(name.to_owned().into())))
        .with_topic_authorized_operations(TOPIC_OPERATIONS)
}

/// An answer with no room for more; the next one begins at this partition.
fn full(
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    topic: &str,
    partition: usize,
) -> DescribeTopicPartitionsResponse {
    let cursor = Cursor::default()
        .with_topic_name(WireTopicName(topic.to_owned().into()))
        .with_partition_index(i32::try_from(partition).unwrap_or(i32::MAX));
    DescribeTopicPartitionsResponse::default().with_topics(topics).with_next_cursor(Some(cursor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BrokerConfigs, TopicConfig, Uuid};
    use crate::wire::encode_response;
    use kafka_protocol::messages::describe_topic_partitions_request::Cursor as WireCursor;
    use kafka_protocol::protocol::StrBytes;
    use std::sync::Arc;

    /// Topics without partitions.
    fn image(names: &[&str]) -> MetadataImage {
        let configs = Arc::new(BrokerConfigs::default());
        let mut image = MetadataImage::new(configs.clone());
        for (id, name) in (200..).zip(names) {
            let overrides = Arc::default();
            let config = Arc::new(TopicConfig::resolve(&overrides, &configs));
            let name = TopicName::parse(name).unwrap();
            let (id, partitions) = (Uuid::from_u128(id), Vec::new());
            image.put(Arc::new(TopicImage { name, id, partitions, overrides, config }));
        }
        image
    }

    fn name(name: &'static str) -> WireTopicName {
        WireTopicName(StrBytes::from_static_str(name))
    }

    fn ask(
        names: &[&'static str],
        cursor: Option<(&'static str, i32)>,
    ) -> DescribeTopicPartitionsResponse {
        let topics = names.iter().map(|topic| TopicRequest::default().with_name(name(topic)));
        let cursor = cursor.map(|(topic, partition)| {
            WireCursor::default().with_topic_name(name(topic)).with_partition_index(partition)
        });
        let request = DescribeTopicPartitionsRequest::default()
            .with_topics(topics.collect())
            .with_cursor(cursor);
        let page = Page { node: NodeId(1), limit: 2000 };
        let answer = page.answer(&image(&["b", "a", "c"]), &request);
        assert!(encode_response(1, 0, &answer).is_ok());
        answer
    }

    fn codes(answer: &DescribeTopicPartitionsResponse) -> Vec<(String, i16)> {
        let topics = answer.topics.iter();
        topics.map(|t| (t.name.clone().unwrap_or_default().to_string(), t.error_code)).collect()
    }

    fn expected(codes: &[(&str, i16)]) -> Vec<(String, i16)> {
        codes.iter().map(|(name, code)| ((*name).to_owned(), *code)).collect()
    }

    #[test]
    fn topics_come_by_name_each_once_and_none_named_means_all() {
        assert_eq!(codes(&ask(&[], None)), expected(&[("a", 0), ("b", 0), ("c", 0)]));
        assert_eq!(codes(&ask(&["c", "a", "c"], None)), expected(&[("a", 0), ("c", 0)]));
    }

    #[test]
    fn names_that_are_not_there_are_unknown_and_those_that_cannot_be_are_invalid() {
        let answer = ask(&["missing", "a", "a/b"], None);

        assert_eq!(codes(&answer), expected(&[("a", 0), ("a/b", 17), ("missing", 3)]));
    }

    #[test]
    fn a_cursor_leaves_out_what_comes_before_it() {
        assert_eq!(codes(&ask(&[], Some(("b", 0)))), expected(&[("b", 0), ("c", 0)]));
        assert_eq!(codes(&ask(&["a", "c"], Some(("b", 3)))), expected(&[("c", 0)]));
    }

    #[test]
    fn a_cursor_at_a_negative_partition_is_refused() {
        assert_eq!(codes(&ask(&["c", "a"], Some(("a", -1)))), expected(&[("c", 42), ("a", 42)]));
    }
}
