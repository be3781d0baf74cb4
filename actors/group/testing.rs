//! A group in the hands of a test: virtual time, numbers for replies.

use super::request::{
    Commit, CommitOffset, Heartbeat, Join, Joined, Leave, LeaveAnswer, Leaver, Protocol, SyncGroup,
    Synced,
};
use super::{GroupError, GroupMachine, GroupSettings, GroupState, Out, Parking, Record, Saved};
use crate::types::{MonoTime, Now, Timestamp, TopicName};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Wall-clock time at which tests begin, in ms.
pub(super) const EPOCH: i64 = 1_700_000_000_000;

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Replies are numbers.
pub(super) struct Numbers;

impl Parking for Numbers {
    type Join = u32;
    type Sync = u32;
}

pub(super) struct TestGroup {
    pub(super) machine: GroupMachine<Numbers>,
    pub(super) records: Vec<Record>,
    elapsed: Duration,
    last_reply: u32,
    joins: BTreeMap<u32, Result<Joined, GroupError>>,
    syncs: BTreeMap<u32, Result<Synced, GroupError>>,
}

pub(super) fn group() -> TestGroup {
    TestGroup::new(GroupSettings::default())
}

/// A join of a dynamic member that old clients send: no detour by KIP-394.
pub(super) fn old_join(member_id: &str, new_member_id: &str) -> Join {
    Join {
        member_id: member_id.into(),
        new_member_id: new_member_id.into(),
        group_instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout: seconds(10),
        rebalance_timeout: seconds(60),
        protocol_type: "consumer".to_owned(),
        protocols: vec![protocol("range", new_member_id)],
        known_member_id_required: false,
        assignment_may_be_skipped: false,
    }
}

pub(super) fn protocol(name: &str, metadata: &str) -> Protocol {
    Protocol { name: name.to_owned(), metadata: Bytes::copy_from_slice(metadata.as_bytes()) }
}

/// A join of a static member without its member id, as one that has just started sends it.
pub(super) fn static_join(instance: &str, new_member_id: &str) -> Join {
    Join {
        group_instance_id: Some(instance.into()),
        protocols: vec![protocol("range", instance)],
        assignment_may_be_skipped: true,
        ..old_join("", new_member_id)
    }
}

