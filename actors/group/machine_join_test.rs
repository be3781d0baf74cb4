//! What JoinGroup does, rule by rule.

use super::request::{Join, JoinedMember};
use super::testing::{TestGroup, group, old_join, protocol, seconds};
use super::{GroupError, GroupSettings, GroupState, Record};
use std::time::Duration;

fn new_join(member_id: &str, new_member_id: &str) -> Join {
    Join { known_member_id_required: true, ..old_join(member_id, new_member_id) }
}

#[test]
fn a_lone_member_of_an_old_client_is_in_at_once() {
    let mut group = group();

    let reply = group.join(old_join("", "a"));

    let joined = group.joined(reply);
    assert_eq!((joined.generation_id, &*joined.leader, &*joined.member_id), (1, "a", "a"));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(group.state(), GroupState::CompletingRebalance);
}

#[test]
fn a_new_member_is_sent_back_with_an_id_and_then_let_in() {
    let mut group = group();

    let first = group.join(new_join("", "a"));
    assert_eq!(group.join_error(first), GroupError::MemberIdRequired("a".into()));
    assert_eq!(group.state(), GroupState::Empty);

    let second = group.join(new_join("a", "other"));
    assert_eq!(&*group.joined(second).member_id, "a");
}

#[test]
fn an_id_that_is_not_used_is_forgotten_after_its_session() {
    let mut group = group();
    group.join(new_join("", "a"));

    group.wait(seconds(10));

    let late = group.join(new_join("a", "other"));
    assert_eq!(group.join_error(late), GroupError::UnknownMember);
    assert!(group.machine.is_gone());
}

#[test]
fn ids_that_nobody_uses_are_given_out_so_often_and_no_more() {
    let mut group = group();
    for number in 0..10_000 {
        group.join(new_join("", &format!("id-{number}")));
    }

    let refused = group.join(new_join("", "one-too-many"));
    let used = group.join(new_join("id-7", ""));

    assert_eq!(group.join_error(refused), GroupError::MaxSizeReached);
    assert_eq!(group.join_answer(used).map(|answer| answer.is_ok()), Some(true));
}

#[test]
fn a_rebalance_waits_for_ids_that_were_given_out() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.join(new_join("", "b"));

    let rejoin = group.join(old_join("a", "a"));
    assert_eq!(group.join_answer(rejoin), None);
    group.wait(seconds(10));

    assert_eq!(group.joined(rejoin).generation_id, 2);
}

#[test]
fn an_unknown_member_id_is_refused() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    let reply = group.join(old_join("nobody", "b"));

    assert_eq!(group.join_error(reply), GroupError::UnknownMember);
}

#[test]
fn a_member_has_to_have_a_protocol_and_a_type() {
    let mut group = group();

    let no_protocol = group.join(Join { protocols: Vec::new(), ..old_join("", "a") });
    let no_type = group.join(Join { protocol_type: String::new(), ..old_join("", "a") });

    assert_eq!(group.join_error(no_protocol), GroupError::InconsistentProtocol);
    assert_eq!(group.join_error(no_type), GroupError::InconsistentProtocol);
}

#[test]
fn members_have_to_share_type_and_protocol() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    let other_type = group.join(Join { protocol_type: "connect".to_owned(), ..old_join("", "b") });
    let other_protocol =
        group.join(Join { protocols: vec![protocol("other", "")], ..old_join("", "b") });

    assert_eq!(group.join_error(other_type), GroupError::InconsistentProtocol);
    assert_eq!(group.join_error(other_protocol), GroupError::InconsistentProtocol);
    assert_eq!(group.state(), GroupState::Stable);
}

