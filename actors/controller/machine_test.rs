//! Starts, epochs, producer ids, and what is told of a change.

use super::testing::{Cluster, NOW, nodes, start_of, topic};
use super::*;
use crate::machine::ReplicatedMachine;
use crate::types::{NodeId, Uuid};
use std::collections::BTreeSet;

fn start(cluster: &mut Cluster, node: i32, clean: bool) -> i32 {
    let Answer::Started(started) = cluster.ask(Request::StartBroker(start_of(node, clean))) else {
        panic!("another kind of answer")
    };
    started.term
}

fn epochs(cluster: &Cluster, name: &str) -> Vec<(i32, i32)> {
    let partitions = &cluster.state().topic(name).unwrap().partitions;
    partitions.iter().map(|p| (p.leader_epoch.0, p.partition_epoch)).collect()
}

fn new_id(cluster: &mut Cluster) -> i64 {
    let Answer::ProducerId(id) = cluster.ask(Request::NewProducerId) else {
        panic!("another kind of answer")
    };
    id.unwrap().0
}

fn block(cluster: &mut Cluster) -> std::ops::Range<i64> {
    let Answer::ProducerIds(block) = cluster.ask(Request::AllocateProducerIds) else {
        panic!("another kind of answer")
    };
    block.unwrap().ids
}

#[test]
fn an_unclean_start_raises_the_epochs_of_partitions_that_were_there() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("old", 2);

    assert_eq!(start(&mut cluster, 1, false), 1);
    cluster.with_topic("new", 1);

    assert_eq!(epochs(&cluster, "old"), [(1, 1), (1, 1)]);
    assert_eq!(epochs(&cluster, "new"), [(0, 0)]);
    assert_eq!(start(&mut cluster, 1, false), 2);
    assert_eq!(epochs(&cluster, "old"), [(2, 2), (2, 2)]);
    assert_eq!(epochs(&cluster, "new"), [(1, 1)]);
}

#[test]
fn a_clean_start_raises_nothing_and_writes_nothing() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("t", 1);
    let before = cluster.log.len();

    assert_eq!(start(&mut cluster, 1, true), 0);

    assert_eq!(epochs(&cluster, "t"), [(0, 0)]);
    assert_eq!(cluster.log.len(), before);
}

#[test]
fn a_start_raises_only_what_its_broker_leads() {
    let mut cluster = Cluster::of(2);
    let assignments = vec![(0, nodes(&[1])), (1, nodes(&[2]))];
    cluster.create(NewTopic { assignments, ..topic("t") }).unwrap();

    start(&mut cluster, 2, false);

    assert_eq!(epochs(&cluster, "t"), [(0, 0), (1, 1)]);
}

#[test]
fn producer_ids_are_given_once_even_across_restarts() {
    let mut cluster = Cluster::of(1);
    let mut seen = BTreeSet::new();
    let mut all_new = |id: i64| assert!(seen.insert(id), "{id} was given twice");

    for _ in 0..3 {
        (0..1500).for_each(|_| all_new(new_id(&mut cluster)));
        block(&mut cluster).for_each(&mut all_new);
        cluster = cluster.restarted();
    }
}

#[test]
fn a_block_is_written_before_its_first_id_is_given_and_lasts_for_a_thousand() {
    let mut cluster = Cluster::of(1);
    let before = cluster.log.len();

    assert_eq!(new_id(&mut cluster), 0);
    assert_eq!(cluster.log[before..], [Record::ProducerIds(ProducerIdsRecord { next: 1000 })]);
    (1..1000).for_each(|id| assert_eq!(new_id(&mut cluster), id));
    assert_eq!(cluster.log.len(), before + 1);

    assert_eq!(new_id(&mut cluster), 1000);
    assert_eq!(cluster.log.len(), before + 2);
}

#[test]
fn a_block_whose_record_was_not_taken_is_not_used() {
    let mut cluster = Cluster::of(1);

    let refused = cluster.machine.decide(NOW, Request::NewProducerId);
    assert_eq!(refused.records.len(), 1);

    // Nothing was replayed: the next request has to write the block again.
    let again = cluster.machine.decide(NOW, Request::NewProducerId);
    assert_eq!(again.records, refused.records);
}

#[test]
fn ids_end_before_the_numbers_do() {
    let mut cluster = Cluster::of(1);
    let next = i64::MAX - 10;
    cluster.machine.replay(&Record::ProducerIds(ProducerIdsRecord { next }));

    let Answer::ProducerId(id) = cluster.ask(Request::NewProducerId) else {
        panic!("another kind of answer")
    };

    assert_eq!(id, Err(ControllerError::ProducerIdsExhausted));
}

#[test]
fn news_of_a_change_name_each_thing_once_as_it_is_now() {
    let mut cluster = Cluster::of(1);
    let before = cluster.log.len();
    let configs = vec![("retention.ms".to_owned(), Some("1".to_owned()))];
    let id = cluster.create(NewTopic { partitions: 3, configs, ..topic("t") }).unwrap().id;

    let delta = cluster.state().changes_of(&cluster.log[before..]);

    assert!(!delta.complete);
    let topic = cluster.state().topic_by_id(&id).unwrap();
    assert_eq!(delta.changes, [Change::Topic(topic.clone())]);
    assert_eq!(topic.partitions.len(), 3);
}

#[test]
fn news_of_a_deletion_name_what_is_gone() {
    let mut cluster = Cluster::of(1);
    let id = cluster.with_topic("t", 1);
    let before = cluster.log.len();
    let topics = vec![TopicRef { name: Some("t".to_owned()), id: Uuid::nil() }];
    cluster.ask(Request::DeleteTopics(DeleteTopics { requester: None, topics, timeout_ms: 1 }));

    let delta = cluster.state().changes_of(&cluster.log[before..]);

    let [Change::TopicRemoved { name, id: gone }] = &delta.changes[..] else { panic!("{delta:?}") };
    assert_eq!((name.as_str(), *gone), ("t", id));
}

#[test]
fn the_whole_image_names_every_topic_config_and_user() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("a", 1);
    cluster.with_topic("b", 1);

    let image = cluster.state().complete();

    assert!(image.complete);
    let named = "features, the cluster's defaults, quotas, two topics, users";
    assert_eq!(image.changes.len(), 6, "{named}: {image:?}");
}

#[test]
fn replicas_of_a_partition_stand_on_different_racks_and_leaders_take_turns() {
    let mut cluster = Cluster::empty(testing::settings());
    for (node, rack) in [(1, "a"), (2, "a"), (3, "b"), (4, "b")] {
        let rack = Some(rack.to_owned());
        cluster.ask(Request::StartBroker(StartBroker { rack, ..start_of(node, true) }));
    }
    cluster.create(NewTopic { partitions: 8, replication_factor: 2, ..topic("t") }).unwrap();

    let partitions = &cluster.state().topic("t").unwrap().partitions;
    let rack = |node: &NodeId| cluster.state().brokers()[node].rack.clone();
    for partition in partitions {
        assert_ne!(rack(&partition.replicas[0]), rack(&partition.replicas[1]), "{partition:?}");
    }
    for node in 1..=4 {
        let leads = partitions.iter().filter(|partition| partition.leader == NodeId(node));
        assert_eq!(leads.count(), 2, "of broker {node}");
    }
}
