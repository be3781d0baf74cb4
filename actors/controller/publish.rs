//! Shows what the controller decided to everyone else.

use super::ports::Publisher;
use super::state::{Change, ImageDelta, TopicState};
use crate::quota::Quotas;
use crate::registry::{ImageWriter, TopicDescription, TopicImage};
use crate::types::{NodeId, Offset, TopicName, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// Told of topics that come and go, once everyone can see it.
pub trait TopicWatcher: Send {
    /// A topic is there that was not, under this id at least.
    fn came(&mut self, topic: &TopicImage);
    /// A topic is gone.
    fn went(&mut self, name: &TopicName);
}

/// Publishes to the registry.
pub struct RegistryPublisher {
    writer: ImageWriter,
    quotas: Arc<Quotas>,
    node: NodeId,
    of_broker: Arc<BTreeMap<String, String>>,
    of_all: Arc<BTreeMap<String, String>>,
    watcher: Box<dyn TopicWatcher>,
}

impl fmt::Debug for RegistryPublisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryPublisher").field("writer", &self.writer).finish_non_exhaustive()
    }
}

impl RegistryPublisher {
    /// A publisher of this node; `watcher` hears of topics that come and go.
    #[must_use]
    pub fn new(
        writer: ImageWriter,
        quotas: Arc<Quotas>,
        node: NodeId,
        watcher: Box<dyn TopicWatcher>,
    ) -> Self {
        let (of_broker, of_all) = (Arc::default(), Arc::default());
        Self { writer, quotas, node, of_broker, of_all, watcher }
    }

    /// Whether the topic is new.
    fn put(&mut self, topic: &TopicState) -> bool {
        self.writer.put(TopicDescription {
            name: topic.name.clone(),
            id: topic.id,
            leader_epochs: topic.partitions.iter().map(|p| p.leader_epoch).collect(),
            overrides: topic.configs.clone(),
        })
    }

    fn remove_unnamed(&mut self, changes: &[Change]) {
        let named = changes.iter().filter_map(|change| match change {
            Change::Topic(topic) => Some(topic.id),
            Change::TopicRemoved { .. }
            | Change::Features(_)
            | Change::BrokerConfigs(..)
            | Change::GroupConfigs(..)
            | Change::Quotas(_)
            | Change::Scram(_) => None,
        });
        let named: BTreeSet<Uuid> = named.collect();
        for id in self.writer.topics() {
            if !named.contains(&id) {
                self.writer.remove(id);
            }
        }
    }
}

impl Publisher for RegistryPublisher {
    fn publish(&mut self, delta: ImageDelta, log_end: Offset) {
        if delta.complete {
            self.remove_unnamed(&delta.changes);
        }
        let (mut came, mut went) = (Vec::new(), Vec::new());
        let mut is_configured = false;
        for change in delta.changes {
            match change {
                Change::Topic(topic) => {
                    if self.put(&topic) {
                        came.push(topic.id);
                    }
                }
                Change::TopicRemoved { name, id } => {
                    self.writer.remove(id);
                    went.push(name);
                }
                Change::Features(features) => self.writer.finalize(features),
                Change::BrokerConfigs(node, configs) => {
                    match node {
                        None => self.of_all = configs,
                        Some(node) if node == self.node => self.of_broker = configs,
                        Some(_) => continue,
                    }
                    let configs = self.writer.configs().with_dynamic(&self.of_broker, &self.of_all);
                    self.writer.configure(configs);
                    is_configured = true;
                }
                Change::Quotas(table) => self.quotas.publish(&table),
                // Groups read theirs when a protocol that has any is there.
                Change::GroupConfigs(..) => {}
                Change::Scram(users) => self.writer.set_scram(users),
            }
        }
        // Refused when it is set, but the file may be another since.
        if is_configured && let Err(error) = self.writer.configs().check_sasl() {
            log::warn!(error:% = error; "a SASL listener cannot be served with what was set live");
        }
        self.writer.show(log_end);
        if delta.complete {
            self.writer.remove_orphans();
        }
        went.iter().for_each(|name| self.watcher.went(name));
        for topic in came.iter().filter_map(|id| self.writer.topic(*id)) {
            self.watcher.came(topic);
        }
    }
}
