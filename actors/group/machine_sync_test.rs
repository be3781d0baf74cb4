//! What SyncGroup, Heartbeat and LeaveGroup do, rule by rule; and restarts.

use super::request::{Heartbeat, Join, Leave, Leaver, SyncGroup};
use super::testing::{TestGroup, group, old_join, seconds, static_join};
use super::{GroupError, GroupSettings, GroupState, Record};
use crate::types::RebalanceReason;

fn plain_sync(member_id: &str, generation_id: i32) -> SyncGroup {
    SyncGroup {
        member_id: member_id.into(),
        generation_id,
        group_instance_id: None,
        protocol_type: None,
        protocol_name: None,
        assignments: Vec::new(),
    }
}

#[test]
fn followers_wait_for_the_leaders_assignment() {
    let mut group = group();
    group.join(old_join("", "a"));
    group.join(old_join("", "b"));
    group.join(old_join("a", "a"));

    let follower = group.sync_as("b", &[]);
    assert_eq!(group.sync_answer(follower), None);
    let leader = group.sync_as("a", &[("a", "1"), ("b", "2")]);

    assert_eq!(&group.assignment(follower)[..], b"2");
    assert_eq!(&group.assignment(leader)[..], b"1");
}

#[test]
fn an_assignment_is_written_down_before_it_is_told() {
    let mut group = group();
    group.join(old_join("", "a"));
    assert_eq!(group.records, []);

    group.sync_as("a", &[("a", "1"), ("stranger", "2")]);

    let [Record::Group(Some(value))] = &group.records[..] else { panic!("{:?}", group.records) };
    assert_eq!((value.generation, value.members.len()), (1, 1));
    assert_eq!(&value.members[0].assignment[..], b"1");
    assert_eq!(value.protocol.as_deref(), Some("range"));
}

#[test]
fn a_member_without_assignment_gets_an_empty_one() {
    let mut group = group();
    group.join(old_join("", "a"));

    let reply = group.sync_as("a", &[]);

    assert_eq!(&group.assignment(reply)[..], b"");
}

#[test]
fn a_sync_in_a_stable_group_is_answered_at_once() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);

    let reply = group.sync_as("b", &[]);

    assert_eq!(&group.assignment(reply)[..], b"b");
}

#[test]
fn a_sync_of_another_generation_protocol_or_member_is_refused() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    let mut refusal = |sync: SyncGroup| {
        let reply = group.sync(sync);
        group.sync_answer(reply).expect("an answer").expect_err("a refusal")
    };

    assert_eq!(refusal(plain_sync("a", 7)), GroupError::IllegalGeneration);
    assert_eq!(refusal(plain_sync("nobody", 1)), GroupError::UnknownMember);
    let named = |kind: &str, name: &str| SyncGroup {
        protocol_type: Some(kind.to_owned()),
        protocol_name: Some(name.to_owned()),
        ..plain_sync("a", 1)
    };
    assert_eq!(refusal(named("connect", "range")), GroupError::InconsistentProtocol);
    assert_eq!(refusal(named("consumer", "sticky")), GroupError::InconsistentProtocol);
}

#[test]
fn a_sync_while_members_join_is_refused() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.join(old_join("", "b"));

    let reply = group.sync_as("a", &[]);

    let refused = group.sync_answer(reply).expect("an answer");
    assert_eq!(refused.expect_err("a refusal"), GroupError::RebalanceInProgress);
}

#[test]
fn members_that_do_not_sync_in_time_are_out() {
    let mut group = group();
    group.join(old_join("", "a"));
    group.join(old_join("", "b"));
    group.join(old_join("a", "a"));
    group.sync_as("a", &[]);

    for _ in 0..12 {
        assert_eq!(group.beat("b"), Ok(()), "its session is alive");
        group.wait(seconds(5));
        group.beat("a").ok();
    }

    assert_eq!(group.beat("b"), Err(GroupError::UnknownMember));
    assert_eq!(group.state(), GroupState::PreparingRebalance);
    group.join(old_join("a", "a"));
    assert_eq!(group.state(), GroupState::CompletingRebalance);
}

#[test]
fn a_leader_that_does_not_sync_in_time_loses_the_lead() {
    let mut group = group();
    group.join(old_join("", "a"));
    group.join(old_join("", "b"));
    group.join(old_join("a", "a"));
    let follower = group.sync_as("b", &[]);

    for _ in 0..12 {
        group.wait(seconds(5));
        group.beat("a").ok();
    }
    let refused = group.sync_answer(follower).expect("an answer");
    assert_eq!(refused.expect_err("a refusal"), GroupError::RebalanceInProgress);
    let rejoin = group.join(old_join("b", "b"));

    assert_eq!(&*group.joined(rejoin).leader, "b");
}

