//! ElectLeaders (key 43), versions 0 to 2.
//!
//! Makes the preferred replica, or one that lags, the leader. The only replica of a partition
//! leads it already, unless its log cannot be used: then nobody can.
//! v1 type of election, error of the whole answer · v2 flexible
//! Not done: nothing.

use super::answer::{Answer, Ask};
use super::texts::Texts;
use crate::registry::MetadataImage;
use crate::types::{ErrorCode, TopicName as Name};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use kafka_protocol::messages::{ElectLeadersRequest, ElectLeadersResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

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
    let election_type = request.election_type;
    if election_type != PREFERRED && election_type != UNCLEAN {
        return refuse(request, election_type);
    }
    let mut texts = Texts::new();
    let elect = |topic: &str, partition| match leads(image, topic, partition) {
        Ok(leads) => {
            let (error, text) = outcome(election_type, leads);
            (error, texts.take(|| text.to_owned()))
        }
        Err(missing) => {
            let missing = || missing.to_string(topic, partition);
            (ErrorCode::UnknownTopicOrPartition, texts.take(missing))
        }
    };
    let results = match &request.topic_partitions {
        Some(topics) => each(topics, elect),
        None => everywhere(image, elect),
    };
    ElectLeadersResponse::default().with_replica_election_results(results)
}

/// Where there is one replica nobody else can be elected; in Kafka's words.
const fn outcome(election_type: i8, leads: bool) -> (ErrorCode, &'static str) {
    if leads {
        (ErrorCode::ElectionNotNeeded, "Leader election not needed for topic partition.")
    } else if election_type == PREFERRED {
        (ErrorCode::PreferredLeaderNotAvailable, "The preferred leader was not available.")
    } else {
        let text = "Eligible topic partition leaders are not available.";
        (ErrorCode::EligibleLeadersNotAvailable, text)
    }
}

/// What there is none of.
#[derive(Clone, Copy)]
enum Missing {
    Topic,
    Partition,
}

impl Missing {
    fn to_string(self, topic: &str, index: i32) -> String {
        match self {
            Self::Topic => format!("No such topic as {}", Name::shown(topic)),
            Self::Partition => format!("No such partition as {topic}-{index}"),
        }
    }
}

/// Whether the partition has its leader.
fn leads(image: &MetadataImage, topic: &str, index: i32) -> Result<bool, Missing> {
    let found = image.topic(topic).ok_or(Missing::Topic)?;
    let partition = found.partition(index).ok_or(Missing::Partition)?;
    Ok(!partition.is_offline())
}

/// Of these partitions, in the request's order.
fn each(
    topics: &[TopicPartitions],
    mut elect: impl FnMut(&str, i32) -> (ErrorCode, Option<StrBytes>),
) -> Vec<ReplicaElectionResult> {
    let mut result = |topic: &TopicPartitions| {
        let partitions = topic.partitions.iter().map(|partition| {
            let (error, text) = elect(topic.topic.as_str(), *partition);
            told(*partition, error, text)
        });
        ReplicaElectionResult::default()
            .with_topic(topic.topic.clone())
            .with_partition_result(partitions.collect())
    };
    topics.iter().map(&mut result).collect()
}

/// Of all partitions; those that have the right leader are left out.
fn everywhere(
    image: &MetadataImage,
    mut elect: impl FnMut(&str, i32) -> (ErrorCode, Option<StrBytes>),
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

fn told(partition: i32, error: ErrorCode, text: Option<StrBytes>) -> PartitionResult {
    PartitionResult::default()
        .with_partition_id(partition)
        .with_error_code(error.code())
        .with_error_message(text)
}

fn refuse(request: &ElectLeadersRequest, election_type: i8) -> ElectLeadersResponse {
    let error = ErrorCode::InvalidRequest;
    let topics = request.topic_partitions.as_deref().unwrap_or_default();
    let text: StrBytes = format!("Unknown election type {election_type}").into();
    ElectLeadersResponse::default()
        .with_error_code(error.code())
        .with_replica_election_results(each(topics, |_, _| (error, Some(text.clone()))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BrokerConfigs;
    use crate::wire::encode_response;
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
    fn a_partition_with_one_replica_is_told_of_in_kafkas_words() {
        let told = |election_type, leads| {
            let (error, text) = outcome(election_type, leads);
            (error.code(), text)
        };

        let not_needed = (84, "Leader election not needed for topic partition.");
        assert_eq!([told(PREFERRED, true), told(UNCLEAN, true)], [not_needed, not_needed]);
        assert_eq!(told(PREFERRED, false), (80, "The preferred leader was not available."));
        let eligible = "Eligible topic partition leaders are not available.";
        assert_eq!(told(UNCLEAN, false), (83, eligible));
    }

    #[test]
    fn a_name_of_a_megabyte_is_not_told_of_each_partition() {
        let topic = TopicPartitions::default()
            .with_topic(TopicName("n".repeat(1 << 20).into()))
            .with_partitions((0..100_000).collect());
        let request = ElectLeadersRequest::default().with_topic_partitions(Some(vec![topic]));

        let answer = answer(&MetadataImage::new(Arc::new(BrokerConfigs::default())), &request);

        let told = &answer.replica_election_results[0].partition_result;
        assert!(told.iter().all(|partition| partition.error_code == 3));
        let texts: usize = told.iter().flat_map(|told| &told.error_message).map(|t| t.len()).sum();
        assert!(texts < 1 << 20, "{texts} bytes of texts");
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
