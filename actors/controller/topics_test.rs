//! Topics: Kafka's refusals, one by one, and what is made where there is none.

use super::testing::{Cluster, nodes, settings, topic};
use super::*;
use crate::types::{ErrorCode, Uuid};

fn code<T>(result: Result<T, ControllerError>) -> Option<ErrorCode> {
    result.err().map(|error| error.code())
}

fn delete(cluster: &mut Cluster, topics: Vec<TopicRef>) -> Vec<TopicDeleted> {
    let request = DeleteTopics { requester: None, topics, timeout_ms: 1000 };
    let Answer::TopicsDeleted(results) = cluster.ask(Request::DeleteTopics(request)) else {
        panic!("another kind of answer")
    };
    results
}

fn by_name(name: &str) -> TopicRef {
    TopicRef { name: Some(name.to_owned()), id: Uuid::nil() }
}

fn grow(cluster: &mut Cluster, topics: Vec<MorePartitions>) -> Vec<(String, Option<ErrorCode>)> {
    let request =
        CreatePartitions { requester: None, topics, validate_only: false, timeout_ms: 1000 };
    let Answer::PartitionsCreated(results) = cluster.ask(Request::CreatePartitions(request)) else {
        panic!("another kind of answer")
    };
    results.into_iter().map(|(name, result)| (name, code(result))).collect()
}

fn more(name: &str, count: i32, assignments: Option<&[&[i32]]>) -> MorePartitions {
    let assignments = assignments.map(|all| all.iter().map(|ids| nodes(ids)).collect());
    MorePartitions { name: name.to_owned(), count, assignments }
}

#[test]
fn a_new_topic_is_there_with_fresh_epochs_and_the_id_it_was_given() {
    let mut cluster = Cluster::of(1);

    let created = cluster.create(NewTopic { partitions: 2, ..topic("t") }).unwrap();

    assert_eq!((created.partitions, created.replication_factor), (2, 1));
    let made = cluster.state().topic_by_id(&created.id).unwrap();
    assert_eq!(made.name.as_str(), "t");
    assert_eq!(made.partitions.len(), 2);
    assert_eq!(made.partitions[1].leader_epoch.0, 0);
    assert_eq!(made.partitions[1].replicas, nodes(&[1]));
}

#[test]
fn names_that_break_the_rules_are_refused() {
    let mut cluster = Cluster::of(1);

    for name in ["", ".", "..", "a/b", "a b", "ä", &"n".repeat(250)] {
        let refused = code(cluster.create(topic(name)));
        assert_eq!(refused, Some(ErrorCode::InvalidTopicException), "{name:?}");
    }
    assert!(cluster.create(topic(&"n".repeat(249))).is_ok());
}

#[test]
fn names_that_differ_in_dots_and_underscores_alone_collide_until_the_first_is_deleted() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("a.b", 1);

    assert_eq!(code(cluster.create(topic("a_b"))), Some(ErrorCode::InvalidTopicException));
    assert_eq!(code(cluster.create(topic("a.b"))), Some(ErrorCode::TopicAlreadyExists));

    delete(&mut cluster, vec![by_name("a.b")]);
    assert!(cluster.create(topic("a_b")).is_ok());
}

#[test]
fn counts_of_zero_or_below_minus_one_are_refused_and_minus_one_is_the_default() {
    let mut cluster = Cluster::empty(ControllerSettings { num_partitions: 3, ..settings() });
    cluster.ask(Request::StartBroker(testing::start_of(1, true)));
    let mut with = |partitions, replication_factor| {
        let name = format!("t{partitions}{replication_factor}");
        cluster.create(NewTopic { partitions, replication_factor, ..topic(&name) })
    };

    assert_eq!(code(with(0, 1)), Some(ErrorCode::InvalidPartitions));
    assert_eq!(code(with(-2, 1)), Some(ErrorCode::InvalidPartitions));
    assert_eq!(code(with(1, 0)), Some(ErrorCode::InvalidReplicationFactor));
    assert_eq!(code(with(1, -2)), Some(ErrorCode::InvalidReplicationFactor));
    assert_eq!(code(with(1, 2)), Some(ErrorCode::InvalidReplicationFactor));
    // Both are wrong: the replication factor is looked at first.
    assert_eq!(code(with(0, 0)), Some(ErrorCode::InvalidReplicationFactor));
    assert_eq!(with(-1, -1).unwrap().partitions, 3);
}

