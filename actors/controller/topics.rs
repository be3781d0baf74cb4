//! Making, growing and deleting topics; the checks of Kafka's `ReplicationControlManager` and
//! `ControllerApis`, in their order.

use super::configs::check_creation;
use super::error::{ControllerError, PlacementError};
use super::machine::{ControllerMachine, MIN_INSYNC_REPLICAS, RECORDS_MAX};
use super::mutations::Allowance;
use super::placement::{check_manual, fresh, place};
use super::records::{ConfigRecord, PartitionRecord, Record, RemoveTopicRecord, TopicRecord};
use super::request::{
    Answer, CreatePartitions, CreateTopics, Declared, DeleteTopics, MorePartitions, NewTopic,
    TopicCreated, TopicDeleted, TopicRef,
};
use super::rules::ConfigResource;
use super::state::TopicState;
use crate::machine::Decision;
use crate::types::{NodeId, TopicName, Uuid};
use std::collections::{BTreeMap, BTreeSet};

/// The log of the quorum; no topic.
const METADATA_TOPIC: &str = "__cluster_metadata";

type Created = (Vec<Record>, TopicCreated);

pub(super) fn create(
    machine: &ControllerMachine,
    request: CreateTopics,
    allowance: &mut Allowance,
) -> Decision<Record, Answer> {
    if let Err(error) = check_request(machine, &request) {
        let all = request.topics.into_iter().map(|topic| (topic.name, Err(error.clone())));
        return no_change(Answer::TopicsCreated(all.collect()));
    }
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for topic in &request.topics {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    let single = |name: &str| times.get(name) == Some(&1) && name != METADATA_TOPIC;
    let mut results = Vec::with_capacity(request.topics.len());
    let mut records = Vec::new();
    for topic in request.topics.iter().filter(|topic| single(&topic.name)) {
        let result = create_one(machine, topic, Some(&mut *allowance)).map(|(made, created)| {
            records.extend(made);
            created
        });
        results.push((topic.name.clone(), result));
    }
    for (name, times) in times {
        if times > 1 {
            results.push((name, Err(ControllerError::DuplicateTopic)));
        } else if name == METADATA_TOPIC {
            results.push((name, Err(ControllerError::MetadataTopic)));
        }
    }
    if records.len() > RECORDS_MAX {
        let all = results.into_iter().map(|(name, _)| (name, Err(ControllerError::TooLarge)));
        return no_change(Answer::TopicsCreated(all.collect()));
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, answer: Answer::TopicsCreated(results) }
}

const fn no_change(answer: Answer) -> Decision<Record, Answer> {
    Decision { records: Vec::new(), answer }
}

/// What refuses a whole request.
fn check_request(
    machine: &ControllerMachine,
    request: &CreateTopics,
) -> Result<(), ControllerError> {
    if request.timeout_ms < 0 {
        return Err(ControllerError::TimedOut);
    }
    let total = request.topics.iter().fold(0_usize, |total, topic| {
        let partitions = match (topic.assignments.len(), topic.partitions) {
            (0, -1) => usize::try_from(machine.settings().num_partitions).unwrap_or(0),
            (0, count) => usize::try_from(count).unwrap_or(0),
            (assigned, _) => assigned,
        };
        total.saturating_add(partitions)
    });
    if total > RECORDS_MAX { Err(ControllerError::TooLarge) } else { Ok(()) }
}

fn create_one(
    machine: &ControllerMachine,
    topic: &NewTopic,
    allowance: Option<&mut Allowance>,
) -> Result<Created, ControllerError> {
    let state = machine.state();
    if state.topic(&topic.name).is_some() {
        return Err(ControllerError::TopicExists(topic.name.clone()));
    }
    let name = TopicName::parse(&topic.name).map_err(ControllerError::InvalidName)?;
    if let Some(existing) = state.colliding(&name) {
        let existing = existing.as_str().to_owned();
        return Err(ControllerError::NameCollision { name: topic.name.clone(), existing });
    }
    let resource = ConfigResource::Topic(name.clone());
    let configs = check_creation(machine, &resource, &topic.configs)?;
    let placed = if topic.assignments.is_empty() {
        place_new(machine, topic)
    } else {
        place_assigned(machine, topic)
    };
    let placed = placed.map_err(ControllerError::Placement)?;
    allowance.map_or(Ok(()), |allowance| allowance.pay(placed.len()))?;

    let created = TopicCreated {
        name: name.clone(),
        id: topic.id,
        partitions: i32::try_from(placed.len()).unwrap_or(i32::MAX),
        replication_factor: replication_factor(placed.first()),
        configs: configs.clone(),
    };
    let mut records = Vec::with_capacity(1 + placed.len() + configs.len());
    records.push(Record::Topic(TopicRecord { id: topic.id, name }));
    records.extend(configs.into_iter().map(|(name, value)| {
        Record::Config(ConfigRecord { resource: resource.clone(), name, value: Some(value) })
    }));
    records.extend(partition_records(topic.id, 0, placed));
    Ok((records, created))
}

fn replication_factor(replicas: Option<&Vec<NodeId>>) -> i16 {
    i16::try_from(replicas.map_or(0, Vec::len)).unwrap_or(i16::MAX)
}

fn partition_records(
    topic_id: Uuid,
    first: i32,
    placed: Vec<Vec<NodeId>>,
) -> impl Iterator<Item = Record> {
    (first..).zip(placed).map(move |(partition, replicas)| {
        Record::Partition(PartitionRecord { topic_id, partition, state: fresh(replicas) })
    })
}

fn place_new(
    machine: &ControllerMachine,
    topic: &NewTopic,
) -> Result<Vec<Vec<NodeId>>, PlacementError> {
    let factor = match topic.replication_factor {
        -1 => machine.settings().default_replication_factor,
        ..=0 => return Err(PlacementError::ReplicationFactorRange),
        factor => factor,
    };
    let partitions = match topic.partitions {
        -1 => machine.settings().num_partitions,
        ..=0 => return Err(PlacementError::PartitionsRange),
        partitions => partitions,
    };
    let count = usize::try_from(partitions).unwrap_or(0);
    place(machine.state().brokers(), ring_start(&topic.id), 0, count, factor)
}

/// Where a topic begins in the ring of brokers: anywhere, but always at the same place.
fn ring_start(id: &Uuid) -> usize {
    id.as_bytes().iter().fold(0, |sum, byte| sum + usize::from(*byte))
}

fn place_assigned(
    machine: &ControllerMachine,
    topic: &NewTopic,
) -> Result<Vec<Vec<NodeId>>, PlacementError> {
    if topic.replication_factor != -1 {
        return Err(PlacementError::AssignmentWithCount("replication factor"));
    }
    if topic.partitions != -1 {
        return Err(PlacementError::AssignmentWithCount("numPartitions"));
    }
    let mut placed: BTreeMap<i32, Vec<NodeId>> = BTreeMap::new();
    let mut expected = None;
    for (index, replicas) in &topic.assignments {
        if placed.contains_key(index) {
            return Err(PlacementError::DuplicateAssignment(*index));
        }
        check_manual(machine.state().brokers(), replicas, expected)?;
        expected = Some(replicas.len());
        placed.insert(*index, replicas.clone());
    }
    if (0_i32..).zip(placed.keys()).any(|(expected, index)| expected != *index) {
        return Err(PlacementError::AssignmentGap);
    }
    Ok(placed.into_values().collect())
}

pub(super) fn declare(
    machine: &ControllerMachine,
    declared: Vec<NewTopic>,
) -> Decision<Record, Answer> {
    let mut records = Vec::new();
    let mut names = BTreeSet::new();
    let mut results = Vec::with_capacity(declared.len());
    for topic in declared {
        let name = topic.name.clone();
        if !names.insert(name.clone()) {
            results.push((name, Err(ControllerError::DuplicateTopic)));
            continue;
        }
        let result = declare_one(machine, topic).map(|(made, declared)| {
            records.extend(made);
            declared
        });
        results.push((name, result));
    }
    Decision { records, answer: Answer::TopicsDeclared(results) }
}

fn declare_one(
    machine: &ControllerMachine,
    mut topic: NewTopic,
) -> Result<(Vec<Record>, Declared), ControllerError> {
    if let Some(there) = machine.state().topic(&topic.name) {
        let partitions = i32::try_from(there.partitions.len()).unwrap_or(i32::MAX);
        let declared = Declared { id: there.id, partitions, created: false, clamped_from: None };
        return Ok((Vec::new(), declared));
    }
    // One broker with Kafka's default of 3 would never have its internal topics.
    let asked = topic.replication_factor;
    let brokers = i16::try_from(machine.state().brokers().len()).unwrap_or(i16::MAX);
    if asked > brokers {
        topic.replication_factor = brokers;
        clamp_min_insync_replicas(&mut topic, brokers);
    }
    let (records, created) = create_one(machine, &topic, None)?;
    let declared = Declared {
        id: created.id,
        partitions: created.partitions,
        created: true,
        clamped_from: (asked > brokers).then_some(asked),
    };
    Ok((records, declared))
}

/// More in-sync replicas than there are would refuse every append.
fn clamp_min_insync_replicas(topic: &mut NewTopic, brokers: i16) {
    for (name, value) in &mut topic.configs {
        if name == MIN_INSYNC_REPLICAS
            && let Some(asked) = value.as_deref().and_then(|text| text.parse::<i16>().ok())
        {
            *value = Some(asked.min(brokers).to_string());
        }
    }
}

pub(super) fn delete(
    machine: &ControllerMachine,
    request: &DeleteTopics,
    allowance: &mut Allowance,
) -> Decision<Record, Answer> {
    let refused = if !machine.settings().delete_topic_enable {
        Some(ControllerError::DeletionDisabled)
    } else if request.timeout_ms < 0 {
        Some(ControllerError::TimedOut)
    } else if request.topics.len() > RECORDS_MAX {
        Some(ControllerError::TooLarge)
    } else {
        None
    };
    if let Some(error) = refused {
        let all = request.topics.iter().map(|topic| TopicDeleted {
            name: topic.name.clone(),
            id: topic.id,
            result: Err(error.clone()),
        });
        return no_change(Answer::TopicsDeleted(all.collect()));
    }
    let given = Given::of(&request.topics);
    let mut records = Vec::new();
    let mut results = Vec::new();
    let mut answered = BTreeSet::new();
    for topic in &request.topics {
        // A name or an id that is given twice is answered once.
        if answered.insert((topic.name.as_deref(), topic.id)) {
            results.extend(delete_one(machine, &given, topic, &mut records, allowance));
        }
    }
    Decision { records, answer: Answer::TopicsDeleted(results) }
}

/// How often a request gives each name and each id.
struct Given<'a> {
    names: BTreeMap<&'a str, usize>,
    ids: BTreeMap<Uuid, usize>,
}

