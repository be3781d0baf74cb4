//! DeleteTopics (key 20), versions 1 to 6.
//!
//! Deletes topics by name or by id.
//! v3 says that deletion is disabled (before: an invalid request) · v4 flexible · v5 error
//! messages, refused where a quota is used up, KIP-599 · v6 topics by id
//! Not done: nothing.

use super::answer::{Answer, Ask};
use super::charge::throttle_time_ms;
use crate::controller::{ControllerError, DeleteTopics, TopicDeleted, TopicRef};
use crate::types::{ErrorCode, Uuid};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};

/// First version whose clients know what it means that a quota is used up.
const STRICT_FROM: i16 = 5;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DeleteTopicsRequest,
) -> Answer<DeleteTopicsResponse> {
    let version = ask.version;
    let topics = topics(version, request.topic_names, request.topics);
    let order = DeleteTopics {
        requester: Some(ask.requester(STRICT_FROM)),
        topics: topics.clone(),
        timeout_ms: request.timeout_ms,
    };
    let deleted = ask.broker.controller.delete_topics(ask.now, order);
    Answer::later(async move {
        let (deleted, pause) = deleted.with_pause().await;
        let results = deleted.unwrap_or_else(|error| refuse(topics, &error));
        let responses = results.into_iter().map(|result| answer(version, result)).collect();
        DeleteTopicsResponse::default()
            .with_throttle_time_ms(throttle_time_ms(pause))
            .with_responses(responses)
    })
}

fn topics(
    version: i16,
    names: Vec<TopicName>,
    topics: Vec<kafka_protocol::messages::delete_topics_request::DeleteTopicState>,
) -> Vec<TopicRef> {
    if version < 6 {
        let named = |name: TopicName| TopicRef { name: Some(name.to_string()), id: Uuid::nil() };
        return names.into_iter().map(named).collect();
    }
    let given = topics.into_iter().map(|topic| TopicRef {
        name: topic.name.map(|name| name.to_string()),
        id: topic.topic_id,
    });
    given.collect()
}

fn refuse(topics: Vec<TopicRef>, error: &ControllerError) -> Vec<TopicDeleted> {
    let refused = topics.into_iter().map(|TopicRef { name, id }| TopicDeleted {
        name,
        id,
        result: Err(error.clone()),
    });
    refused.collect()
}

fn answer(version: i16, deleted: TopicDeleted) -> DeletableTopicResult {
    let answer = DeletableTopicResult::default()
        .with_name(deleted.name.map(|name| TopicName(name.into())))
        .with_topic_id(deleted.id)
        .with_error_message(None);
    let Err(error) = deleted.result else { return answer };
    // Clients of before know no code for a broker that deletes nothing.
    let disabled = error.code() == ErrorCode::TopicDeletionDisabled;
    let code = if disabled && version < 3 { ErrorCode::InvalidRequest } else { error.code() };
    let answer = answer.with_error_code(code.code());
    if version < 5 { answer } else { answer.with_error_message(error.told().map(Into::into)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;
    use kafka_protocol::messages::delete_topics_request::DeleteTopicState;

    fn refused(version: i16, error: ControllerError) -> DeletableTopicResult {
        let name = Some("t".to_owned());
        answer(version, TopicDeleted { name, id: Uuid::nil(), result: Err(error) })
    }

    #[test]
    fn old_clients_hear_that_a_deletion_is_invalid_where_it_is_disabled() {
        let code = |version| refused(version, ControllerError::DeletionDisabled).error_code;

        assert_eq!(code(2), ErrorCode::InvalidRequest.code());
        assert_eq!(code(3), ErrorCode::TopicDeletionDisabled.code());
    }

    #[test]
    fn names_count_before_version_6_and_states_from_then_on() {
        let names = vec![TopicName("a".into())];
        let states = vec![DeleteTopicState::default().with_topic_id(Uuid::from_u128(200))];

        let old = topics(5, names.clone(), states.clone());
        let new = topics(6, names, states);

        assert_eq!(old, [TopicRef { name: Some("a".to_owned()), id: Uuid::nil() }]);
        assert_eq!(new, [TopicRef { name: None, id: Uuid::from_u128(200) }]);
    }

    #[test]
    fn every_version_can_be_encoded() {
        for version in 1..=6 {
            let deleted = TopicDeleted {
                name: Some("t".to_owned()),
                id: Uuid::from_u128(200),
                result: Ok(()),
            };
            let mut responses = vec![
                answer(version, deleted),
                refused(version, ControllerError::UnknownTopic("t".to_owned())),
            ];
            if version >= 6 {
                let (name, id) = (None, Uuid::from_u128(9));
                let result = Err(ControllerError::UnknownTopicId(id));
                responses.push(answer(version, TopicDeleted { name, id, result }));
            }
            let response = DeleteTopicsResponse::default().with_responses(responses);
            assert!(encode_response(1, version, &response).is_ok(), "version {version}");
        }
    }
}