#[test]
fn a_manual_assignment_excludes_both_counts() {
    let mut cluster = Cluster::of(2);
    let assigned = |partitions, replication_factor| NewTopic {
        partitions,
        replication_factor,
        assignments: vec![(0, nodes(&[2, 1]))],
        ..topic("t")
    };

    assert_eq!(code(cluster.create(assigned(-1, 2))), Some(ErrorCode::InvalidRequest));
    assert_eq!(code(cluster.create(assigned(1, -1))), Some(ErrorCode::InvalidRequest));
    let created = cluster.create(assigned(-1, -1)).unwrap();

    assert_eq!((created.partitions, created.replication_factor), (1, 2));
    let partition = &cluster.state().topic("t").unwrap().partitions[0];
    assert_eq!((partition.leader.0, &partition.replicas), (2, &nodes(&[2, 1])));
}

#[test]
fn bad_manual_assignments_are_refused() {
    let mut cluster = Cluster::of(2);
    let mut with = |assignments: &[(i32, &[i32])]| {
        let assignments = assignments.iter().map(|(index, ids)| (*index, nodes(ids))).collect();
        code(cluster.create(NewTopic { assignments, ..topic("t") }))
    };
    let refused = Some(ErrorCode::InvalidReplicaAssignment);

    assert_eq!(with(&[(0, &[])]), refused, "empty");
    assert_eq!(with(&[(0, &[77])]), refused, "no such broker");
    assert_eq!(with(&[(0, &[1, 1])]), refused, "a broker twice");
    assert_eq!(with(&[(0, &[1]), (0, &[2])]), refused, "a partition twice");
    assert_eq!(with(&[(0, &[1]), (2, &[1])]), refused, "a gap");
    assert_eq!(with(&[(1, &[1])]), refused, "does not begin at 0");
    assert_eq!(with(&[(0, &[1]), (1, &[1, 2])]), refused, "uneven");
    assert_eq!(with(&[(1, &[1]), (0, &[2])]), None, "any order will do");
}

#[test]
fn configs_are_checked_before_counts() {
    let mut cluster = Cluster::of(1);
    let mut with = |name: &str, value: Option<&str>| {
        let configs = vec![(name.to_owned(), value.map(str::to_owned))];
        code(cluster.create(NewTopic { configs, partitions: 0, ..topic("t") }))
    };

    assert_eq!(with("no.such.config", Some("1")), Some(ErrorCode::InvalidConfig));
    assert_eq!(with("retention.ms", Some("abc")), Some(ErrorCode::InvalidConfig));
    assert_eq!(with("min.insync.replicas", Some("0")), Some(ErrorCode::InvalidConfig));
    assert_eq!(with("cleanup.policy", Some("shred")), Some(ErrorCode::InvalidConfig));
    assert_eq!(with("retention.ms", None), Some(ErrorCode::InvalidConfig));
    assert_eq!(with("retention.ms", Some("1000")), Some(ErrorCode::InvalidPartitions));
}

#[test]
fn configs_of_a_new_topic_are_kept_with_it_and_go_with_it() {
    let mut cluster = Cluster::of(1);
    let configs = vec![("retention.ms".to_owned(), Some("1000".to_owned()))];

    let created = cluster.create(NewTopic { configs, ..topic("t") }).unwrap();

    assert_eq!(created.configs["retention.ms"], "1000");
    assert_eq!(cluster.state().topic("t").unwrap().configs["retention.ms"], "1000");
    delete(&mut cluster, vec![by_name("t")]);
    cluster.with_topic("t", 1);
    assert!(cluster.state().topic("t").unwrap().configs.is_empty());
}

