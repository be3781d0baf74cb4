//! Makes declared topics be there before clients are let in.
//!
//! A missing topic is made, a smaller one grows, configs that are declared are set. Nothing shrinks
//! and nothing is deleted: what would have to is a contradiction, and stops the start before
//! anything has changed.

use std::collections::BTreeMap;
use std::fmt;

use ottla_actors::controller::{
    AlterConfigs, ConfigChange, ControllerError, CreatePartitions, CreateTopics, MorePartitions,
    NewTopic, ResourceAlteration, fresh_topic_id,
};
use ottla_actors::dispatch::Broker;
use ottla_actors::registry::TopicImage;

use crate::settings::DeclaredTopic;

/// Kafka's numbers for a topic among resources, and for setting a value.
const TOPIC_RESOURCE: i8 = 2;
const SET: i8 = 0;
/// A positive number is all that is asked for: the controller does not wait.
const TIMEOUT_MS: i32 = 60_000;

/// Why a declared topic cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub struct DeclarationError(String);

impl fmt::Display for DeclarationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl DeclarationError {
    fn new(topic: &DeclaredTopic, why: &dyn fmt::Display) -> Self {
        Self(format!("{}: topic {}: {why}", topic.origin, topic.name.as_str()))
    }
}

/// A topic that is there.
struct Existing<'a> {
    partitions: usize,
    replicas: i16,
    configs: &'a BTreeMap<String, String>,
}

impl<'a> From<&'a TopicImage> for Existing<'a> {
    fn from(image: &'a TopicImage) -> Self {
        // Every partition has this broker as its only replica.
        Self { partitions: image.partitions.len(), replicas: 1, configs: &image.overrides }
    }
}

/// What has to be done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Plan {
    create: Vec<NewTopic>,
    grow: Vec<MorePartitions>,
    alter: Vec<ResourceAlteration>,
}

/// Has the controller do what is missing.
///
/// # Errors
/// A declaration that contradicts what is there, or that the controller refuses.
pub(crate) async fn ensure(
    broker: &Broker,
    declared: &[DeclaredTopic],
) -> Result<(), DeclarationError> {
    let mut plan = Plan::default();
    {
        let image = broker.registry.image();
        for topic in declared {
            let there = image.topic(topic.name.as_str());
            plan.add(topic, there.map(|image| Existing::from(&**image)))?;
        }
    }
    let Plan { create, grow, alter } = plan;
    let controller = &broker.controller;
    let now = broker.clock.now();
    if !create.is_empty() {
        let request = CreateTopics {
            requester: None,
            topics: create,
            validate_only: false,
            timeout_ms: TIMEOUT_MS,
        };
        let answer = controller.create_topics(now, request).await;
        check(declared, answer.map(|all| results(all, |(name, result)| (name, result.err()))))?;
    }
    if !grow.is_empty() {
        let request = CreatePartitions {
            requester: None,
            topics: grow,
            validate_only: false,
            timeout_ms: TIMEOUT_MS,
        };
        let answer = controller.create_partitions(now, request).await;
        check(declared, answer.map(|all| results(all, |(name, result)| (name, result.err()))))?;
    }
    if !alter.is_empty() {
        let request = AlterConfigs {
            resources: alter,
            replace: false,
            validate_only: false,
            node: broker.node,
        };
        let answer = controller.alter_configs(now, request).await;
        let name = |of: &ottla_actors::controller::ConfigsAltered| of.resource_name.clone();
        check(declared, answer.map(|all| results(all, |of| (name(&of), of.result.err()))))?;
    }
    Ok(())
}

type Refused = Vec<(String, Option<ControllerError>)>;

fn results<T>(all: Vec<T>, split: impl Fn(T) -> (String, Option<ControllerError>)) -> Refused {
    all.into_iter().map(split).collect()
}

/// The first topic that the controller refused.
fn check(
    declared: &[DeclaredTopic],
    answer: Result<Refused, ControllerError>,
) -> Result<(), DeclarationError> {
    let answer = answer.map_err(|error| DeclarationError(error.to_string()))?;
    for (name, refused) in answer {
        let Some(error) = refused else { continue };
        let topic = declared.iter().find(|topic| topic.name.as_str() == name);
        return Err(match topic {
            Some(topic) => DeclarationError::new(topic, &error),
            None => DeclarationError(format!("topic {name}: {error}")),
        });
    }
    Ok(())
}

