//! The image, and its swap.

use crate::partition::Partition;
use crate::sasl::ScramUsers;
use crate::types::{
    BrokerConfigs, LeaderEpoch, Offset, SaslSettings, TopicConfig, TopicName, Uuid,
};
use arc_swap::{ArcSwap, Guard};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;

/// One partition as clients see it. Its only replica is this broker.
#[derive(Clone, Debug)]
pub struct PartitionImage {
    /// Epoch of its leader.
    pub leader_epoch: LeaderEpoch,
    /// Its actor and log.
    pub partition: Partition,
}

impl PartitionImage {
    /// Whether its log cannot be used, so that nobody leads it.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        self.partition.log().offline().is_some()
    }
}

/// One topic.
#[derive(Clone, Debug)]
pub struct TopicImage {
    /// Its name.
    pub name: TopicName,
    /// Its id; another topic of the same name has another.
    pub id: Uuid,
    /// Partitions by index.
    pub partitions: Vec<PartitionImage>,
    /// Configs set for this topic.
    pub overrides: Arc<BTreeMap<String, String>>,
    /// What follows from them and the broker's own.
    pub config: Arc<TopicConfig>,
}

impl TopicImage {
    /// The partition of an index from the wire.
    #[must_use]
    pub fn partition(&self, index: i32) -> Option<&PartitionImage> {
        self.partitions.get(usize::try_from(index).ok()?)
    }
}

/// Everything that is known of the cluster, at one moment.
#[derive(Clone, Debug)]
pub struct MetadataImage {
    /// Topics by name.
    pub topics: BTreeMap<TopicName, Arc<TopicImage>>,
    /// The same topics by id.
    pub ids: BTreeMap<Uuid, Arc<TopicImage>>,
    /// The broker's configs, static and dynamic.
    pub configs: Arc<BrokerConfigs>,
    /// What follows from them for each SASL listener.
    pub sasl: Arc<BTreeMap<String, SaslSettings>>,
    /// Features that the cluster uses, and their levels.
    pub features: Arc<BTreeMap<String, i16>>,
    /// End of the metadata log that this is the fold of.
    pub log_end: Offset,
    /// SCRAM users and their credentials.
    pub scram: Arc<ScramUsers>,
    /// Raised with each swap.
    pub generation: u64,
}

impl MetadataImage {
    /// An empty cluster.
    #[must_use]
    pub fn new(configs: Arc<BrokerConfigs>) -> Self {
        Self {
            topics: BTreeMap::new(),
            ids: BTreeMap::new(),
            sasl: Arc::new(configs.sasl_of_listeners()),
            configs,
            features: Arc::default(),
            log_end: Offset::ZERO,
            scram: Arc::default(),
            generation: 0,
        }
    }

    /// The topic of a name from the wire, which may be one that no topic could have.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicImage>> {
        self.topics.get(name)
    }

    /// The topic of an id.
    #[must_use]
    pub fn topic_by_id(&self, id: Uuid) -> Option<&Arc<TopicImage>> {
        self.ids.get(&id)
    }

    /// Puts a topic in, in the place of one with the same id.
    pub fn put(&mut self, topic: Arc<TopicImage>) {
        self.topics.insert(topic.name.clone(), topic.clone());
        self.ids.insert(topic.id, topic);
    }

    /// Takes a topic out.
    pub fn take(&mut self, id: Uuid) -> Option<Arc<TopicImage>> {
        let topic = self.ids.remove(&id)?;
        self.topics.remove(&topic.name);
        Some(topic)
    }
}

/// Holds the image of the moment.
#[derive(Debug)]
pub struct Registry {
    image: ArcSwap<MetadataImage>,
    changed: Notify,
}

impl Registry {
    /// A registry that shows `image`.
    #[must_use]
    pub fn new(image: MetadataImage) -> Self {
        Self { image: ArcSwap::from_pointee(image), changed: Notify::new() }
    }

    /// The image of the moment; take it once for each request.
    #[must_use]
    pub fn image(&self) -> Guard<Arc<MetadataImage>> {
        self.image.load()
    }

    /// Shows `image` from now on. Only the controller calls this.
    pub fn swap(&self, image: MetadataImage) {
        self.image.store(Arc::new(image));
        self.changed.notify_waiters();
    }

    /// Ends when another image is shown than any that was seen before this was called.
    pub fn changed(&self) -> impl Future<Output = ()> {
        self.changed.notified()
    }
}
