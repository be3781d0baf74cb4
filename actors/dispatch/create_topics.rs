//! CreateTopics (key 19), versions 2 to 7.
//!
//! Makes topics, or says whether it would.
//! v4 counts of -1 mean the broker's defaults (taken in every version, as Kafka does) · v5
//! flexible, configs and counts in the answer · v6 refused where a quota is used up, KIP-599 · v7 topic ids in the answer
//! Not done: nothing.

use super::answer::{Answer, Ask};
use super::charge::throttle_time_ms;
use crate::controller::{ControllerError, CreateTopics, NewTopic, TopicCreated, fresh_topic_id};
use crate::registry::Registry;
use crate::types::{BrokerConfigs, NodeId};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse, TopicName};
use std::sync::Arc;

/// First version whose clients know what it means that a quota is used up.
const STRICT_FROM: i16 = 6;

type Outcome = Result<TopicCreated, ControllerError>;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: CreateTopicsRequest,
) -> Answer<CreateTopicsResponse> {
    let names: Vec<String> = request.topics.iter().map(|topic| topic.name.to_string()).collect();
    let order = CreateTopics {
        requester: Some(ask.requester(STRICT_FROM)),
        topics: request.topics.into_iter().map(new_topic).collect(),
        validate_only: request.validate_only,
        timeout_ms: request.timeout_ms,
    };
    let created = ask.broker.controller.create_topics(ask.now, order);
    let registry: Arc<Registry> = ask.broker.registry.clone();
    let version = ask.version;
    Answer::later(async move {
        let (created, pause) = created.with_pause().await;
        let results: Vec<(String, Outcome)> = match created {
            Ok(results) => results,
            Err(error) => names.into_iter().map(|name| (name, Err(error.clone()))).collect(),
        };
        let image = registry.image();
        let topics =
            results.into_iter().map(|(name, result)| answer(version, &image.configs, name, result));
        CreateTopicsResponse::default()
            .with_throttle_time_ms(throttle_time_ms(pause))
            .with_topics(topics.collect())
    })
}

fn new_topic(topic: CreatableTopic) -> NewTopic {
    let assignments = topic.assignments.into_iter().map(|assignment| {
        let replicas = assignment.broker_ids.into_iter().map(|id| NodeId(id.0)).collect();
        (assignment.partition_index, replicas)
    });
    let configs = topic
        .configs
        .into_iter()
        .map(|config| (config.name.to_string(), config.value.map(|value| value.to_string())));
    NewTopic {
        name: topic.name.to_string(),
        id: fresh_topic_id(),
        partitions: topic.num_partitions,
        replication_factor: topic.replication_factor,
        assignments: assignments.collect(),
        configs: configs.collect(),
    }
}

fn answer(
    version: i16,
    broker: &BrokerConfigs,
    name: String,
    result: Outcome,
) -> CreatableTopicResult {
    let answer = CreatableTopicResult::default().with_name(TopicName(name.into()));
    match result {
        Ok(created) => {
            let answer = answer.with_topic_id(created.id).with_error_message(None);
            if version < 5 {
                return answer;
            }
            answer
                .with_num_partitions(created.partitions)
                .with_replication_factor(created.replication_factor)
                .with_configs(Some(configs(broker, &created)))
        }
        Err(error) => answer
            .with_error_code(error.code().code())
            .with_error_message(error.told().map(Into::into)),
    }
}

/// Everything in force for the new topic, in the order of names.
fn configs(broker: &BrokerConfigs, created: &TopicCreated) -> Vec<CreatableTopicConfigs> {
    let entries = broker.describe_topic(&created.configs).into_iter().map(|entry| {
        CreatableTopicConfigs::default()
            .with_name(entry.name.into())
            .with_value(entry.value.map(Into::into))
            .with_read_only(entry.read_only)
            .with_config_source(entry.source.to_wire())
            .with_is_sensitive(entry.sensitive)
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{TopicName as Name, Uuid};
    use crate::wire::encode_response;
    use std::collections::BTreeMap;

    fn created() -> Outcome {
        Ok(TopicCreated {
            name: Name::parse("t").unwrap(),
            id: Uuid::from_u128(200),
            partitions: 3,
            replication_factor: 1,
            configs: BTreeMap::from([("retention.ms".to_owned(), "1000".to_owned())]),
        })
    }

    fn of(version: i16, result: Outcome) -> CreatableTopicResult {
        answer(version, &BrokerConfigs::default(), "t".to_owned(), result)
    }

    #[test]
    fn all_configs_in_force_are_told_in_the_order_of_names() {
        let configs = of(7, created()).configs.unwrap();

        let names: Vec<&str> = configs.iter().map(|config| config.name.as_str()).collect();
        assert!(names.is_sorted(), "{names:?}");
        assert!(names.contains(&"cleanup.policy"));
        let retention = configs.iter().find(|config| config.name.as_str() == "retention.ms");
        let retention = retention.unwrap();
        assert_eq!(retention.value.as_deref(), Some("1000"));
        assert_eq!(retention.config_source, 1, "it was set for the topic");
    }

    #[test]
    fn a_refusal_has_no_counts_no_id_and_no_configs() {
        let refused = of(7, Err(ControllerError::TopicExists("t".to_owned())));

        assert_eq!(refused.error_code, 36);
        assert_eq!((refused.num_partitions, refused.replication_factor), (-1, -1));
        assert_eq!((refused.topic_id, refused.configs), (Uuid::nil(), Some(Vec::new())));
        assert!(refused.error_message.unwrap().contains("already exists"));
    }

    #[test]
    fn every_version_can_be_encoded() {
        for version in 2..=7 {
            for result in [created(), Err(ControllerError::DuplicateTopic)] {
                let topics = vec![of(version, result)];
                let response = CreateTopicsResponse::default().with_topics(topics);
                assert!(encode_response(1, version, &response).is_ok(), "version {version}");
            }
        }
    }
}