#[test]
fn a_topic_named_twice_in_one_request_is_refused_once_and_others_are_made() {
    let mut cluster = Cluster::of(1);

    let topics = vec![topic("a"), topic("b"), topic("a"), topic("__cluster_metadata")];
    let results = cluster.create_all(topics, false);

    let names: Vec<&str> = results.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["b", "__cluster_metadata", "a"]);
    let codes: Vec<_> = results.into_iter().map(|(_, result)| code(result)).collect();
    let refused = Some(ErrorCode::InvalidRequest);
    assert_eq!(codes, [None, refused, refused]);
    assert!(cluster.state().topic("a").is_none());
}

#[test]
fn validation_alone_answers_the_same_and_makes_nothing() {
    let mut cluster = Cluster::of(1);
    let before = cluster.log.len();

    let results = cluster.create_all(vec![topic("a"), topic("a/b")], true);

    assert_eq!(results[0].1.as_ref().unwrap().id, topic("a").id);
    assert!(results[1].1.is_err());
    assert_eq!(cluster.log.len(), before);
}

#[test]
fn a_negative_timeout_refuses_every_topic_before_it_is_looked_at() {
    let mut cluster = Cluster::of(1);
    let topics = vec![topic("a"), topic("a/b")];

    let request = CreateTopics { requester: None, topics, validate_only: false, timeout_ms: -1 };
    let Answer::TopicsCreated(results) = cluster.ask(Request::CreateTopics(request)) else {
        panic!("another kind of answer")
    };

    for (_, result) in results {
        assert_eq!(code(result), Some(ErrorCode::RequestTimedOut));
    }
    assert!(cluster.state().topics().is_empty());
}

#[test]
fn more_partitions_than_one_batch_may_hold_refuse_the_whole_request() {
    let mut cluster = Cluster::of(1);
    let large = |name: &str, partitions| NewTopic { partitions, ..topic(name) };

    for topics in [
        vec![large("a", 5000), large("b", 5001)],
        // Partitions alone fit, with their topics' records they do not.
        vec![large("a", 5000), large("b", 5000)],
        vec![large("a", i32::MAX), large("b", i32::MAX)],
    ] {
        for (_, result) in cluster.create_all(topics, false) {
            assert_eq!(code(result), Some(ErrorCode::PolicyViolation));
        }
    }
    assert!(cluster.state().topics().is_empty());
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut cluster = Cluster::of(1);
    let first = cluster.with_topic("a", 2);
    let second = cluster.with_topic("b", 1);

    let results = delete(&mut cluster, vec![by_name("a"), TopicRef { name: None, id: second }]);

    assert_eq!(results[0], TopicDeleted { name: Some("a".to_owned()), id: first, result: Ok(()) });
    assert_eq!(results[1], TopicDeleted { name: Some("b".to_owned()), id: second, result: Ok(()) });
    assert!(cluster.state().topics().is_empty());
    assert!(cluster.state().topic_by_id(&first).is_none());
}

#[test]
fn deletions_that_name_no_topic_or_name_it_badly_are_refused() {
    let mut cluster = Cluster::of(1);
    let id = cluster.with_topic("a", 1);
    let unknown = Uuid::from_u128(99);
    let mut only = |topic: TopicRef| {
        let mut results = delete(&mut cluster, vec![topic]);
        assert_eq!(results.len(), 1);
        code(results.remove(0).result)
    };

    assert_eq!(only(by_name("b")), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(only(by_name("")), Some(ErrorCode::InvalidRequest));
    assert_eq!(only(TopicRef { name: None, id: unknown }), Some(ErrorCode::UnknownTopicId));
    let neither = TopicRef { name: None, id: Uuid::nil() };
    assert_eq!(only(neither), Some(ErrorCode::InvalidRequest));
    let both = TopicRef { name: Some("a".to_owned()), id };
    assert_eq!(only(both), Some(ErrorCode::InvalidRequest));
    assert!(cluster.state().topic("a").is_some());
}

#[test]
fn a_topic_named_twice_in_one_deletion_stays() {
    let mut cluster = Cluster::of(1);
    let id = cluster.with_topic("a", 1);
    let by_id = TopicRef { name: None, id };

    for topics in [
        vec![by_name("a"), by_name("a")],
        vec![by_id.clone(), by_id.clone()],
        vec![by_name("a"), by_id.clone()],
        vec![by_id, by_name("a")],
    ] {
        let mut results = delete(&mut cluster, topics);
        assert_eq!(results.len(), 1, "one answer for one topic: {results:?}");
        assert_eq!(code(results.remove(0).result), Some(ErrorCode::InvalidRequest));
        assert!(cluster.state().topic("a").is_some());
    }
}

#[test]
fn deletion_can_be_disabled() {
    let mut cluster =
        Cluster::empty(ControllerSettings { delete_topic_enable: false, ..settings() });
    cluster.ask(Request::StartBroker(testing::start_of(1, true)));
    cluster.with_topic("a", 1);

    let mut results = delete(&mut cluster, vec![by_name("a")]);

    assert_eq!(code(results.remove(0).result), Some(ErrorCode::TopicDeletionDisabled));
    assert!(cluster.state().topic("a").is_some());
}

#[test]
fn a_topic_grows_and_its_old_partitions_stay_as_they_are() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("t", 2);
    let before = cluster.state().topic("t").unwrap().partitions.clone();

    let results = grow(&mut cluster, vec![more("t", 5, None)]);

    assert_eq!(results, [("t".to_owned(), None)]);
    let after = &cluster.state().topic("t").unwrap().partitions;
    assert_eq!(after.len(), 5);
    assert_eq!(after[..2], before[..]);
}