#[test]
fn a_second_member_waits_until_the_first_has_joined_again() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    let second = group.join(old_join("", "b"));
    assert_eq!(group.join_answer(second), None);
    assert_eq!(group.beat("a"), Err(GroupError::RebalanceInProgress));

    let first = group.join(old_join("a", "a"));
    let (first, second) = (group.joined(first), group.joined(second));
    assert_eq!((first.generation_id, second.generation_id), (2, 2));
    assert_eq!((&*first.leader, &*second.leader), ("a", "a"));
    let member = |id: &'static str| JoinedMember {
        member_id: id.into(),
        group_instance_id: None,
        metadata: id.into(),
    };
    assert_eq!(first.members, [member("a"), member("b")]);
    assert_eq!(second.members, []);
}

#[test]
fn the_protocol_with_the_most_votes_wins_among_those_all_speak() {
    let mut group = TestGroup::new(GroupSettings {
        initial_rebalance_delay: seconds(3),
        ..GroupSettings::default()
    });
    let with = |id: &str, names: [&str; 3]| Join {
        protocols: names.iter().map(|name| protocol(name, id)).collect(),
        ..old_join("", id)
    };

    let reply = group.join(with("a", ["alone", "x", "y"]));
    group.join(with("b", ["y", "x", "z"]));
    group.join(with("c", ["y", "x", "w"]));
    group.wait(seconds(6));

    let joined = group.joined(reply);
    assert_eq!(joined.protocol_name.as_deref(), Some("y"));
    assert_eq!(joined.members.len(), 3);
}

#[test]
fn an_empty_group_waits_for_further_members_and_longer_while_they_come() {
    let mut group = TestGroup::new(GroupSettings {
        initial_rebalance_delay: seconds(3),
        ..GroupSettings::default()
    });

    let first = group.join(old_join("", "a"));
    group.wait(seconds(2));
    let second = group.join(old_join("", "b"));
    group.wait(seconds(2));
    assert_eq!(group.join_answer(first), None);
    group.wait(seconds(2));

    assert_eq!(group.joined(first).generation_id, 1);
    assert_eq!(group.joined(second).generation_id, 1);
}

#[test]
fn the_first_rebalance_waits_no_longer_than_members_may_take() {
    let mut group = TestGroup::new(GroupSettings {
        initial_rebalance_delay: seconds(3),
        ..GroupSettings::default()
    });
    let hasty = |id: &str| Join { rebalance_timeout: seconds(5), ..old_join("", id) };

    let first = group.join(hasty("a"));
    group.wait(seconds(2));
    group.join(hasty("b"));
    group.wait(seconds(2));
    group.join(hasty("c"));
    group.wait(seconds(1));

    assert_eq!(group.joined(first).members.len(), 3);
}

#[test]
fn dynamic_members_that_do_not_join_again_are_out() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);

    let newcomer = group.join(old_join("", "c"));
    let rejoin = group.join(old_join("b", "b"));
    for _ in 0..12 {
        group.wait(seconds(5));
        group.beat("a").ok();
    }

    assert_eq!(group.joined(rejoin).members.len(), 2);
    assert_eq!(&*group.joined(newcomer).leader, "b");
    assert_eq!(group.beat("a"), Err(GroupError::UnknownMember));
}

#[test]
fn a_silent_member_does_not_hold_a_rebalance_up_beyond_its_session() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    let newcomer = group.join(old_join("", "b"));
    group.wait(seconds(10));

    assert_eq!(&*group.joined(newcomer).leader, "b");
}

#[test]
fn a_new_member_that_waits_too_long_is_out() {
    let mut group = group();
    let slow = Join { rebalance_timeout: seconds(3600), ..old_join("", "a") };
    group.join(slow);
    group.sync_as("a", &[]);

    let newcomer = group.join(old_join("", "b"));
    for _ in 0..59 {
        group.wait(seconds(5));
        group.beat("a").ok();
    }
    assert_eq!(group.join_answer(newcomer), None);
    group.wait(seconds(5));

    assert_eq!(group.join_error(newcomer), GroupError::UnknownMember);
}