#[test]
fn a_heartbeat_before_the_sync_is_no_error() {
    let mut group = group();
    group.join(old_join("", "a"));

    assert_eq!(group.beat("a"), Ok(()));
}

#[test]
fn a_heartbeat_keeps_a_member_in_and_its_silence_ends_it() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    for _ in 0..20 {
        group.wait(seconds(9));
        assert_eq!(group.beat("a"), Ok(()));
    }
    group.wait(seconds(10));

    assert_eq!(group.beat("a"), Err(GroupError::UnknownMember));
    assert_eq!(group.state(), GroupState::Empty);
}

#[test]
fn a_heartbeat_during_a_rebalance_keeps_the_member_in() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.join(old_join("", "b"));

    for _ in 0..5 {
        group.wait(seconds(9));
        assert_eq!(group.beat("a"), Err(GroupError::RebalanceInProgress));
    }
}

#[test]
fn a_heartbeat_of_another_generation_is_refused() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    let beat = Heartbeat { member_id: "a".into(), generation_id: 2, group_instance_id: None };
    let answer = group.with(|machine, now, _| machine.heartbeat(now, &beat));

    assert_eq!(answer, Err(GroupError::IllegalGeneration));
}

#[test]
fn a_heartbeat_with_an_instance_of_another_is_fenced() {
    let mut group = group();
    group.join(static_join("s", "s1"));
    let beat = |member_id: &str, instance: &str| Heartbeat {
        member_id: member_id.into(),
        generation_id: 1,
        group_instance_id: Some(instance.into()),
    };

    let fenced = group.with(|machine, now, _| machine.heartbeat(now, &beat("old", "s")));
    let unknown = group.with(|machine, now, _| machine.heartbeat(now, &beat("s1", "t")));

    assert_eq!(fenced, Err(GroupError::FencedInstance));
    assert_eq!(unknown, Err(GroupError::UnknownMember));
}

#[test]
fn the_last_member_that_leaves_empties_the_group() {
    let mut group = group();
    group.stable_group_of(&["a"]);

    assert_eq!(group.leave("a", None)[0].1, Ok(()));
    assert_eq!(group.state(), GroupState::Empty);
    assert_eq!(group.leave("a", None)[0].1, Err(GroupError::UnknownMember));
    assert_eq!(group.beat("a"), Err(GroupError::UnknownMember));
}

#[test]
fn a_member_that_leaves_makes_the_others_join_again() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);

    group.leave("a", None);

    assert_eq!(group.beat("b"), Err(GroupError::RebalanceInProgress));
    let rejoin = group.join(old_join("b", "b"));
    assert_eq!(&*group.joined(rejoin).leader, "b");
}

#[test]
fn leaving_answers_each_member_for_itself() {
    let mut group = group();
    group.join(static_join("s", "s1"));
    group.sync_as("s1", &[]);
    let leaver = |id: &str, instance: Option<&str>| Leaver {
        member_id: id.into(),
        group_instance_id: instance.map(Into::into),
    };
    let members = vec![
        leaver("nobody", None),
        leaver("", Some("missing")),
        leaver("old", Some("s")),
        leaver("", Some("s")),
        leaver("", None),
    ];

    let answer = group.with(|machine, now, out| machine.leave(now, Leave { members }, out));

    let results: Vec<_> = answer.expect("a group").into_iter().map(|(_, result)| result).collect();
    let unknown = Err(GroupError::UnknownMember);
    let fenced = Err(GroupError::FencedInstance);
    assert_eq!(results, [unknown.clone(), unknown.clone(), fenced, Ok(()), unknown]);
    assert_eq!(group.state(), GroupState::Empty);
}

#[test]
fn an_operator_removes_a_static_member_in_its_join() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    let waiting = group.join(static_join("s", "s1"));

    assert_eq!(group.leave("", Some("s"))[0].1, Ok(()));

    assert_eq!(group.join_error(waiting), GroupError::UnknownMember);
}

#[test]
fn an_id_that_was_not_used_yet_can_leave() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.join(Join { known_member_id_required: true, ..old_join("", "b") });
    let rejoin = group.join(old_join("a", "a"));
    assert_eq!(group.join_answer(rejoin), None);

    assert_eq!(group.leave("b", None)[0].1, Ok(()));

    assert_eq!(group.joined(rejoin).members.len(), 1);
}