#[test]
fn growth_that_cannot_be_is_refused() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("t", 2);
    let mut only = |topic| grow(&mut cluster, vec![topic]).remove(0).1;

    assert_eq!(only(more("t", 1, None)), Some(ErrorCode::InvalidPartitions));
    assert_eq!(only(more("t", 2, None)), Some(ErrorCode::InvalidPartitions));
    assert_eq!(only(more("t", 0, None)), Some(ErrorCode::InvalidPartitions));
    assert_eq!(only(more("t", -1, None)), Some(ErrorCode::InvalidPartitions));
    let short: &[&[i32]] = &[&[1]];
    assert_eq!(only(more("t", 4, Some(short))), Some(ErrorCode::InvalidReplicaAssignment));
    let unknown: &[&[i32]] = &[&[77]];
    assert_eq!(only(more("t", 3, Some(unknown))), Some(ErrorCode::InvalidReplicaAssignment));
    assert_eq!(only(more("missing", 3, None)), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(only(more("t", 20_000, None)), Some(ErrorCode::PolicyViolation));
    assert_eq!(only(more("t", 3, Some(short))), None);
}

#[test]
fn a_topic_named_twice_does_not_grow() {
    let mut cluster = Cluster::of(1);
    cluster.with_topic("t", 1);
    cluster.with_topic("u", 1);

    let results =
        grow(&mut cluster, vec![more("t", 6, None), more("u", 2, None), more("t", 7, None)]);

    let refused = ("t".to_owned(), Some(ErrorCode::InvalidRequest));
    assert_eq!(results, [refused, ("u".to_owned(), None)]);
    assert_eq!(cluster.state().topic("t").unwrap().partitions.len(), 1);
    assert_eq!(cluster.state().topic("u").unwrap().partitions.len(), 2);
}

#[test]
fn a_declared_topic_is_clamped_to_the_brokers_there_are_and_made_once() {
    let mut cluster = Cluster::of(1);
    let declared = || NewTopic {
        partitions: 5,
        replication_factor: 3,
        configs: vec![("min.insync.replicas".to_owned(), Some("2".to_owned()))],
        ..topic("__transaction_state")
    };
    let mut declare = || {
        let request = Request::DeclareTopics(vec![declared()]);
        let Answer::TopicsDeclared(mut results) = cluster.ask(request) else {
            panic!("another kind of answer")
        };
        results.remove(0).1.unwrap()
    };

    let first = declare();
    let second = declare();

    assert_eq!((first.created, first.clamped_from, first.partitions), (true, Some(3), 5));
    assert_eq!((second.created, second.clamped_from, second.id), (false, None, first.id));
    let made = cluster.state().topic("__transaction_state").unwrap();
    assert_eq!(made.partitions[0].replicas.len(), 1);
    assert_eq!(made.configs["min.insync.replicas"], "1");
}
