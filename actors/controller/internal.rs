//! The topics in which the broker keeps state of its own: how they are made.

use super::handle::fresh_topic_id;
use super::request::NewTopic;
use crate::types::{BrokerConfigs, BrokerSettings};

/// How the internal topic of this name is made; `None` if there is none of this name. Made by
/// [`declare_topics`](super::ControllerHandle::declare_topics), which lowers the replication factor
/// to what there are brokers for.
///
/// Configs are those of Kafka's `groupMetadataTopicConfigs`, `transactionStateTopicConfigs` and
/// `shareGroupStateTopicConfigs`.
#[must_use]
pub fn internal_topic(
    name: &str,
    settings: &BrokerSettings,
    configs: &BrokerConfigs,
) -> Option<NewTopic> {
    let (partitions, replication_factor, overrides) = match name {
        "__consumer_offsets" => (
            settings.offsets_topic_num_partitions,
            settings.offsets_topic_replication_factor,
            vec![
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "producer".to_owned()),
                ("segment.bytes", settings.offsets_topic_segment_bytes.to_string()),
            ],
        ),
        "__transaction_state" => (
            settings.transaction_state_log_num_partitions,
            settings.transaction_state_log_replication_factor,
            vec![
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "uncompressed".to_owned()),
                ("min.insync.replicas", settings.transaction_state_log_min_isr.to_string()),
                ("segment.bytes", settings.transaction_state_log_segment_bytes.to_string()),
                ("unclean.leader.election.enable", "false".to_owned()),
            ],
        ),
        "__share_group_state" => {
            const PREFIX: &str = "share.coordinator.state.topic";
            let number = |name: &str, otherwise: u32| {
                let value = configs.value(&format!("{PREFIX}.{name}"));
                value.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
            };
            (
                i32::try_from(number("num.partitions", 50)).unwrap_or(50),
                i16::try_from(number("replication.factor", 3)).unwrap_or(3),
                vec![
                    ("cleanup.policy", "delete".to_owned()),
                    ("compression.type", "producer".to_owned()),
                    ("min.insync.replicas", number("min.isr", 2).to_string()),
                    ("retention.ms", "-1".to_owned()),
                    ("segment.bytes", number("segment.bytes", 104_857_600).to_string()),
                ],
            )
        }
        _ => return None,
    };
    let overrides = overrides.into_iter().map(|(key, value)| (key.to_owned(), Some(value)));
    Some(NewTopic {
        name: name.to_owned(),
        id: fresh_topic_id(),
        partitions,
        replication_factor,
        assignments: Vec::new(),
        configs: overrides.collect(),
    })
}
