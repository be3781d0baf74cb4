//! CreatePartitions (key 37), versions 0 to 3.
//!
//! Makes topics larger, or says whether it would; nothing makes them smaller.
//! v2 flexible · v3 refused where a quota is used up, KIP-599
//! Not done: nothing.

use super::answer::{Answer, Ask};
use super::charge::throttle_time_ms;
use crate::controller::{ControllerError, CreatePartitions, MorePartitions};
use crate::types::NodeId;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse, TopicName};

/// First version whose clients know what it means that a quota is used up.
const STRICT_FROM: i16 = 3;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: CreatePartitionsRequest,
) -> Answer<CreatePartitionsResponse> {
    let names: Vec<String> = request.topics.iter().map(|topic| topic.name.to_string()).collect();
    let order = CreatePartitions {
        requester: Some(ask.requester(STRICT_FROM)),
        topics: request.topics.into_iter().map(more_partitions).collect(),
        validate_only: request.validate_only,
        timeout_ms: request.timeout_ms,
    };
    let created = ask.broker.controller.create_partitions(ask.now, order);
    Answer::later(async move {
        let (created, pause) = created.with_pause().await;
        let results = match created {
            Ok(results) => results,
            Err(error) => names.into_iter().map(|name| (name, Err(error.clone()))).collect(),
        };
        let results = results.into_iter().map(|(name, result)| answer(name, result)).collect();
        CreatePartitionsResponse::default()
            .with_throttle_time_ms(throttle_time_ms(pause))
            .with_results(results)
    })
}

fn more_partitions(topic: CreatePartitionsTopic) -> MorePartitions {
    let replicas = |assignment: CreatePartitionsAssignment| {
        assignment.broker_ids.into_iter().map(|id| NodeId(id.0)).collect()
    };
    MorePartitions {
        name: topic.name.to_string(),
        count: topic.count,
        assignments: topic.assignments.map(|list| list.into_iter().map(replicas).collect()),
    }
}

fn answer(name: String, result: Result<(), ControllerError>) -> CreatePartitionsTopicResult {
    let answer = CreatePartitionsTopicResult::default()
        .with_name(TopicName(name.into()))
        .with_error_message(None);
    match result {
        Ok(()) => answer,
        Err(error) => answer
            .with_error_code(error.code().code())
            .with_error_message(error.told().map(Into::into)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;

    #[test]
    fn every_version_can_be_encoded() {
        for version in 0..=3 {
            let results = vec![
                answer("t".to_owned(), Ok(())),
                answer("u".to_owned(), Err(ControllerError::DuplicateTopic)),
            ];
            assert_eq!((results[0].error_code, results[1].error_code), (0, 42));
            let response = CreatePartitionsResponse::default().with_results(results);
            assert!(encode_response(1, version, &response).is_ok(), "version {version}");
        }
    }
}
