//! What the cluster is: hard state, changed by replay alone, and what changes of it are published.
//!
//! A partition's **leader epoch** is the number of unclean starts that its leader has gone through
//! since the partition was made: 0 for a fresh one, one more at each start after a crash. An
//! unclean start may have cut the tail of a log, so what was written before it and what is written
//! after it must not bear the same epoch; consumers find the cut by OffsetForLeaderEpoch. A clean
//! start changes nothing, so it raises nothing. Each raise raises the **partition epoch** as well,
//! as every change of a partition does.

use super::records::{
    BrokerRecord, ConfigRecord, FeatureRecord, PartitionRecord, ProducerIdsRecord, QuotaRecord,
    Record, RemoveTopicRecord, TopicRecord,
};
use super::rules::ConfigResource;
use super::scram_record::ScramRecord;
use crate::quota::QuotaTable;
use crate::sasl::ScramUsers;
use crate::types::{LeaderEpoch, NodeId, TopicName, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionState {
    /// Brokers that hold it, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those of them that have all of it.
    pub isr: Vec<NodeId>,
    /// The one that takes produce requests.
    pub leader: NodeId,
    /// See the head of this file.
    pub leader_epoch: LeaderEpoch,
    /// Counts changes of this partition.
    pub partition_epoch: i32,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub name: TopicName,
    /// Its id; never used again after it is deleted.
    pub id: Uuid,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionState>,
    /// Its own configs.
    pub configs: Arc<BTreeMap<String, String>>,
}

/// One registered broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerState {
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Its unclean starts.
    pub term: i32,
}

/// Everything that a restart must know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterState {
    // By Kafka's names; those that are not used are not in it.
    features: Arc<BTreeMap<String, i16>>,
    brokers: BTreeMap<NodeId, BrokerState>,
    topics: BTreeMap<TopicName, Arc<TopicState>>,
    names: BTreeMap<Uuid, TopicName>,
    // By `TopicName::collision_key`; more than one topic each only if made in one request.
    collisions: BTreeMap<String, BTreeSet<TopicName>>,
    // Of brokers and groups; those of topics stand with the topic.
    configs: BTreeMap<ConfigResource, Arc<BTreeMap<String, String>>>,
    quotas: Arc<QuotaTable>,
    scram: Arc<ScramUsers>,
    next_producer_id: i64,
}

/// What others have to learn, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDelta {
    /// Whether this is everything, so that what it does not name is gone: the first of a process,
    /// and the first after the controller's actor was restarted.
    pub complete: bool,
    /// What changed.
    pub changes: Vec<Change>,
}

/// A thing as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A topic is there, or has other partitions or configs than before.
    Topic(Arc<TopicState>),
    /// A topic is gone, and with it its logs.
    TopicRemoved {
        /// Its name.
        name: TopicName,
        /// Its id.
        id: Uuid,
    },
    /// All features that the cluster uses, with their levels.
    Features(Arc<BTreeMap<String, i16>>),
    /// All dynamic configs of a broker (`None`: the default of all), empty if there are none.
    BrokerConfigs(Option<NodeId>, Arc<BTreeMap<String, String>>),
    /// All dynamic configs of a group, empty if there are none.
    GroupConfigs(String, Arc<BTreeMap<String, String>>),
    /// All client quotas.
    Quotas(Arc<QuotaTable>),
    /// All SCRAM users.
    Scram(Arc<ScramUsers>),
}

impl ClusterState {
    /// Features that the cluster uses, and their levels.
    #[must_use]
    pub const fn features(&self) -> &Arc<BTreeMap<String, i16>> {
        &self.features
    }

    /// Registered brokers.
    #[must_use]
    pub const fn brokers(&self) -> &BTreeMap<NodeId, BrokerState> {
        &self.brokers
    }

    /// All topics.
    #[must_use]
    pub const fn topics(&self) -> &BTreeMap<TopicName, Arc<TopicState>> {
        &self.topics
    }

