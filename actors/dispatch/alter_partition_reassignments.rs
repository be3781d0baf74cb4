//! AlterPartitionReassignments (key 45), versions 0 to 1.
//!
//! Moves replicas to other brokers, or gives a move up. There is one broker: a partition that shall
//! be where it is has been moved at once, and nothing is ever on its way that could be given up.
//! v1 whether the number of replicas may change
//! Not done: nothing; a number other than one names a broker that is not there.

use super::answer::{Answer, Ask};
use super::texts::Texts;
use crate::controller::{ControllerError, Reassignment};
use crate::types::NodeId;
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use kafka_protocol::messages::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: AlterPartitionReassignmentsRequest,
) -> Answer<AlterPartitionReassignmentsResponse> {
    if request.topics.is_empty() {
        return Answer::Now(AlterPartitionReassignmentsResponse::default());
    }
    if request.timeout_ms <= 0 {
        return Answer::Now(refuse(&request.topics, &ControllerError::TimedOut, None));
    }
    let reassigned = ask.broker.controller.reassign(ask.now, asked(&request.topics));
    Answer::later(async move {
        match reassigned.await {
            Ok(results) => AlterPartitionReassignmentsResponse::default()
                .with_allow_replication_factor_change(request.allow_replication_factor_change)
                .with_error_message(None)
                .with_responses(told(&request.topics, results)),
            Err(error) => refuse(&request.topics, &error, Some(error.to_string())),
        }
    })
}

fn asked(topics: &[ReassignableTopic]) -> Vec<Reassignment> {
    let mut all = Vec::new();
    for topic in topics {
        let name: Arc<str> = topic.name.as_str().into();
        all.extend(topic.partitions.iter().map(|asked| reassignment(name.clone(), asked)));
    }
    all
}

fn reassignment(topic: Arc<str>, asked: &ReassignablePartition) -> Reassignment {
    let replicas = asked.replicas.as_ref();
    Reassignment {
        topic,
        partition: asked.partition_index,
        replicas: replicas.map(|ids| ids.iter().map(|id| NodeId(id.0)).collect()),
    }
}

/// The results, which are in the request's order, at their topics and partitions.
fn told(
    topics: &[ReassignableTopic],
    results: Vec<Result<(), ControllerError>>,
) -> Vec<ReassignableTopicResponse> {
    let mut results = results.into_iter();
    let mut texts = Texts::new();
    let mut of_topic = |topic: &ReassignableTopic| {
        let partitions = topic.partitions.iter().zip(results.by_ref());
        let partitions = partitions.map(|(asked, result)| {
            let answer = ReassignablePartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_error_message(None);
            match result {
                Ok(()) => answer,
                // Kafka leaves this text to the client, who has it beside the code.
                Err(error @ ControllerError::NoReassignment) => {
                    answer.with_error_code(error.code().code())
                }
                Err(error) => answer
                    .with_error_code(error.code().code())
                    .with_error_message(texts.take(|| error.to_string())),
            }
        });
        ReassignableTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    };
    topics.iter().map(&mut of_topic).collect()
}

/// The answer where nothing was looked at: the error stands at each partition as well.
fn refuse(
    topics: &[ReassignableTopic],
    error: &ControllerError,
    text: Option<String>,
) -> AlterPartitionReassignmentsResponse {
    let (code, text) = (error.code().code(), text.map(StrBytes::from));
    let of_topic = |topic: &ReassignableTopic| {
        let partitions = topic.partitions.iter().map(|asked| {
            ReassignablePartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code)
                .with_error_message(text.clone())
        });
        ReassignableTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    };
    AlterPartitionReassignmentsResponse::default()
        .with_error_code(code)
        .with_error_message(text.clone())
        .with_responses(topics.iter().map(of_topic).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;
    use kafka_protocol::messages::TopicName;

    fn topic(name: &str, partitions: &[i32]) -> ReassignableTopic {
        let partition = |index: &i32| ReassignablePartition::default().with_partition_index(*index);
        ReassignableTopic::default()
            .with_name(TopicName(name.to_owned().into()))
            .with_partitions(partitions.iter().map(partition).collect())
    }

    #[test]
    fn each_result_stands_at_the_partition_that_was_asked_for() {
        let topics = [topic("t", &[4, 2]), topic("u", &[]), topic("v", &[0])];
        let unknown = ControllerError::NoTopic("v".into());

        let answers =
            told(&topics, vec![Ok(()), Err(ControllerError::NoReassignment), Err(unknown)]);

        let seen = |at: usize| {
            let partitions = &answers[at].partitions;
            partitions
                .iter()
                .map(|told| (told.partition_index, told.error_code))
                .collect::<Vec<_>>()
        };
        assert_eq!((seen(0), seen(1), seen(2)), (vec![(4, 0), (2, 85)], vec![], vec![(0, 3)]));
        assert_eq!(answers[0].partitions[1].error_message, None);
        assert!(answers[2].partitions[0].error_message.is_some());
    }

    #[test]
    fn a_refusal_stands_at_the_top_and_at_each_partition() {
        let topics = [topic("t", &[0, 1])];

        let answer = refuse(&topics, &ControllerError::TimedOut, None);

        assert_eq!((answer.error_code, answer.error_message.clone()), (7, None));
        let partitions = &answer.responses[0].partitions;
        assert!(partitions.iter().all(|told| told.error_code == 7), "{partitions:?}");
        for version in 0..=1 {
            assert!(encode_response(1, version, &answer).is_ok(), "version {version}");
        }
    }
}
