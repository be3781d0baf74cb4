//! Decides about topics, configs, producer ids and starts; its hard state is the fold of its
//! records.

use super::error::ControllerError;
use super::mutations::{Allowance, Mutations};
use super::records::{BrokerRecord, ConfigRecord, ProducerIdsRecord, Record};
use super::request::{Answer, ProducerIdBlock, Request, Requester, StartBroker, Started};
use super::rules::{ConfigResource, ConfigRules};
use super::state::ClusterState;
use super::{configs, features, quotas, reassignments, scram, topics};
use crate::machine::{Decision, ReplicatedMachine};
use crate::quota::Windows;
use crate::types::{MonoTime, Now, ProducerId};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Producer ids are written down this many at a time (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
pub const PRODUCER_ID_BLOCK: i64 = 1000;

/// Partitions, and records, that one request may make (`MAX_PARTITIONS_PER_BATCH` and
/// `MAX_RECORDS_PER_USER_OP` in Kafka's controller). One batch must fit one journal group.
pub(super) const RECORDS_MAX: usize = 10_000;

/// The config that a new cluster keeps as a dynamic default.
pub(super) const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";

/// Settings of the broker that the controller decides by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSettings {
    /// `num.partitions`, 1 or more.
    pub num_partitions: i32,
    /// `default.replication.factor`, 1 or more.
    pub default_replication_factor: i16,
    /// `delete.topic.enable`.
    pub delete_topic_enable: bool,
    /// `controller.quota.window.num` and `controller.quota.window.size.seconds`.
    pub quota_windows: Windows,
}

/// The controller's logic.
pub struct ControllerMachine {
    settings: ControllerSettings,
    rules: Arc<dyn ConfigRules>,
    // Hard state: changed by `replay` alone.
    state: ClusterState,
    // Soft state: what is left of the block that ids are given out of. A restart forgets it, and
    // takes the next block: ids are skipped, never given twice.
    producer_ids: Range<i64>,
    // Soft state as well.
    mutations: Mutations,
}

impl fmt::Debug for ControllerMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControllerMachine")
            .field("settings", &self.settings)
            .field("state", &self.state)
            .field("producer_ids", &self.producer_ids)
            .finish_non_exhaustive()
    }
}

impl ControllerMachine {
    /// A cluster in which nothing has happened.
    #[must_use]
    pub fn new(settings: ControllerSettings, rules: Arc<dyn ConfigRules>) -> Self {
        let mutations = Mutations::new(settings.quota_windows);
        Self { settings, rules, state: ClusterState::default(), producer_ids: 0..0, mutations }
    }

    /// Hard state.
    #[must_use]
    pub const fn state(&self) -> &ClusterState {
        &self.state
    }

    pub(super) const fn settings(&self) -> &ControllerSettings {
        &self.settings
    }

    pub(super) fn rules(&self) -> &dyn ConfigRules {
        &*self.rules
    }

    fn start_broker(&self, start: StartBroker) -> Decision<Record, Answer> {
        let known = self.state.brokers().get(&start.node);
        let term = known.map_or(0, |broker| broker.term + i32::from(!start.clean));
        let mut records: Vec<Record> = features::at_start(&self.state).collect();
        if known.is_none_or(|broker| broker.term != term || broker.rack != start.rack) {
            let StartBroker { node, rack, .. } = start;
            records.push(Record::Broker(BrokerRecord { node, term, rack }));
        }
        if self.state.brokers().is_empty() {
            records.push(Record::Config(ConfigRecord {
                resource: ConfigResource::Broker(None),
                name: MIN_INSYNC_REPLICAS.to_owned(),
                value: Some(start.min_insync_replicas),
            }));
        }
        Decision { records, answer: Answer::Started(Started { term }) }
    }

