//! Hard state of one group: the fold of its records, and nothing else.

use super::records::{GroupValue, OffsetValue, Record};
use crate::types::TopicName;
use std::collections::BTreeMap;

/// What a restart brings back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    group: Option<GroupValue>,
    offsets: BTreeMap<TopicName, BTreeMap<i32, OffsetValue>>,
}

impl Saved {
    /// Applies one record, be it fresh or read back.
    pub fn replay(&mut self, record: &Record) {
        match record {
            Record::Group(value) => self.group.clone_from(value),
            Record::Offset { topic, partition, value: Some(value) } => {
                let of_topic = self.offsets.entry(topic.clone()).or_default();
                of_topic.insert(*partition, value.clone());
            }
            Record::Offset { topic, partition, value: None } => {
                if let Some(of_topic) = self.offsets.get_mut(topic) {
                    of_topic.remove(partition);
                    if of_topic.is_empty() {
                        self.offsets.remove(topic);
                    }
                }
            }
        }
    }

    /// The record that takes `record` back, if it is replayed after it.
    #[must_use]
    pub(super) fn inverse(&self, record: &Record) -> Record {
        match record {
            Record::Group(_) => Record::Group(self.group.clone()),
            Record::Offset { topic, partition, .. } => Record::Offset {
                topic: topic.clone(),
                partition: *partition,
                value: self.offset(topic.as_str(), *partition).cloned(),
            },
        }
    }

    /// The generation that was stored last.
    #[must_use]
    pub const fn group(&self) -> Option<&GroupValue> {
        self.group.as_ref()
    }

    /// The position of a partition.
    #[must_use]
    pub fn offset(&self, topic: &str, partition: i32) -> Option<&OffsetValue> {
        self.offsets.get(topic)?.get(&partition)
    }

    /// Every position, by topic and partition.
    pub fn offsets(&self) -> impl Iterator<Item = (&TopicName, i32, &OffsetValue)> {
        self.offsets.iter().flat_map(|(topic, partitions)| {
            partitions.iter().map(move |(partition, value)| (topic, *partition, value))
        })
    }

    /// The positions of one topic.
    pub(super) fn offsets_of(&self, topic: &str) -> impl Iterator<Item = (i32, &OffsetValue)> {
        let partitions = self.offsets.get(topic).into_iter().flatten();
        partitions.map(|(partition, value)| (*partition, value))
    }

    /// Nothing is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.group.is_none() && self.offsets.is_empty()
    }
}