#[test]
fn a_restart_brings_a_stable_group_back_with_full_sessions() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);
    let before = group.machine.describe();
    group.wait(seconds(9));

    group.restart();

    assert_eq!(group.machine.describe(), before);
    group.wait(seconds(9));
    assert_eq!(group.beat("a"), Ok(()));
    let synced = group.sync_as("b", &[]);
    assert_eq!(&group.assignment(synced)[..], b"b");
}

#[test]
fn a_restart_in_a_rebalance_brings_the_generation_before_back() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    group.join(old_join("", "b"));
    group.join(old_join("a", "a"));
    assert_eq!(group.machine.generation_id(), 2);

    group.restart();

    assert_eq!((group.machine.generation_id(), group.state()), (1, GroupState::Stable));
    assert_eq!(group.beat("b"), Err(GroupError::UnknownMember));
}

#[test]
fn what_the_log_refused_is_answered_and_forgotten() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    let waiting = group.join(old_join("", "b"));

    let error = GroupError::NotAvailable;
    group.with(|machine, now, out| machine.reload(now, &error, out));

    assert_eq!(group.join_error(waiting), GroupError::NotAvailable);
    assert_eq!((group.machine.generation_id(), group.state()), (1, GroupState::Stable));
}

#[test]
fn a_group_is_described_with_metadata_only_while_stable() {
    let mut group = group();
    group.stable_group_of(&["a"]);
    let stable = group.machine.describe().expect("a group");
    group.join(old_join("", "b"));
    let preparing = group.machine.describe().expect("a group");

    assert_eq!(
        (stable.protocol_data.as_str(), &stable.members[0].metadata[..]),
        ("range", &b"a"[..])
    );
    assert_eq!((preparing.protocol_data.as_str(), preparing.members.len()), ("", 2));
    assert!(preparing.members[0].metadata.is_empty() && preparing.members[0].assignment.is_empty());
}

#[test]
fn a_rebalance_tells_its_reason_once() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);
    assert_eq!(group.machine.take_rebalance(), Some(RebalanceReason::MemberJoined));

    group.join(old_join("a", "a"));
    let begun = group.machine.take_rebalance();
    group.join(old_join("b", "b"));
    let completed = group.machine.take_rebalance();

    assert_eq!((begun, completed), (Some(RebalanceReason::MemberRejoined), None));
}

/// Why the group rebalanced in a minute in which these members beat.
fn reason_after_a_minute(group: &mut TestGroup, beating: &[&str]) -> Option<RebalanceReason> {
    group.machine.take_rebalance();
    for _ in 0..12 {
        group.wait(seconds(5));
        for member_id in beating {
            group.beat(member_id).ok();
        }
    }
    group.machine.take_rebalance()
}

#[test]
fn a_member_that_is_silent_or_never_syncs_is_told_as_the_reason() {
    let mut silent = group();
    silent.stable_group_of(&["a", "b"]);
    let mut idle = group();
    idle.stable_group_of(&["a", "b"]);
    idle.join(old_join("a", "a"));
    idle.join(old_join("b", "b"));
    idle.sync_as("a", &[]);

    let silent = reason_after_a_minute(&mut silent, &["a"]);
    let idle = reason_after_a_minute(&mut idle, &["a", "b"]);

    assert_eq!(silent, Some(RebalanceReason::SessionExpired));
    assert_eq!(idle, Some(RebalanceReason::SyncTimedOut));
}

#[test]
fn a_member_that_left_or_was_replaced_is_told_as_the_reason() {
    let mut left = group();
    left.stable_group_of(&["a", "b"]);
    let mut replaced = group();
    replaced.join(static_join("s", "s1"));

    left.leave("b", None);
    // The leader has not assigned yet, and may be doing so to the old id.
    replaced.join(static_join("s", "s2"));

    assert_eq!(left.machine.take_rebalance(), Some(RebalanceReason::MemberLeft));
    assert_eq!(replaced.machine.take_rebalance(), Some(RebalanceReason::MemberReplaced));
}

#[test]
fn a_group_that_is_loaded_too_large_tells_that_as_the_reason() {
    let mut group = group();
    group.stable_group_of(&["a", "b"]);

    group.restart_with(GroupSettings { max_size: 1, ..GroupSettings::default() });

    assert_eq!(group.machine.take_rebalance(), Some(RebalanceReason::TooManyMembers));
}
