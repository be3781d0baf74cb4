//! A cluster in a test: the machine, and what it has written.

use super::*;
use crate::machine::{Decision, ReplicatedMachine};
use crate::quota::Windows;
use crate::types::{BrokerConfigs, MonoTime, NodeId, Now, Timestamp, Uuid};
use std::sync::Arc;
use std::time::Duration;

pub(super) const NOW: Now = Now { mono: MonoTime::START, wall: Timestamp(1_700_000_000_000) };

pub(super) struct Cluster {
    pub(super) machine: ControllerMachine,
    pub(super) log: Vec<Record>,
}

pub(super) fn settings() -> ControllerSettings {
    ControllerSettings {
        num_partitions: 1,
        default_replication_factor: 1,
        delete_topic_enable: true,
        quota_windows: Windows { count: 11, size: Duration::from_secs(1) },
    }
}

pub(super) fn start_of(node: i32, clean: bool) -> StartBroker {
    StartBroker { node: NodeId(node), rack: None, clean, min_insync_replicas: "1".to_owned() }
}

impl Cluster {
    /// Nothing has happened, no broker is there.
    pub(super) fn empty(settings: ControllerSettings) -> Self {
        Self::configured(settings, BrokerConfigs::default())
    }

    /// The same, of a broker that is started with these configs.
    pub(super) fn configured(settings: ControllerSettings, configs: BrokerConfigs) -> Self {
        let rules = Arc::new(SettingsRules::new(configs));
        Self { machine: ControllerMachine::new(settings, rules), log: Vec::new() }
    }

    /// Brokers 1 to `count` have started.
    pub(super) fn of(count: i32) -> Self {
        let mut cluster = Self::empty(settings());
        for node in 1..=count {
            cluster.ask(Request::StartBroker(start_of(node, true)));
        }
        cluster
    }

    /// What a restart finds.
    pub(super) fn restarted(&self) -> Self {
        let mut cluster = Self::empty(self.machine.settings().clone());
        self.log.iter().for_each(|record| cluster.machine.replay(record));
        cluster.log = self.log.clone();
        cluster
    }

    pub(super) fn ask(&mut self, request: Request) -> Answer {
        let Decision { records, answer } = self.machine.decide(NOW, request);
        records.iter().for_each(|record| self.machine.replay(record));
        self.log.extend(records);
        answer
    }

    pub(super) fn create(&mut self, topic: NewTopic) -> Result<TopicCreated, ControllerError> {
        self.create_all(vec![topic], false).remove(0).1
    }

    pub(super) fn create_all(
        &mut self,
        topics: Vec<NewTopic>,
        validate_only: bool,
    ) -> Vec<(String, Result<TopicCreated, ControllerError>)> {
        let request = CreateTopics { requester: None, topics, validate_only, timeout_ms: 1000 };
        let Answer::TopicsCreated(results) = self.ask(Request::CreateTopics(request)) else {
            panic!("another kind of answer")
        };
        results
    }

    /// Makes a topic with this many partitions.
    pub(super) fn with_topic(&mut self, name: &str, partitions: i32) -> Uuid {
        self.create(NewTopic { partitions, ..topic(name) }).unwrap().id
    }

    pub(super) fn state(&self) -> &ClusterState {
        self.machine.state()
    }
}

/// A topic with the broker's defaults; its id follows from its name.
pub(super) fn topic(name: &str) -> NewTopic {
    let id = name.bytes().fold(1 << 64, |id: u128, byte| id.wrapping_mul(257) + u128::from(byte));
    NewTopic::with_defaults(name.to_owned(), Uuid::from_u128(id))
}

pub(super) fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}