    /// The topic of this name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&Arc<TopicState>> {
        self.topics.get(name)
    }

    /// The topic of this id.
    #[must_use]
    pub fn topic_by_id(&self, id: &Uuid) -> Option<&Arc<TopicState>> {
        self.names.get(id).and_then(|name| self.topics.get(name))
    }

    /// A topic whose name is this one but for `.` and `_`.
    #[must_use]
    pub fn colliding(&self, name: &TopicName) -> Option<&TopicName> {
        self.collisions.get(&name.collision_key()).and_then(BTreeSet::first)
    }

    /// Dynamic configs of this resource; empty if there are none.
    #[must_use]
    pub fn configs_of(&self, resource: &ConfigResource) -> Arc<BTreeMap<String, String>> {
        let found = match resource {
            ConfigResource::Topic(name) => self.topics.get(name).map(|topic| &topic.configs),
            ConfigResource::Broker(_) | ConfigResource::Group(_) => self.configs.get(resource),
        };
        found.map(Arc::clone).unwrap_or_default()
    }

    /// Names of groups that have dynamic configs.
    #[must_use]
    pub fn configured_groups(&self) -> Vec<String> {
        let set = self.configs.iter().filter(|(_, configs)| !configs.is_empty());
        set.filter_map(|(resource, _)| match resource {
            ConfigResource::Group(name) => Some(name.clone()),
            ConfigResource::Topic(_) | ConfigResource::Broker(_) => None,
        })
        .collect()
    }

    /// All client quotas.
    #[must_use]
    pub const fn quotas(&self) -> &Arc<QuotaTable> {
        &self.quotas
    }

    /// SCRAM users and their credentials.
    #[must_use]
    pub fn scram(&self) -> &ScramUsers {
        &self.scram
    }

    /// The first producer id that nobody has had.
    #[must_use]
    pub const fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    /// All of it, as news to someone who knows nothing.
    #[must_use]
    pub fn complete(&self) -> ImageDelta {
        let configs = self.configs.keys().filter_map(|resource| self.config_change(resource));
        let topics = self.topics.values().map(|topic| Change::Topic(Arc::clone(topic)));
        let own = [
            Change::Features(self.features.clone()),
            Change::Quotas(Arc::clone(&self.quotas)),
            Change::Scram(Arc::clone(&self.scram)),
        ];
        let changes = own.into_iter().chain(configs).chain(topics).collect();
        ImageDelta { complete: true, changes }
    }

    fn config_change(&self, resource: &ConfigResource) -> Option<Change> {
        let configs = self.configs_of(resource);
        match resource {
            ConfigResource::Topic(name) => self.topics.get(name).cloned().map(Change::Topic),
            ConfigResource::Broker(node) => Some(Change::BrokerConfigs(*node, configs)),
            ConfigResource::Group(group) => Some(Change::GroupConfigs(group.clone(), configs)),
        }
    }

    /// What records that were just replayed have changed; each thing once.
    #[must_use]
    pub fn changes_of(&self, records: &[Record]) -> ImageDelta {
        let mut changes = Vec::new();
        let mut features = false;
        let mut topics = BTreeSet::new();
        let mut resources = BTreeSet::new();
        if records.iter().any(|record| matches!(record, Record::Quota(_))) {
            changes.push(Change::Quotas(Arc::clone(&self.quotas)));
        }
        if records.iter().any(|record| matches!(record, Record::Scram(_))) {
            changes.push(Change::Scram(Arc::clone(&self.scram)));
        }
        for record in records {
            match record {
                Record::Feature(_) => features = true,
                Record::Topic(TopicRecord { id, .. })
                | Record::Partition(PartitionRecord { topic_id: id, .. }) => {
                    topics.insert(*id);
                }
                Record::RemoveTopic(RemoveTopicRecord { id, name }) => {
                    changes.push(Change::TopicRemoved { name: name.clone(), id: *id });
                }
                Record::Config(ConfigRecord { resource, .. }) => {
                    resources.insert(resource.clone());
                }
                // Leaders' epochs go up, in any topic.
                Record::Broker(_) => topics.extend(self.names.keys().copied()),
                Record::Quota(_) | Record::Scram(_) | Record::ProducerIds(_) => {}
            }
        }
        if features {
            changes.push(Change::Features(self.features.clone()));
        }
        for resource in &resources {
            if let ConfigResource::Topic(name) = resource {
                topics.extend(self.topics.get(name).map(|topic| topic.id));
            } else {
                changes.extend(self.config_change(resource));
            }
        }
        let changed = topics.iter().filter_map(|id| self.topic_by_id(id));
        changes.extend(changed.map(|topic| Change::Topic(Arc::clone(topic))));
        ImageDelta { complete: false, changes }
    }

    /// Applies one record: assigns, never decides.
    pub fn replay(&mut self, record: &Record) {
        match record {
            Record::Feature(record) => self.replay_feature(record),
            Record::Broker(record) => self.replay_broker(record),
            Record::Topic(record) => self.replay_topic(record),
            Record::RemoveTopic(record) => self.replay_remove_topic(record),
            Record::Partition(record) => self.replay_partition(record),
            Record::Config(record) => self.replay_config(record),
            Record::Quota(record) => self.replay_quota(record),
            Record::Scram(record) => self.replay_scram(record),
            Record::ProducerIds(ProducerIdsRecord { next }) => self.next_producer_id = *next,
        }
    }

    fn replay_feature(&mut self, FeatureRecord { name, level }: &FeatureRecord) {
        let features = Arc::make_mut(&mut self.features);
        match level {
            0 => drop(features.remove(name)),
            level => drop(features.insert(name.clone(), *level)),
        }
    }

    fn replay_scram(&mut self, record: &ScramRecord) {
        let users = Arc::make_mut(&mut self.scram);
        match &record.credential {
            Some(credential) => users.set(&record.user, record.mechanism, credential.clone()),
            None => users.remove(&record.user, record.mechanism),
        }
    }

    fn replay_broker(&mut self, record: &BrokerRecord) {
        let broker = BrokerState { rack: record.rack.clone(), term: record.term };
        let before = self.brokers.insert(record.node, broker).map_or(0, |broker| broker.term);
        let raise = record.term - before;
        if raise == 0 {
            return;
        }
        for topic in self.topics.values_mut() {
            if topic.partitions.iter().all(|partition| partition.leader != record.node) {
                continue;
            }
            for partition in &mut Arc::make_mut(topic).partitions {
                if partition.leader == record.node {
                    partition.leader_epoch.0 += raise;
                    partition.partition_epoch += raise;
                }
            }
        }
    }

    fn replay_topic(&mut self, record: &TopicRecord) {
        let name = record.name.clone();
        let topic = TopicState {
            name: name.clone(),
            id: record.id,
            partitions: Vec::new(),
            configs: Arc::default(),
        };
        let named = self.names.insert(record.id, name.clone());
        assert!(named.is_none(), "topic id {} of {name} is in use", record.id);
        self.collisions.entry(name.collision_key()).or_default().insert(name.clone());
        let replaced = self.topics.insert(name.clone(), Arc::new(topic));
        assert!(replaced.is_none(), "topic {name} exists already");
    }

    fn replay_remove_topic(&mut self, record: &RemoveTopicRecord) {
        let Some(name) = self.names.remove(&record.id) else { return };
        self.topics.remove(&name);
        let key = name.collision_key();
        if let Some(names) = self.collisions.get_mut(&key) {
            names.remove(&name);
            if names.is_empty() {
                self.collisions.remove(&key);
            }
        }
    }

    fn replay_partition(&mut self, record: &PartitionRecord) {
        let Some(name) = self.names.get(&record.topic_id) else { return };
        let Some(topic) = self.topics.get_mut(name).map(Arc::make_mut) else { return };
        let index = usize::try_from(record.partition).unwrap_or(usize::MAX);
        let end = topic.partitions.len();
        assert!(index <= end, "partition {index} of {name} is made when there are {end}");
        match topic.partitions.get_mut(index) {
            Some(partition) => *partition = record.state.clone(),
            None => topic.partitions.push(record.state.clone()),
        }
    }

    fn replay_config(&mut self, record: &ConfigRecord) {
        let configs = match &record.resource {
            ConfigResource::Topic(name) => {
                let Some(topic) = self.topics.get_mut(name) else { return };
                &mut Arc::make_mut(topic).configs
            }
            other @ (ConfigResource::Broker(_) | ConfigResource::Group(_)) => {
                self.configs.entry(other.clone()).or_default()
            }
        };
        let configs = Arc::make_mut(configs);
        match &record.value {
            Some(value) => drop(configs.insert(record.name.clone(), value.clone())),
            None => drop(configs.remove(&record.name)),
        }
        if let ConfigResource::Broker(_) | ConfigResource::Group(_) = &record.resource
            && configs.is_empty()
        {
            self.configs.remove(&record.resource);
        }
    }

    fn replay_quota(&mut self, record: &QuotaRecord) {
        let table = Arc::make_mut(&mut self.quotas);
        let quotas = table.entry(record.entity.clone()).or_default();
        quotas.address = record.address;
        match record.value {
            Some(value) => drop(quotas.values.insert(record.key, value)),
            None => drop(quotas.values.remove(&record.key)),
        }
        if quotas.values.is_empty() {
            table.remove(&record.entity);
        }
    }
}
