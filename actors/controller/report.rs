//! What the broker's log says of changes.

use super::error::ControllerError;
use super::request::{Answer, ConfigsAltered, Declared, ScramAltered, TopicCreated, TopicDeleted};

/// Says what has changed: called for answers whose records are on disk.
pub(super) fn report(answer: &Answer) {
    match answer {
        Answer::TopicsCreated(results) => results.iter().for_each(|(_, result)| created(result)),
        Answer::TopicsDeclared(results) => {
            results.iter().for_each(|(name, result)| declared(name, result));
        }
        Answer::TopicsDeleted(results) => results.iter().for_each(deleted),
        Answer::PartitionsCreated(results) => {
            for (name, _) in results.iter().filter(|(_, result)| result.is_ok()) {
                log::info!(topic = name.as_str(); "topic has more partitions");
            }
        }
        Answer::ConfigsAltered(results) => results.iter().for_each(altered),
        Answer::FeaturesUpdated(_) => log::info!("levels of features changed"),
        Answer::QuotasAltered(results) => {
            for (entity, _) in results.iter().filter(|(_, result)| result.is_ok()) {
                log::info!(entity:? = entity; "client quotas changed");
            }
        }
        Answer::Throttled(answer, _) => report(answer),
        Answer::ScramAltered(results) => results.iter().for_each(scram),
        Answer::Started(_)
        | Answer::Quotas(_)
        | Answer::Reassigned(_)
        | Answer::Configs(_)
        | Answer::ConfiguredGroups(_)
        | Answer::ProducerId(_)
        | Answer::ProducerIds(_) => {}
    }
}

fn created(result: &Result<TopicCreated, ControllerError>) {
    if let Ok(topic) = result {
        log::info!(
            topic = topic.name.as_str(), id:% = topic.id, partitions = topic.partitions;
            "topic created"
        );
    }
}

fn declared(name: &str, result: &Result<Declared, ControllerError>) {
    match result {
        Ok(Declared { clamped_from: Some(asked), .. }) => log::warn!(
            topic = name, replication_factor = *asked;
            "fewer brokers than replicas asked for; the topic has one replica on each"
        ),
        Ok(_) => {}
        Err(error) => log::error!(
            topic = name, reason:% = error;
            "a topic that the broker needs could not be made"
        ),
    }
}

fn deleted(topic: &TopicDeleted) {
    if topic.result.is_ok() {
        let name = topic.name.as_deref().unwrap_or_default();
        log::info!(topic = name, id:% = topic.id; "topic deleted");
    }
}

fn altered(resource: &ConfigsAltered) {
    if let Ok(changed) = &resource.result {
        log::info!(resource:? = changed; "configs changed");
    }
}

fn scram(altered: &ScramAltered) {
    if altered.result.is_ok() {
        log::info!(user = altered.user.as_str(); "scram credential changed");
    }
}
