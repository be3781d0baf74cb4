//! The controller under random requests and crashes that lose whatever was not flushed.
//!
//! Checked after each crash, and at the end: the state is the fold of what the log holds; topics,
//! partitions, leader epochs and client quotas are what the answers said; an acknowledged producer id is never
//! given again.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

use bytes::Bytes;
use ottla_actors::controller::{
    AlterConfigs, AlterQuotas, Answer, ConfigChange, ControllerMachine, ControllerSettings,
    CreatePartitions, CreateTopics, DeleteTopics, MorePartitions, NewTopic, QuotaAlteration,
    Request, ResourceAlteration, SettingsRules, StartBroker, TopicRef, decode_batch, encode_batch,
};
use ottla_actors::machine::{Decision, ReplicatedMachine};
use ottla_actors::quota::Windows;
use ottla_actors::types::{BrokerConfigs, MonoTime, NodeId, Now, Timestamp, Uuid};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

const NOW: Now = Now { mono: MonoTime::START, wall: Timestamp(1_700_000_000_000) };
const STEPS: u32 = 300;
const SEEDS: u64 = 200;

/// xorshift64*: the seed is the whole of its state.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }

    fn name(&mut self) -> String {
        // Few names, some of which collide, so that most requests meet something.
        let names = ["a", "b", "c.d", "c_d", "e", "f", "bad/name"];
        let last = u64::try_from(names.len()).unwrap();
        let at = usize::try_from(self.below(last)).unwrap();
        names.get(at).copied().unwrap().to_owned()
    }
}

/// What the answers say there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    term: i32,
    /// Id, and of each partition the term in which it was made.
    topics: BTreeMap<String, (Uuid, Vec<i32>)>,
    retention: BTreeMap<String, String>,
    /// Bytes in a second, by client id.
    quotas: BTreeMap<String, u32>,
}

/// One entry of the log, and what is so once it counts.
struct Entry {
    batch: Bytes,
    told: Told,
}

struct World {
    random: Random,
    machine: ControllerMachine,
    log: Vec<Entry>,
    flushed: usize,
    told: Told,
    /// Ids that are answered once the log is flushed up to here.
    held_ids: Vec<(usize, i64)>,
    given_ids: BTreeSet<i64>,
    topics_made: u128,
}