    /// Decides for a client that may have a quota of changes.
    fn within_quota(
        &mut self,
        now: Now,
        requester: Option<&Requester>,
        decide: impl FnOnce(&Self, &mut Allowance) -> Decision<Record, Answer>,
    ) -> Decision<Record, Answer> {
        let mut allowance = self.mutations.allow(self.state.quotas(), requester, now.mono);
        let Decision { records, answer } = decide(self, &mut allowance);
        let pause = self.mutations.settle(allowance);
        let answer = match pause.is_zero() {
            true => answer,
            false => Answer::Throttled(Box::new(answer), pause),
        };
        Decision { records, answer }
    }

    fn new_producer_id(&mut self) -> Decision<Record, Answer> {
        // A block whose record the log refused is not ours.
        if self.producer_ids.end > self.state.next_producer_id() {
            self.producer_ids = 0..0;
        }
        let mut records = Vec::new();
        if self.producer_ids.is_empty() {
            match self.next_block() {
                Ok((record, block)) => {
                    records.push(record);
                    self.producer_ids = block;
                }
                Err(error) => return Decision { records, answer: Answer::ProducerId(Err(error)) },
            }
        }
        let id = self.producer_ids.next().ok_or(ControllerError::ProducerIdsExhausted);
        Decision { records, answer: Answer::ProducerId(id.map(ProducerId)) }
    }

    fn allocate_producer_ids(&self) -> Decision<Record, Answer> {
        match self.next_block() {
            Ok((record, ids)) => Decision {
                records: vec![record],
                answer: Answer::ProducerIds(Ok(ProducerIdBlock { ids })),
            },
            Err(error) => Decision { records: Vec::new(), answer: Answer::ProducerIds(Err(error)) },
        }
    }

    fn next_block(&self) -> Result<(Record, Range<i64>), ControllerError> {
        let first = self.state.next_producer_id();
        let next =
            first.checked_add(PRODUCER_ID_BLOCK).ok_or(ControllerError::ProducerIdsExhausted)?;
        Ok((Record::ProducerIds(ProducerIdsRecord { next }), first..next))
    }
}

impl ReplicatedMachine for ControllerMachine {
    type Request = Request;
    type Record = Record;
    type Answer = Answer;

    fn decide(&mut self, now: Now, request: Request) -> Decision<Record, Answer> {
        match request {
            Request::StartBroker(start) => self.start_broker(start),
            Request::CreateTopics(mut create) => {
                let requester = create.requester.take();
                self.within_quota(now, requester.as_ref(), |machine, allowance| {
                    topics::create(machine, create, allowance)
                })
            }
            Request::DeclareTopics(declared) => topics::declare(self, declared),
            Request::DeleteTopics(delete) => {
                self.within_quota(now, delete.requester.as_ref(), |machine, allowance| {
                    topics::delete(machine, &delete, allowance)
                })
            }
            Request::CreatePartitions(more) => {
                self.within_quota(now, more.requester.as_ref(), |machine, allowance| {
                    topics::create_partitions(machine, &more, allowance)
                })
            }
            Request::Reassign(asked) => {
                Decision { records: Vec::new(), answer: reassignments::alter(self, &asked) }
            }
            Request::AlterConfigs(alter) => configs::alter(self, alter),
            Request::UpdateFeatures(update) => features::update(self, update),
            Request::AlterScram(alter) => scram::alter(self, alter),
            Request::ConfigsOf(resource) => Decision {
                records: Vec::new(),
                answer: Answer::Configs(self.state.configs_of(&resource)),
            },
            Request::ConfiguredGroups => Decision {
                records: Vec::new(),
                answer: Answer::ConfiguredGroups(self.state.configured_groups()),
            },
            Request::AlterQuotas(alter) => quotas::alter(self, alter),
            Request::Quotas(filter) => {
                Decision { records: Vec::new(), answer: quotas::describe(self, &filter) }
            }
            Request::NewProducerId => self.new_producer_id(),
            Request::AllocateProducerIds => self.allocate_producer_ids(),
        }
    }

    fn replay(&mut self, record: &Record) {
        self.state.replay(record);
    }

    fn deadline(&self) -> Option<MonoTime> {
        None
    }
}
