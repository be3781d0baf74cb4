//! Makes the next image: starts partitions of new topics, ends those of deleted ones.

use super::{Arbiters, MetadataImage, PartitionImage, Registry, TopicImage};
use crate::partition::{Partition, PartitionSettings, PartitionStart};
use crate::runtime::Clock;
use crate::sasl::ScramUsers;
use crate::storage::{LogPolicy, Storage};
use crate::types::{BrokerConfigs, LeaderEpoch, LogId, Offset, TopicConfig, TopicName, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A topic as the image shall show it.
#[derive(Clone, Debug)]
pub struct TopicDescription {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: Uuid,
    /// Leader epoch of each partition.
    pub leader_epochs: Vec<LeaderEpoch>,
    /// Configs set for this topic.
    pub overrides: Arc<BTreeMap<String, String>>,
}

/// The one who changes the image. Changes gather in a copy, which `show` swaps in.
#[derive(Debug)]
pub struct ImageWriter {
    registry: Arc<Registry>,
    storage: Arc<Storage>,
    arbiters: Arc<Arbiters>,
    settings: PartitionSettings,
    /// `log.cleaner.enable`.
    may_compact: bool,
    clock: Clock,
    next: MetadataImage,
}

impl ImageWriter {
    /// A writer for `registry`, which shows an empty image so far.
    #[must_use]
    pub fn new(
        registry: Arc<Registry>,
        storage: Arc<Storage>,
        arbiters: Arc<Arbiters>,
        settings: PartitionSettings,
        may_compact: bool,
        clock: Clock,
    ) -> Self {
        let next = MetadataImage::clone(&registry.image());
        Self { registry, storage, arbiters, settings, may_compact, clock, next }
    }

    /// Shows everything that was changed; the image is the fold of the log up to `log_end` then.
    pub fn show(&mut self, log_end: Offset) {
        self.next.generation += 1;
        self.next.log_end = log_end;
        self.registry.swap(self.next.clone());
    }

    /// Ids of all topics.
    #[must_use]
    pub fn topics(&self) -> BTreeSet<Uuid> {
        self.next.ids.keys().copied().collect()
    }

    /// The topic of an id, as it is about to be shown.
    #[must_use]
    pub fn topic(&self, id: Uuid) -> Option<&TopicImage> {
        self.next.topic_by_id(id).map(Arc::as_ref)
    }

    /// Adds a topic, or brings it up to date. Partitions that are there keep running. Says whether
    /// the topic is new.
    pub fn put(&mut self, topic: TopicDescription) -> bool {
        let TopicDescription { name, id, leader_epochs, overrides } = topic;
        let config = Arc::new(TopicConfig::resolve(&overrides, &self.next.configs));
        let policy = log_policy(&config, self.may_compact);
        let before = self.next.topic_by_id(id).cloned();
        let mut partitions = Vec::with_capacity(leader_epochs.len());
        for (index, leader_epoch) in (0..).zip(leader_epochs) {
            let running = before.as_ref().and_then(|topic| topic.partition(index));
            let partition = match running {
                Some(running) => {
                    running.partition.log().set_policy(policy.clone());
                    running.partition.clone()
                }
                None => self.start(LogId { topic_id: id, partition: index }, leader_epoch, &policy),
            };
            partitions.push(PartitionImage { leader_epoch, partition });
        }
        self.next.put(Arc::new(TopicImage { name, id, partitions, overrides, config }));
        before.is_none()
    }

    fn start(&self, id: LogId, leader_epoch: LeaderEpoch, policy: &LogPolicy) -> Partition {
        let log = self.storage.create(id, policy.clone());
        let storage = self.storage.clone();
        let (settings, clock) = (self.settings, self.clock);
        let start = PartitionStart { storage, log, leader_epoch, settings, clock };
        Partition::start(self.arbiters.next(), start)
    }

    /// Takes a topic out; its partitions finish what they have, then their logs are deleted.
    pub fn remove(&mut self, id: Uuid) {
        let Some(topic) = self.next.take(id) else { return };
        for image in &topic.partitions {
            let (partition, storage) = (image.partition.clone(), self.storage.clone());
            let closed = partition.close();
            actix_rt::spawn(async move {
                // An actor that is gone has nothing in flight either.
                closed.await.unwrap_or_default();
                let name = partition.log().id();
                let deleted = move || log::debug!(log:% = name; "log deleted");
                storage.delete(partition.log(), Box::new(deleted));
            });
        }
    }

    /// Deletes logs that no topic owns: their topic was deleted when the process last ended.
    pub fn remove_orphans(&self) {
        for log in self.storage.logs() {
            let id = log.id();
            if id != LogId::METADATA && !self.next.ids.contains_key(&id.topic_id) {
                log::info!(log:% = id; "deleting a log whose topic is gone");
                self.storage.delete(&log, Box::new(|| {}));
            }
        }
    }

    /// Puts other levels of features in force.
    pub fn finalize(&mut self, features: Arc<BTreeMap<String, i16>>) {
        self.next.features = features;
    }

    /// Puts other broker configs in force, and with them the defaults of every topic.
    pub fn configure(&mut self, configs: BrokerConfigs) {
        self.next.sasl = Arc::new(configs.sasl_of_listeners());
        self.next.configs = Arc::new(configs);
        let topics: Vec<Arc<TopicImage>> = self.next.topics.values().cloned().collect();
        for topic in topics {
            let config = Arc::new(TopicConfig::resolve(&topic.overrides, &self.next.configs));
            if config == topic.config {
                continue;
            }
            let policy = log_policy(&config, self.may_compact);
            for image in &topic.partitions {
                image.partition.log().set_policy(policy.clone());
            }
            let next = TopicImage { config, ..TopicImage::clone(&topic) };
            self.next.put(Arc::new(next));
        }
    }

    /// Puts other SCRAM users in force.
    pub fn set_scram(&mut self, users: Arc<ScramUsers>) {
        self.next.scram = users;
    }

    /// The broker configs in force.
    #[must_use]
    pub fn configs(&self) -> &BrokerConfigs {
        &self.next.configs
    }
}

/// What a log needs to know of its topic's configuration.
fn log_policy(config: &TopicConfig, may_compact: bool) -> LogPolicy {
    LogPolicy {
        segment_bytes: u64::from(config.segment_bytes),
        segment_ms: config.segment_ms,
        retention_ms: config.retention_ms,
        retention_bytes: config.retention_bytes,
        delete: config.cleanup_policy.delete,
        compact: may_compact && config.cleanup_policy.compact,
        delete_retention_ms: config.delete_retention_ms,
        min_compaction_lag_ms: config.min_compaction_lag_ms,
        max_compaction_lag_ms: config.max_compaction_lag_ms,
        min_cleanable_dirty_ratio: config.min_cleanable_dirty_ratio,
        flush_messages: config.flush_messages,
        flush_ms: u64::try_from(config.flush_ms).ok().filter(|ms| *ms < u64::MAX >> 1),
    }
}