fn fresh_machine() -> ControllerMachine {
    let settings = ControllerSettings {
        num_partitions: 2,
        default_replication_factor: 1,
        delete_topic_enable: true,
        quota_windows: Windows { count: 11, size: Duration::from_secs(1) },
    };
    ControllerMachine::new(settings, Arc::new(SettingsRules::new(BrokerConfigs::default())))
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            random: Random::new(seed),
            machine: fresh_machine(),
            log: Vec::new(),
            flushed: 0,
            told: Told::default(),
            held_ids: Vec::new(),
            given_ids: BTreeSet::new(),
            topics_made: 0,
        };
        world.start(true);
        world
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            match self.random.below(22) {
                0 => self.crash(),
                1..=5 => self.flush(),
                6..=9 => self.create(),
                10..=11 => self.delete(),
                12..=13 => self.grow(),
                14..=15 => self.configure(),
                16..=17 => self.bound(),
                _ => self.new_id(),
            }
        }
        self.crash();
    }

    fn ask(&mut self, request: Request, tell: impl FnOnce(&mut Told, &Answer)) -> Answer {
        let Decision { records, answer } = self.machine.decide(NOW, request);
        records.iter().for_each(|record| self.machine.replay(record));
        tell(&mut self.told, &answer);
        if !records.is_empty() {
            let batch = encode_batch(&records, NOW.wall);
            self.log.push(Entry { batch, told: self.told.clone() });
        }
        answer
    }

    fn start(&mut self, clean: bool) {
        let start =
            StartBroker { node: NodeId(1), rack: None, clean, min_insync_replicas: "1".to_owned() };
        self.ask(Request::StartBroker(start), |told, answer| {
            let Answer::Started(started) = answer else { panic!("{answer:?}") };
            told.term = started.term;
        });
    }

    fn flush(&mut self) {
        let waiting = u64::try_from(self.log.len() - self.flushed).unwrap();
        self.flushed += usize::try_from(self.random.below(waiting + 1)).unwrap();
        let flushed = self.flushed;
        let given = &mut self.given_ids;
        self.held_ids.retain(|(until, id)| {
            let answered = *until <= flushed;
            assert!(!answered || given.insert(*id), "producer id {id} was given twice");
            !answered
        });
    }

    /// Everything that was not flushed is lost, and the process starts again.
    fn crash(&mut self) {
        self.log.truncate(self.flushed);
        self.held_ids.clear();
        self.machine = fresh_machine();
        for entry in &self.log {
            let records = decode_batch(&entry.batch).unwrap();
            records.iter().for_each(|record| self.machine.replay(record));
        }
        self.told = self.log.last().map(|entry| entry.told.clone()).unwrap_or_default();
        self.check();
        self.start(false);
        self.check();
    }

    fn check(&self) {
        let state = self.machine.state();
        let found = state.topics().values().map(|topic| {
            let epochs = topic.partitions.iter().map(|partition| partition.leader_epoch.0);
            (topic.name.as_str().to_owned(), (topic.id, epochs.collect::<Vec<i32>>()))
        });
        let told = self.told.topics.iter().map(|(name, (id, terms))| {
            let epochs = terms.iter().map(|term| self.told.term - term);
            (name.clone(), (*id, epochs.collect::<Vec<i32>>()))
        });
        assert!(found.eq(told), "{:?}\nis not what was told: {:?}", state.topics(), self.told);
        let quotas = state.quotas().iter().map(|(entity, quotas)| {
            let name = entity.parts().into_iter().find_map(|(_, name)| name.name());
            (name.unwrap().to_owned(), quotas.values.values().map(|value| value.value()).sum())
        });
        let told = self.told.quotas.iter().map(|(name, bound)| (name.clone(), f64::from(*bound)));
        assert!(quotas.eq(told), "{:?} are not what was told: {:?}", state.quotas(), self.told);
        for topic in state.topics().values() {
            let set = topic.configs.get("retention.ms");
            assert_eq!(set, self.told.retention.get(topic.name.as_str()), "of {}", topic.name);
            assert_eq!(state.topic_by_id(&topic.id), Some(topic));
        }
    }

    fn create(&mut self) {
        let count = 1 + self.random.below(3);
        let topics = (0..count).map(|_| {
            self.topics_made += 1;
            let id = Uuid::from_u128((1 << 100) + self.topics_made);
            let partitions = i32::try_from(self.random.below(4)).unwrap() - 1;
            NewTopic { partitions, ..NewTopic::with_defaults(self.random.name(), id) }
        });
        let topics = topics.collect();
        let validate_only = self.random.below(8) == 0;
        let request = CreateTopics { requester: None, topics, validate_only, timeout_ms: 1 };
        self.ask(Request::CreateTopics(request), |told, answer| {
            let Answer::TopicsCreated(results) = answer else { panic!("{answer:?}") };
            let made = results.iter().filter_map(|(_, result)| result.as_ref().ok());
            for topic in made.filter(|_| !validate_only) {
                let partitions = usize::try_from(topic.partitions).unwrap();
                let name = topic.name.as_str().to_owned();
                told.topics.insert(name, (topic.id, vec![told.term; partitions]));
            }
        });
    }

    fn delete(&mut self) {
        let name = self.random.name();
        let by_id = self.told.topics.get(&name).filter(|_| self.random.below(2) == 0);
        let topic = match by_id {
            Some((id, _)) => TopicRef { name: None, id: *id },
            None => TopicRef { name: Some(name), id: Uuid::nil() },
        };
        let request = DeleteTopics { requester: None, topics: vec![topic], timeout_ms: 1 };
        self.ask(Request::DeleteTopics(request), |told, answer| {
            let Answer::TopicsDeleted(results) = answer else { panic!("{answer:?}") };
            for deleted in results.iter().filter(|deleted| deleted.result.is_ok()) {
                let name = deleted.name.as_ref().unwrap();
                told.topics.remove(name);
                told.retention.remove(name);
            }
        });
    }

    fn grow(&mut self) {
        let count = i32::try_from(self.random.below(6)).unwrap();
        let topic = MorePartitions { name: self.random.name(), count, assignments: None };
        let request = CreatePartitions {
            requester: None,
            topics: vec![topic],
            validate_only: false,
            timeout_ms: 1,
        };
        self.ask(Request::CreatePartitions(request), |told, answer| {
            let Answer::PartitionsCreated(results) = answer else { panic!("{answer:?}") };
            for (name, _) in results.iter().filter(|(_, result)| result.is_ok()) {
                let (_, terms) = told.topics.get_mut(name).unwrap();
                terms.resize(usize::try_from(count).unwrap(), told.term);
            }
        });
    }

    fn configure(&mut self) {
        let value = self.random.below(3).to_string();
        let delete = self.random.below(3) == 0;
        let change = ConfigChange {
            name: "retention.ms".to_owned(),
            operation: i8::from(delete),
            value: (!delete).then(|| value.clone()),
        };
        let resource = ResourceAlteration {
            resource_type: 2,
            resource_name: self.random.name(),
            changes: vec![change],
        };
        let request = AlterConfigs {
            resources: vec![resource],
            replace: false,
            validate_only: false,
            node: NodeId(1),
        };
        self.ask(Request::AlterConfigs(request), |told, answer| {
            let Answer::ConfigsAltered(results) = answer else { panic!("{answer:?}") };
            for altered in results.iter().filter(|altered| altered.result.is_ok()) {
                let name = altered.resource_name.clone();
                if delete {
                    told.retention.remove(&name);
                } else {
                    told.retention.insert(name, value.clone());
                }
            }
        });
    }

    /// Sets a client's quota, or unsets it.
    fn bound(&mut self) {
        let value = u32::try_from(self.random.below(4)).unwrap();
        let client = self.random.name();
        let (key, bound) = ("producer_byte_rate".to_owned(), (value > 0).then(|| value.into()));
        let alteration = QuotaAlteration {
            entity: BTreeMap::from([("client-id".to_owned(), Some(client.clone()))]),
            address: None,
            changes: vec![(key, bound)],
        };
        let request = AlterQuotas { alterations: vec![alteration], validate_only: false };
        self.ask(Request::AlterQuotas(request), |told, answer| {
            let Answer::QuotasAltered(results) = answer else { panic!("{answer:?}") };
            assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
            told.quotas.remove(&client);
            told.quotas.extend((value > 0).then_some((client, value)));
        });
    }

    fn new_id(&mut self) {
        // Blocks of a thousand: now and then most of one is used up.
        let count = if self.random.below(10) == 0 { 900 } else { 1 };
        for _ in 0..count {
            let answer = self.ask(Request::NewProducerId, |_, _| {});
            let Answer::ProducerId(Ok(id)) = answer else { panic!("{answer:?}") };
            self.held_ids.push((self.log.len(), id.0));
        }
    }
}

#[test]
fn a_crash_loses_nothing_that_was_acknowledged() {
    let seeds = match std::env::var("SIM_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..SEEDS).collect(),
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        assert!(run.is_ok(), "failed with SIM_SEED={seed}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let bytes = |seed| {
        let mut world = World::new(seed);
        world.run();
        world.log.into_iter().map(|entry| entry.batch).collect::<Vec<Bytes>>()
    };

    assert_eq!(bytes(7), bytes(7));
    assert_ne!(bytes(7), bytes(8));
}
