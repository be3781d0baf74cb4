//! What static members (KIP-345, KIP-814) may do, rule by rule.

use super::request::Join;
use super::testing::{TestGroup, group, old_join, protocol, seconds, static_join};
use super::{GroupError, GroupState};

/// A stable group with the static leader `s` (member `s1`) and the dynamic follower `d`.
fn static_group() -> TestGroup {
    let mut group = group();
    group.join(static_join("s", "s1"));
    group.join(old_join("", "d"));
    group.join(Join { member_id: "s1".into(), ..static_join("s", "") });
    group.sync_as("d", &[]);
    group.sync_as("s1", &[("s1", "for s"), ("d", "for d")]);
    assert_eq!((group.state(), group.machine.generation_id()), (GroupState::Stable, 2));
    group
}

#[test]
fn a_static_member_comes_back_under_a_new_id_without_a_rebalance() {
    let mut group = static_group();
    let before = group.records.len();

    let reply = group.join(static_join("s", "s2"));

    let joined = group.joined(reply);
    assert_eq!((joined.generation_id, &*joined.member_id), (2, "s2"));
    assert_eq!((&*joined.leader, joined.skip_assignment), ("s2", true));
    assert_eq!(joined.members.len(), 2, "a leader that skips still hears of the members");
    assert_eq!(group.state(), GroupState::Stable);
    assert_eq!(group.records.len(), before + 1, "the new id is written down");
    let synced = group.sync_as("s2", &[]);
    assert_eq!(&group.assignment(synced)[..], b"for s");
}

#[test]
fn a_static_leader_of_an_old_client_does_not_take_itself_for_one() {
    let mut group = static_group();

    let join = Join { assignment_may_be_skipped: false, ..static_join("s", "s2") };
    let reply = group.join(join);

    let joined = group.joined(reply);
    assert_eq!((&*joined.leader, joined.skip_assignment), ("s1", false));
    assert_eq!(joined.members, []);
}

#[test]
fn the_old_id_of_a_static_member_is_fenced() {
    let mut group = static_group();
    group.join(static_join("s", "s2"));

    let rejoin = group.join(Join { member_id: "s1".into(), ..static_join("s", "") });
    let bare = group.beat("s1");

    assert_eq!(group.join_error(rejoin), GroupError::FencedInstance);
    assert_eq!(bare, Err(GroupError::UnknownMember));
}

#[test]
fn the_new_id_of_a_static_member_survives_a_restart() {
    let mut group = static_group();
    group.join(static_join("s", "s2"));

    group.restart();

    let synced = group.sync_as("s2", &[]);
    assert_eq!(&group.assignment(synced)[..], b"for s");
}

#[test]
fn a_static_member_with_another_subscription_but_the_same_protocol_starts_no_rebalance() {
    let mut group = static_group();

    let join = Join { protocols: vec![protocol("range", "other")], ..static_join("s", "s2") };
    let reply = group.join(join);

    assert_eq!(group.joined(reply).generation_id, 2);
    assert_eq!(group.state(), GroupState::Stable);
}

#[test]
fn a_static_member_that_changes_the_vote_starts_a_rebalance() {
    let mut group = group();
    let speaks = |id: &str, names: [&str; 2]| Join {
        protocols: names.iter().map(|name| protocol(name, id)).collect(),
        ..static_join(id, id)
    };
    group.join(speaks("s", ["range", "sticky"]));
    group.sync_as("s", &[]);

    let reply = group.join(Join { new_member_id: "s2".into(), ..speaks("s", ["sticky", "range"]) });

    let joined = group.joined(reply);
    assert_eq!((joined.generation_id, joined.protocol_name.as_deref()), (2, Some("sticky")));
}

#[test]
fn a_second_client_with_the_same_instance_id_fences_the_first_in_its_join() {
    let mut group = static_group();
    group.join(old_join("", "e"));
    let first = group.join(Join { member_id: "s1".into(), ..static_join("s", "") });

    group.join(static_join("s", "s2"));

    assert_eq!(group.join_error(first), GroupError::FencedInstance);
}

#[test]
fn static_members_stay_in_a_rebalance_that_they_miss() {
    let mut group = static_group();
    group.join(old_join("", "e"));

    let rejoin = group.join(old_join("d", "d"));
    for _ in 0..12 {
        group.wait(seconds(5));
        // The session is alive; only the join is missing.
        group.beat("s1").ok();
    }

    let joined = group.joined(rejoin);
    assert_eq!(joined.members.len(), 3);
    assert_eq!(&*joined.leader, "d", "a leader is one who has joined");
}

#[test]
fn a_group_of_absent_static_members_waits_for_their_sessions() {
    let mut group = group();
    let patient = Join {
        session_timeout: seconds(300),
        rebalance_timeout: seconds(30),
        ..static_join("s", "s1")
    };
    group.join(patient);
    group.join(old_join("", "d"));
    group.join(Join {
        member_id: "s1".into(),
        session_timeout: seconds(300),
        ..static_join("s", "")
    });
    group.sync_as("d", &[]);
    group.sync_as("s1", &[]);

    group.leave("d", None);
    group.wait(seconds(120));
    assert_eq!(group.state(), GroupState::PreparingRebalance);
    group.wait(seconds(200));

    assert_eq!(group.state(), GroupState::Empty);
}
