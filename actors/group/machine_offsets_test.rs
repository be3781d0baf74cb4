//! What commits, fetches and the expiry of positions do, rule by rule.

use super::request::{Commit, DeleteOffsets, FetchOffsets, Join, Protocol};
use super::testing::{
    EPOCH, TestGroup, group, offset, old_join, seconds, simple_commit, subscription,
};
use super::{GroupError, GroupState, Record};
use crate::types::{Timestamp, TopicName};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn position(group: &TestGroup, topic: &str, partition: i32) -> Option<i64> {
    group.machine.saved().offset(topic, partition).map(|value| value.offset)
}

/// A stable group of one consumer that reads `topics`.
fn consumer_of(topics: &[&str]) -> TestGroup {
    let mut group = group();
    let protocols = vec![Protocol { name: "range".to_owned(), metadata: subscription(topics) }];
    group.join(Join { protocols, ..old_join("", "a") });
    group.sync_as("a", &[]);
    group
}

/// Days go by for a member that is alive.
fn live_on(group: &mut TestGroup, days: u32) {
    let end = DAY * days;
    let step = seconds(9);
    let mut gone = Duration::ZERO;
    while gone < end {
        group.wait(step);
        gone += step;
        group.beat("a").expect("a member");
    }
}

#[test]
fn a_consumer_that_assigns_itself_makes_the_group_by_committing() {
    let mut group = group();

    let answer = group.commit(simple_commit(vec![offset("t", 0, 5), offset("t", 1, -5)]));

    assert_eq!(answer, Ok(vec![Ok(()), Ok(())]));
    assert_eq!((position(&group, "t", 0), position(&group, "t", 1)), (Some(5), Some(-5)));
    assert!(!group.machine.is_gone());
}

#[test]
fn metadata_may_be_as_long_as_the_setting_says_and_no_longer() {
    let mut group = group();
    let noted = |partition: i32, note: String| {
        let mut commit = offset("t", partition, 1);
        commit.metadata = note;
        commit
    };

    let answer = group.commit(simple_commit(vec![
        noted(0, "m".repeat(4096)),
        noted(1, "m".repeat(4097)),
        noted(2, "ä".repeat(4096)),
    ]));

    assert_eq!(answer, Ok(vec![Ok(()), Err(GroupError::OffsetMetadataTooLarge), Ok(())]));
    assert_eq!(position(&group, "t", 1), None);
}

#[test]
fn a_member_commits_in_its_generation_alone() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    let one = || vec![offset("t", 0, 1)];
    let commit = |member_id: &str, generation_id: i32| Commit {
        member_id: member_id.into(),
        generation_id,
        ..simple_commit(one())
    };

    assert_eq!(group.commit_as("a", one()), Ok(vec![Ok(())]));
    assert_eq!(group.commit(commit("a", 6)), Err(GroupError::IllegalGeneration));
    assert_eq!(group.commit(commit("a", -1)), Err(GroupError::IllegalGeneration));
    assert_eq!(group.commit(commit("nobody", 1)), Err(GroupError::UnknownMember));
    assert_eq!(group.commit(simple_commit(one())), Err(GroupError::UnknownMember));
}

#[test]
fn a_generation_in_an_empty_group_is_unknown() {
    let mut group = group();
    group.commit(simple_commit(vec![offset("t", 0, 1)])).expect("a commit");

    let commit = Commit {
        member_id: "m".into(),
        generation_id: 3,
        ..simple_commit(vec![offset("t", 0, 2)])
    };

    assert_eq!(group.commit(commit), Err(GroupError::UnknownMember));
}

#[test]
fn an_instance_that_was_taken_over_cannot_commit() {
    let mut group = group();
    group.join(super::testing::static_join("s", "s1"));
    group.sync_as("s1", &[]);
    group.join(super::testing::static_join("s", "s2"));

    let commit = Commit {
        member_id: "s1".into(),
        generation_id: 1,
        group_instance_id: Some("s".into()),
        ..simple_commit(vec![offset("t", 0, 1)])
    };

    assert_eq!(group.commit(commit), Err(GroupError::FencedInstance));
}

#[test]
fn a_commit_before_the_assignment_has_to_wait_for_the_rebalance() {
    let mut group = group();
    group.join(old_join("", "a"));

    let answer = group.commit_as("a", vec![offset("t", 0, 1)]);

    assert_eq!(answer, Err(GroupError::RebalanceInProgress));
}

#[test]
fn a_commit_while_others_join_is_taken_and_keeps_the_member_in() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.join(old_join("", "b"));

    for count in 0..5 {
        group.wait(seconds(9));
        assert_eq!(group.commit_as("a", vec![offset("t", 0, count)]), Ok(vec![Ok(())]));
    }
}