impl<'a> Given<'a> {
    fn of(topics: &'a [TopicRef]) -> Self {
        let mut given = Self { names: BTreeMap::new(), ids: BTreeMap::new() };
        for topic in topics {
            match &topic.name {
                Some(name) if topic.id.is_nil() => {
                    *given.names.entry(name.as_str()).or_default() += 1;
                }
                None if !topic.id.is_nil() => *given.ids.entry(topic.id).or_default() += 1,
                Some(_) | None => {}
            }
        }
        given
    }
}

/// `None` where the answer is given elsewhere: for an id whose topic is named as well.
fn delete_one(
    machine: &ControllerMachine,
    given: &Given<'_>,
    topic: &TopicRef,
    records: &mut Vec<Record>,
    allowance: &mut Allowance,
) -> Option<TopicDeleted> {
    let refused =
        |error| Some(TopicDeleted { name: topic.name.clone(), id: topic.id, result: Err(error) });
    let found = match (&topic.name, topic.id.is_nil()) {
        (None, true) => return refused(ControllerError::NeitherNameNorId),
        (Some(_), false) => return refused(ControllerError::NameAndId),
        (Some(name), true) => {
            if given.names.get(name.as_str()).is_some_and(|times| *times > 1) {
                return refused(ControllerError::DuplicateTopic);
            }
            if name.is_empty() {
                return refused(ControllerError::EmptyName);
            }
            let Some(found) = machine.state().topic(name) else {
                return refused(ControllerError::UnknownTopic(name.clone()));
            };
            if given.ids.contains_key(&found.id) {
                let result = Err(ControllerError::NameOfGivenId);
                return Some(TopicDeleted { name: Some(name.clone()), id: found.id, result });
            }
            found
        }
        (None, false) => {
            if given.ids.get(&topic.id).is_some_and(|times| *times > 1) {
                return refused(ControllerError::DuplicateTopicId);
            }
            let Some(found) = machine.state().topic_by_id(&topic.id) else {
                return refused(ControllerError::UnknownTopicId(topic.id));
            };
            if given.names.get(found.name.as_str()) == Some(&1) {
                return None;
            }
            found
        }
    };
    let (name, id) = (found.name.clone(), found.id);
    let result = allowance.pay(found.partitions.len());
    let answer = TopicDeleted { name: Some(name.as_str().to_owned()), id, result };
    if answer.result.is_ok() {
        records.push(Record::RemoveTopic(RemoveTopicRecord { id, name }));
    }
    Some(answer)
}