#[test]
fn a_member_that_waits_for_others_outlives_its_session() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);
    group.join(Join { rebalance_timeout: seconds(60), ..old_join("", "c") });

    let patient = group.join(old_join("a", "a"));
    for _ in 0..5 {
        group.wait(seconds(6));
        group.beat("b").ok();
    }
    group.join(old_join("b", "b"));

    assert_eq!(group.joined(patient).members.len(), 3);
}

#[test]
fn a_follower_that_joins_again_unchanged_hears_the_same_generation() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);

    let reply = group.join(old_join("b", "b"));

    assert_eq!(group.joined(reply).generation_id, group.machine.generation_id());
    assert_eq!(group.state(), GroupState::Stable);
}

#[test]
fn a_leader_that_joins_again_starts_a_rebalance() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    let reply = group.join(old_join("a", "a"));

    assert_eq!(group.joined(reply).generation_id, 2);
}

#[test]
fn a_follower_with_other_metadata_starts_a_rebalance() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);

    group.join(Join { protocols: vec![protocol("range", "more")], ..old_join("b", "b") });

    assert_eq!(group.state(), GroupState::PreparingRebalance);
}

#[test]
fn a_member_that_missed_its_answer_is_answered_again() {
    let mut group = group();
    let first = group.join(old_join("", "a"));

    let again = group.join(old_join("a", "a"));

    assert_eq!(group.joined(again), group.joined(first));
    assert_eq!(group.state(), GroupState::CompletingRebalance);
}

#[test]
fn a_member_that_asks_twice_is_answered_on_its_last_request() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);
    group.join(old_join("", "c"));

    let first = group.join(old_join("a", "a"));
    let second = group.join(old_join("a", "a"));
    group.join(old_join("b", "b"));

    assert_eq!(group.join_error(first), GroupError::RebalanceInProgress);
    assert_eq!(group.joined(second).members.len(), 3);
}

#[test]
fn a_full_group_takes_no_new_member_and_keeps_its_own() {
    let mut group = TestGroup::new(GroupSettings { max_size: 1, ..GroupSettings::default() });
    group.stable_group_of(&["a"]);

    let newcomer = group.join(old_join("", "b"));
    let own = group.join(old_join("a", "a"));

    assert_eq!(group.join_error(newcomer), GroupError::MaxSizeReached);
    assert_eq!(group.joined(own).generation_id, 2);
}

#[test]
fn a_group_that_is_too_large_after_a_restart_leaves_the_last_out() {
    let mut group = group();
    group.stable_group_of(&["a", "b", "c"]);

    group.restart_with(GroupSettings { max_size: 2, ..GroupSettings::default() });
    assert_eq!(group.beat("a"), Err(GroupError::RebalanceInProgress));
    let replies = ["a", "b", "c"].map(|id| group.join(old_join(id, id)));

    assert_eq!(group.join_error(replies[2]), GroupError::MaxSizeReached);
    assert_eq!(group.joined(replies[0]).members.len(), 2);
    assert_eq!(group.joined(replies[1]).generation_id, 4);
}

#[test]
fn a_join_overtakes_those_who_wait_for_their_assignment() {
    let mut group = group();
    group.join(old_join("", "a"));
    group.join(old_join("", "b"));
    group.join(old_join("a", "a"));
    let waiting = group.sync_as("b", &[]);

    group.join(old_join("", "c"));

    let refused = group.sync_answer(waiting).expect("an answer");
    assert_eq!(refused.expect_err("a refusal"), GroupError::RebalanceInProgress);
}

#[test]
fn an_empty_generation_is_written_down() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    group.wait(Duration::from_millis(10_000));

    assert_eq!(group.state(), GroupState::Empty);
    let Some(Record::Group(Some(value))) = group.records.last() else { panic!("no record") };
    assert_eq!((value.generation, value.members.len(), &value.protocol), (2, 0, &None));
    assert_eq!(value.protocol_type, "consumer");
}