impl Plan {
    fn add(
        &mut self,
        topic: &DeclaredTopic,
        existing: Option<Existing<'_>>,
    ) -> Result<(), DeclarationError> {
        let Some(existing) = existing else {
            let set = |(name, value): (&String, &String)| (name.clone(), Some(value.clone()));
            self.create.push(NewTopic {
                partitions: topic.partitions.unwrap_or(-1),
                replication_factor: topic.replicas.unwrap_or(-1),
                configs: topic.configs.iter().map(set).collect(),
                ..NewTopic::with_defaults(topic.name.as_str().to_owned(), fresh_topic_id())
            });
            return Ok(());
        };
        if let Some(replicas) = topic.replicas.filter(|wanted| *wanted != existing.replicas) {
            let why = format!(
                "{replicas} replicas are declared and it has {}; change the declaration",
                existing.replicas
            );
            return Err(DeclarationError::new(topic, &why));
        }
        let wanted = topic.partitions.and_then(|count| usize::try_from(count).ok());
        if let Some(wanted) = wanted.filter(|wanted| *wanted < existing.partitions) {
            let why = format!(
                "{wanted} partitions are declared and it has {}; partitions are never removed: \
                 declare as many, or none",
                existing.partitions
            );
            return Err(DeclarationError::new(topic, &why));
        }
        if let Some(count) = topic.partitions
            && wanted.is_some_and(|wanted| wanted > existing.partitions)
        {
            let name = topic.name.as_str().to_owned();
            self.grow.push(MorePartitions { name, count, assignments: None });
        }
        self.alter.extend(alteration(topic, existing.configs));
        Ok(())
    }
}

/// Sets what is declared and not set so; what is set besides stays.
fn alteration(
    topic: &DeclaredTopic,
    existing: &BTreeMap<String, String>,
) -> Option<ResourceAlteration> {
    let differs = |(name, value): &(&String, &String)| existing.get(*name) != Some(*value);
    let change = |(name, value): (&String, &String)| ConfigChange {
        name: name.clone(),
        operation: SET,
        value: Some(value.clone()),
    };
    let changes: Vec<_> = topic.configs.iter().filter(differs).map(change).collect();
    (!changes.is_empty()).then(|| ResourceAlteration {
        resource_type: TOPIC_RESOURCE,
        resource_name: topic.name.as_str().to_owned(),
        changes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_actors::types::TopicName;

    fn declared(partitions: i32, replicas: i16, configs: &[(&str, &str)]) -> DeclaredTopic {
        DeclaredTopic {
            name: TopicName::parse("orders").unwrap(),
            partitions: (partitions > 0).then_some(partitions),
            replicas: (replicas > 0).then_some(replicas),
            configs: configs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            origin: "a.toml:3".to_owned(),
        }
    }

    /// The plan for a topic of three partitions with two configs.
    fn plan(topic: &DeclaredTopic) -> Result<Plan, DeclarationError> {
        let configs =
            declared(0, 0, &[("cleanup.policy", "compact"), ("retention.ms", "5")]).configs;
        let mut plan = Plan::default();
        plan.add(topic, Some(Existing { partitions: 3, replicas: 1, configs: &configs }))?;
        Ok(plan)
    }

    #[test]
    fn a_missing_topic_is_made_with_what_is_declared() {
        let mut plan = Plan::default();

        plan.add(&declared(6, 0, &[("retention.ms", "7")]), None).unwrap();

        let made = &plan.create[0];
        assert_eq!((made.name.as_str(), made.partitions), ("orders", 6));
        assert_eq!(made.replication_factor, -1);
        assert_eq!(made.configs, [("retention.ms".to_owned(), Some("7".to_owned()))]);
    }

    #[test]
    fn a_topic_that_is_as_declared_is_left_alone() {
        for topic in [
            declared(3, 1, &[("retention.ms", "5")]),
            declared(0, 0, &[]),
            declared(3, 0, &[("cleanup.policy", "compact")]),
        ] {
            assert_eq!(plan(&topic), Ok(Plan::default()));
        }
    }

    #[test]
    fn a_topic_grows_and_its_declared_configs_are_set() {
        let plan = plan(&declared(5, 1, &[("retention.ms", "7"), ("cleanup.policy", "compact")]));

        let Plan { create, grow, alter } = plan.unwrap();
        assert_eq!(create, []);
        assert_eq!((grow[0].name.as_str(), grow[0].count), ("orders", 5));
        let changed: Vec<_> = alter[0].changes.iter().map(|change| change.name.as_str()).collect();
        assert_eq!(changed, ["retention.ms"]);
    }

    #[test]
    fn fewer_partitions_or_other_replicas_are_a_contradiction() {
        assert_eq!(
            plan(&declared(2, 0, &[])).unwrap_err().to_string(),
            "a.toml:3: topic orders: 2 partitions are declared and it has 3; partitions are never \
             removed: declare as many, or none"
        );
        assert_eq!(
            plan(&declared(3, 2, &[])).unwrap_err().to_string(),
            "a.toml:3: topic orders: 2 replicas are declared and it has 1; change the declaration"
        );
    }
}