pub(super) fn create_partitions(
    machine: &ControllerMachine,
    request: &CreatePartitions,
    allowance: &mut Allowance,
) -> Decision<Record, Answer> {
    if request.timeout_ms < 0 {
        let timed_out =
            |topic: &MorePartitions| (topic.name.clone(), Err(ControllerError::TimedOut));
        let all = request.topics.iter().map(timed_out).collect();
        return no_change(Answer::PartitionsCreated(all));
    }
    let mut names = BTreeSet::new();
    let mut twice = BTreeSet::new();
    for topic in &request.topics {
        if !names.insert(topic.name.as_str()) {
            twice.insert(topic.name.as_str());
        }
    }
    let refused = |name: &&str| ((*name).to_owned(), Err(ControllerError::DuplicateTopic));
    let mut results: Vec<_> = twice.iter().map(refused).collect();
    let mut records = Vec::new();
    for topic in request.topics.iter().filter(|topic| !twice.contains(topic.name.as_str())) {
        let room = RECORDS_MAX - records.len();
        let result = grow(machine, topic, room, allowance).map(|made| records.extend(made));
        results.push((topic.name.clone(), result));
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, answer: Answer::PartitionsCreated(results) }
}

fn grow(
    machine: &ControllerMachine,
    topic: &MorePartitions,
    room: usize,
    allowance: &mut Allowance,
) -> Result<Vec<Record>, ControllerError> {
    let there = machine
        .state()
        .topic(&topic.name)
        .ok_or_else(|| ControllerError::UnknownTopic(topic.name.clone()))?;
    let additional = additional(there, topic).map_err(ControllerError::Placement)?;
    if additional > room {
        return Err(ControllerError::TooLarge);
    }
    allowance.pay(additional)?;
    let current = there.partitions.len();
    let factor = there.partitions.first().map_or(0, |partition| partition.replicas.len());
    let brokers = machine.state().brokers();
    let placed = match &topic.assignments {
        Some(assignments) => assignments
            .iter()
            .map(|replicas| {
                check_manual(brokers, replicas, Some(factor)).map(|()| replicas.clone())
            })
            .collect(),
        None => {
            let factor = i16::try_from(factor).unwrap_or(i16::MAX);
            place(brokers, ring_start(&there.id), current, additional, factor)
        }
    };
    let placed = placed.map_err(ControllerError::Placement)?;
    let first = i32::try_from(current).unwrap_or(i32::MAX);
    Ok(partition_records(there.id, first, placed).collect())
}

/// Partitions to add.
fn additional(there: &TopicState, topic: &MorePartitions) -> Result<usize, PlacementError> {
    let current = there.partitions.len();
    let asked = usize::try_from(topic.count).unwrap_or(0);
    if asked == current {
        return Err(PlacementError::PartitionsSame(current));
    }
    if asked < current {
        let name = topic.name.clone();
        return Err(PlacementError::PartitionsFewer { name, current, asked: topic.count });
    }
    let needed = asked - current;
    match &topic.assignments {
        Some(given) if given.len() != needed => {
            Err(PlacementError::AssignmentCount { needed, given: given.len() })
        }
        Some(_) | None => Ok(needed),
    }
}
