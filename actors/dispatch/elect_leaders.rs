//! ElectLeaders (key 43), versions 0 to 2.
//!
//! Makes the preferred replica, or one that lags, the leader. The only replica of a partition
//! leads it already, unless its log cannot be used: then nobody can.
//! v1 type of election, error of the whole answer · v2 flexible
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::registry::MetadataImage;
use crate::types::ErrorCode;
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};

const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: ElectLeadersRequest,
) -> Answer<ElectLeadersResponse> {
    Answer::Now(answer(&ask.broker.registry.image(), &request))
}

fn answer(image: &MetadataImage, request: &ElectLeadersRequest) -> ElectLeadersResponse {
    let unavailable = match request.election_type {
        PREFERRED => ErrorCode::PreferredLeaderNotAvailable,
        UNCLEAN => ErrorCode::EligibleLeadersNotAvailable,
        other => return refuse(request, other),
    };
    let elect = |topic: &str, partition| match leads(image, topic, partition) {
        Ok(true) => (ErrorCode::ElectionNotNeeded, ErrorCode::ElectionNotNeeded.to_string()),
        Ok(false) => (unavailable, unavailable.to_string()),
        Err(text) => (ErrorCode::UnknownTopicOrPartition, text),
    };
    let results = match &request.topic_partitions {
        Some(topics) => each(topics, elect),
        None => everywhere(image, elect),
    };
    ElectLeadersResponse::default().with_replica_election_results(results)
}

/// Whether the partition has its leader; a text where there is no such partition.
fn leads(image: &MetadataImage, topic: &str, index: i32) -> Result<bool, String> {
    let Some(found) = image.topic(topic) else { return Err(format!("No such topic as {topic}")) };
    let Some(partition) = found.partition(index) else {
        return Err(format!("No such partition as {topic}-{index}"));
    };
    Ok(partition.partition.log().offline().is_none())
}

/// Of these partitions, in the request's order.
fn each(
    topics: &[TopicPartitions],
    elect: impl Fn(&str, i32) -> (ErrorCode, String),
) -> Vec<ReplicaElectionResult> {
    let result = |topic: &TopicPartitions| {
        let partitions = topic.partitions.iter().map(|partition| {
            let (error, text) = elect(topic.topic.as_str(), *partition);
            told(*partition, error, text)
        });
        ReplicaElectionResult::default()
            .with_topic(topic.topic.clone())
            .with_partition_result(partitions.collect())
    };
    topics.iter().map(result).collect()
}

/// Of all partitions; those that have the right leader are left out.
fn everywhere(
    image: &MetadataImage,
    elect: impl Fn(&str, i32) -> (ErrorCode, String),
) -> Vec<ReplicaElectionResult> {
    let mut results = Vec::with_capacity(image.topics.len());
    for topic in image.topics.values() {
        let partitions = (0..).zip(&topic.partitions).filter_map(|(index, _)| {
            let (error, text) = elect(topic.name.as_str(), index);
            (error != ErrorCode::ElectionNotNeeded).then(|| told(index, error, text))
        });
        results.push(
            ReplicaElectionResult::default()
                .with_topic(TopicName(topic.name.as_str().to_owned().into()))
                .with_partition_result(partitions.collect()),
        );
    }
    results
}

fn told(partition: i32, error: ErrorCode, text: String) -> PartitionResult {
    PartitionResult::default()
        .with_partition_id(partition)
        .with_error_code(error.code())
        .with_error_message(Some(text.into()))
}

fn refuse(request: &ElectLeadersRequest, election_type: i8) -> ElectLeadersResponse {
    let error = ErrorCode::InvalidRequest;
    let topics = request.topic_partitions.as_deref().unwrap_or_default();
    let text = format!("Unknown election type {election_type}");
    ElectLeadersResponse::default()
        .with_error_code(error.code())
        .with_replica_election_results(each(topics, |_, _| (error, text.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BrokerConfigs;
    use crate::wire::encode_response;
    use kafka_protocol::protocol::StrBytes;
    use std::sync::Arc;

    fn ask(election_type: i8) -> ElectLeadersResponse {
        let topic = TopicPartitions::default()
            .with_topic(TopicName(StrBytes::from_static_str("missing")))
            .with_partitions(vec![3]);
        let request = ElectLeadersRequest::default()
            .with_election_type(election_type)
            .with_topic_partitions(Some(vec![topic]));
        answer(&MetadataImage::new(Arc::new(BrokerConfigs::default())), &request)
    }

    #[test]
    fn a_topic_that_is_not_there_is_told_by_name() {
        for election_type in [PREFERRED, UNCLEAN] {
            let answer = ask(election_type);
            let told = &answer.replica_election_results[0].partition_result[0];

            assert_eq!((answer.error_code, told.partition_id, told.error_code), (0, 3, 3));
            assert_eq!(told.error_message.as_deref(), Some("No such topic as missing"));
        }
    }

    #[test]
    fn an_unknown_type_refuses_the_whole_and_each() {
        let answer = ask(2);

        assert_eq!(answer.error_code, 42);
        assert_eq!(answer.replica_election_results[0].partition_result[0].error_code, 42);
        // Version 0 has no type, and no error of the whole answer.
        for version in 1..=2 {
            assert!(encode_response(1, version, &answer).is_ok(), "version {version}");
        }
    }
}