/// Metadata of a consumer of these topics.
pub(super) fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = vec![0, 1];
    bytes.extend(i32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        bytes.extend(i16::try_from(topic.len()).unwrap().to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes.into()
}

pub(super) fn offset(topic: &str, partition: i32, offset: i64) -> CommitOffset {
    let topic = TopicName::parse(topic).unwrap();
    CommitOffset { topic, partition, offset, leader_epoch: -1, metadata: String::new() }
}

/// A commit of a consumer that assigns itself.
pub(super) fn simple_commit(offsets: Vec<CommitOffset>) -> Commit {
    Commit {
        member_id: "".into(),
        generation_id: -1,
        group_instance_id: None,
        retention: None,
        offsets,
    }
}

impl TestGroup {
    pub(super) fn new(settings: GroupSettings) -> Self {
        let now = Now { mono: MonoTime::START, wall: Timestamp(EPOCH) };
        Self {
            machine: GroupMachine::new(Arc::new(settings), Saved::default(), now),
            records: Vec::new(),
            elapsed: Duration::ZERO,
            last_reply: 0,
            joins: BTreeMap::new(),
            syncs: BTreeMap::new(),
        }
    }

    pub(super) fn now(&self) -> Now {
        let wall = EPOCH + i64::try_from(self.elapsed.as_millis()).unwrap();
        Now { mono: MonoTime::START.after(self.elapsed), wall: Timestamp(wall) }
    }

    /// A coordinator that starts from the records so far.
    pub(super) fn restart(&mut self) {
        let mut saved = Saved::default();
        self.records.iter().for_each(|record| saved.replay(record));
        assert_eq!(&saved, self.machine.saved(), "state is not the fold of its log");
        let settings = self.machine.settings.clone();
        self.machine = GroupMachine::new(settings, saved, self.now());
    }

    /// A coordinator that starts from the records so far, with other settings.
    pub(super) fn restart_with(&mut self, settings: GroupSettings) {
        let saved = self.machine.saved().clone();
        self.machine = GroupMachine::new(Arc::new(settings), saved, self.now());
    }

    /// As the shell does it: append, replay, answer; then what is due at once.
    fn carry_out(&mut self, out: Out<Numbers>) {
        for record in out.records {
            let mut check = self.machine.saved().clone();
            let inverse = self.machine.inverse(&record);
            check.replay(&record);
            check.replay(&inverse);
            assert_eq!(&check, self.machine.saved(), "{record:?} cannot be taken back");
            self.machine.replay(&record);
            self.records.push(record);
        }
        for (reply, answer) in out.joins {
            assert!(self.joins.insert(reply, answer).is_none(), "join {reply} answered twice");
        }
        for (reply, answer) in out.syncs {
            assert!(self.syncs.insert(reply, answer).is_none(), "sync {reply} answered twice");
        }
        self.machine.check();
    }

    fn settle(&mut self) {
        while self.machine.deadline().is_some_and(|at| at <= self.now().mono) {
            let mut out = Out::default();
            self.machine.tick(self.now(), &mut out);
            self.carry_out(out);
        }
    }

    /// Lets time pass; what is due happens in its time.
    pub(super) fn wait(&mut self, wait: Duration) {
        let end = self.elapsed + wait;
        while let Some(at) = self.machine.deadline() {
            let due = at.since(MonoTime::START);
            if due > end {
                break;
            }
            self.elapsed = self.elapsed.max(due);
            self.settle();
        }
        self.elapsed = end;
    }

    pub(super) fn with<T>(
        &mut self,
        ask: impl FnOnce(&mut GroupMachine<Numbers>, Now, &mut Out<Numbers>) -> T,
    ) -> T {
        let mut out = Out::default();
        let now = self.now();
        let answer = ask(&mut self.machine, now, &mut out);
        self.carry_out(out);
        self.settle();
        answer
    }

    pub(super) fn join(&mut self, join: Join) -> u32 {
        self.last_reply += 1;
        let reply = self.last_reply;
        self.with(|machine, now, out| machine.join(now, join, reply, out));
        reply
    }

    pub(super) fn sync(&mut self, sync: SyncGroup) -> u32 {
        self.last_reply += 1;
        let reply = self.last_reply;
        self.with(|machine, now, out| machine.sync(now, sync, reply, out));
        reply
    }

    /// The answer to a join; `None` while it waits.
    pub(super) fn join_answer(&self, reply: u32) -> Option<Result<Joined, GroupError>> {
        self.joins.get(&reply).cloned()
    }

    pub(super) fn sync_answer(&self, reply: u32) -> Option<Result<Synced, GroupError>> {
        self.syncs.get(&reply).cloned()
    }

    pub(super) fn joined(&self, reply: u32) -> Joined {
        self.join_answer(reply).expect("an answer to the join").expect("a member")
    }

    pub(super) fn join_error(&self, reply: u32) -> GroupError {
        self.join_answer(reply).expect("an answer to the join").expect_err("a refusal")
    }

    /// The assignment that a sync was answered with.
    pub(super) fn assignment(&self, reply: u32) -> Bytes {
        self.sync_answer(reply).expect("an answer to the sync").expect("an assignment").assignment
    }

    /// A sync in the current generation.
    pub(super) fn sync_as(&mut self, member_id: &str, assignments: &[(&str, &str)]) -> u32 {
        let generation_id = self.machine.generation_id();
        let assign =
            |(id, bytes): &(&str, &str)| ((*id).into(), Bytes::copy_from_slice(bytes.as_bytes()));
        self.sync(SyncGroup {
            member_id: member_id.into(),
            generation_id,
            group_instance_id: None,
            protocol_type: None,
            protocol_name: None,
            assignments: assignments.iter().map(assign).collect(),
        })
    }

    /// A heartbeat in the current generation.
    pub(super) fn beat(&mut self, member_id: &str) -> Result<(), GroupError> {
        let generation_id = self.machine.generation_id();
        let member_id = member_id.into();
        let beat = Heartbeat { member_id, generation_id, group_instance_id: None };
        self.with(|machine, now, _| machine.heartbeat(now, &beat))
    }

    pub(super) fn leave(&mut self, member_id: &str, instance: Option<&str>) -> LeaveAnswer {
        let leaver =
            Leaver { member_id: member_id.into(), group_instance_id: instance.map(Into::into) };
        let leave = Leave { members: vec![leaver] };
        self.with(|machine, now, out| machine.leave(now, leave, out)).expect("a group")
    }

    pub(super) fn commit(
        &mut self,
        commit: Commit,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        self.with(|machine, now, out| machine.commit(now, commit, out))
    }

    /// A commit of a member in the current generation.
    pub(super) fn commit_as(
        &mut self,
        member_id: &str,
        offsets: Vec<CommitOffset>,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        let generation_id = self.machine.generation_id();
        let member_id = member_id.into();
        self.commit(Commit { member_id, generation_id, ..simple_commit(offsets) })
    }

    pub(super) fn state(&self) -> GroupState {
        self.machine.state()
    }

    /// Makes a stable group of these dynamic members, the first one its leader; each is assigned
    /// its own id.
    pub(super) fn stable_group_of(&mut self, members: &[&str]) {
        for member_id in members {
            self.join(old_join("", member_id));
            // The others learn of it by their heartbeat, and join again.
            for other in members.iter().take_while(|other| *other != member_id) {
                self.join(old_join(other, other));
            }
        }
        let all: Vec<(&str, &str)> = members.iter().map(|id| (*id, *id)).collect();
        for member_id in members.iter().skip(1) {
            self.sync_as(member_id, &[]);
        }
        self.sync_as(members[0], &all);
        assert_eq!(self.state(), GroupState::Stable);
    }
}