#[test]
fn a_fetch_gives_what_was_committed_and_nothing_for_the_rest() {
    let mut group = group();
    let mut commit = offset("t", 0, 5);
    commit.metadata = "note".to_owned();
    commit.leader_epoch = 3;
    group.commit(simple_commit(vec![commit, offset("u", 1, 7)])).expect("a commit");

    let named = FetchOffsets {
        topics: Some(vec![("t".to_owned(), vec![0, 1]), ("x".to_owned(), vec![0])]),
        require_stable: true,
    };
    let found = group.machine.fetch(named);
    let all = group.machine.fetch(FetchOffsets { topics: None, require_stable: false });

    let first = found[0].1[0].1.as_ref().expect("a position");
    assert_eq!((first.offset, first.leader_epoch, first.metadata.as_str()), (5, 3, "note"));
    assert_eq!((&found[0].1[1], &found[1].1[0]), (&(1, None), &(0, None)));
    let names: Vec<_> = all.iter().map(|(topic, found)| (topic.as_str(), found.len())).collect();
    assert_eq!(names, [("t", 1), ("u", 1)]);
}

#[test]
fn positions_of_a_lone_consumer_expire_a_week_after_their_commit() {
    let mut group = group();
    group.commit(simple_commit(vec![offset("t", 0, 1)])).expect("a commit");
    group.wait(DAY * 3);
    group.commit(simple_commit(vec![offset("t", 1, 1)])).expect("a commit");

    group.wait(DAY * 4 + seconds(600));
    assert_eq!((position(&group, "t", 0), position(&group, "t", 1)), (None, Some(1)));
    group.wait(DAY * 3 + seconds(600));

    assert!(group.machine.is_gone());
    assert_eq!(group.state(), GroupState::Dead);
}

#[test]
fn positions_expire_a_week_after_the_group_became_empty() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.commit_as("a", vec![offset("t", 0, 1)]).expect("a commit");
    live_on(&mut group, 8);
    assert_eq!(position(&group, "t", 0), Some(1));
    group.leave("a", None);

    group.wait(DAY * 6);
    group.restart();
    assert_eq!(position(&group, "t", 0), Some(1));
    group.wait(DAY + seconds(1200));

    assert!(group.machine.is_gone());
    assert_eq!(group.records.last(), Some(&Record::Group(None)));
}

#[test]
fn positions_of_topics_that_nobody_reads_any_more_expire_in_a_live_group() {
    let mut group = consumer_of(&["t"]);
    group.commit_as("a", vec![offset("t", 0, 1), offset("u", 0, 1)]).expect("a commit");

    live_on(&mut group, 8);

    assert_eq!((position(&group, "t", 0), position(&group, "u", 0)), (Some(1), None));
    assert_eq!(group.state(), GroupState::Stable);
}

#[test]
fn positions_of_a_group_that_cannot_be_understood_stay() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.commit_as("a", vec![offset("t", 0, 1)]).expect("a commit");

    live_on(&mut group, 8);

    assert_eq!(position(&group, "t", 0), Some(1));
}

#[test]
fn a_client_can_say_how_long_a_position_is_kept() {
    let mut group = group();
    let commit =
        Commit { retention: Some(seconds(3600)), ..simple_commit(vec![offset("t", 0, 1)]) };
    group.commit(commit).expect("a commit");
    let stored = group.machine.saved().offset("t", 0).expect("a position");
    assert_eq!(stored.expire_timestamp, Some(Timestamp(EPOCH + 3_600_000)));

    group.wait(seconds(4200));

    assert_eq!(position(&group, "t", 0), None);
}

#[test]
fn an_empty_group_without_positions_is_gone_after_a_sweep() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.leave("a", None);

    group.wait(seconds(600));

    assert!(group.machine.is_gone());
}

#[test]
fn a_group_is_deleted_once_it_is_empty() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.commit_as("a", vec![offset("t", 0, 1)]).expect("a commit");

    let early = group.with(|machine, now, out| machine.delete(now, out));
    group.leave("a", None);
    let deleted = group.with(|machine, now, out| machine.delete(now, out));
    let again = group.with(|machine, now, out| machine.delete(now, out));

    assert_eq!(early, Err(GroupError::NonEmptyGroup));
    assert_eq!((deleted, again), (Ok(()), Err(GroupError::GroupNotFound)));
    assert!(group.machine.is_gone() && group.machine.describe().is_none());
    let late = group.join(old_join("", "b"));
    assert_eq!(group.join_error(late), GroupError::NotAvailable);
}

#[test]
fn positions_of_a_topic_that_is_read_cannot_be_deleted() {
    let mut group = consumer_of(&["t"]);
    group.commit_as("a", vec![offset("t", 0, 1), offset("u", 0, 1)]).expect("a commit");
    let delete = DeleteOffsets { partitions: vec![("t".to_owned(), 0), ("u".to_owned(), 0)] };

    let answer = group.with(|machine, _, out| machine.delete_offsets(&delete, out));

    assert_eq!(answer, Ok(vec![Err(GroupError::SubscribedToTopic), Ok(())]));
    assert_eq!((position(&group, "t", 0), position(&group, "u", 0)), (Some(1), None));
}

#[test]
fn positions_go_with_their_topic() {
    let mut group = group();
    group.commit(simple_commit(vec![offset("t", 0, 1), offset("u", 0, 1)])).expect("a commit");
    let topic = TopicName::parse("t").unwrap();

    group.with(|machine, _, out| machine.topic_deleted(&topic, out));

    assert_eq!((position(&group, "t", 0), position(&group, "u", 0)), (None, Some(1)));
}
