//! Decides what happens to one classic group; its hard state is the fold of its records.
//!
//! The rules of membership are in `machine_join`, `machine_sync` and `machine_leave`, those of
//! positions in `machine_offsets`. They put out records, which take effect in [`replay`] alone, and
//! answers for joins and syncs, which wait in here until the group is complete. Whatever is put out
//! is withheld from clients until the records are committed, so nothing is ever taken back.
//!
//! [`replay`]: GroupMachine::replay

use super::live::{JoinTimer, Live};
use super::records::Record;
use super::request::{Described, DescribedMember, Joined, Synced};
use super::saved::Saved;
use super::{GroupError, GroupSettings, GroupState, MemberId};
use crate::types::{MonoTime, Now, RebalanceReason};
use bytes::Bytes;
use std::sync::Arc;

/// What a machine parks for those who wait in it.
pub trait Parking {
    /// The way back to a JoinGroup.
    type Join;
    /// The way back to a SyncGroup.
    type Sync;
}

/// What a machine decided.
#[derive(Debug)]
pub struct Out<P: Parking> {
    /// Appended in one batch.
    pub records: Vec<Record>,
    /// Joins that are answered.
    pub joins: Vec<(P::Join, Result<Joined, GroupError>)>,
    /// Syncs that are answered.
    pub syncs: Vec<(P::Sync, Result<Synced, GroupError>)>,
}

impl<P: Parking> Default for Out<P> {
    fn default() -> Self {
        Self { records: Vec::new(), joins: Vec::new(), syncs: Vec::new() }
    }
}

/// One group.
pub struct GroupMachine<P: Parking> {
    pub(super) settings: Arc<GroupSettings>,
    // Hard state: changed by `replay` alone.
    pub(super) saved: Saved,
    // Soft state: may be lost; a new coordinator has the last generation stored, and grants each of
    // its members a full session.
    pub(super) live: Live<P>,
    pub(super) next_sweep: MonoTime,
    pub(super) rebalance_begun: Option<RebalanceReason>,
}

impl<P: Parking> GroupMachine<P> {
    /// The group as its records have it.
    #[must_use]
    pub fn new(settings: Arc<GroupSettings>, saved: Saved, now: Now) -> Self {
        let next_sweep = now.mono.after(settings.offsets_check_interval);
        let live = Live::restore(saved.group(), now);
        let mut machine = Self { settings, saved, live, next_sweep, rebalance_begun: None };
        machine.shrink(now);
        machine
    }

    /// `group.max.size` may have been lowered: the last to join again will be left out.
    fn shrink(&mut self, now: Now) {
        if self.live.members.len() > self.settings.max_size {
            let mut out = Out::default();
            self.prepare_rebalance(now, RebalanceReason::TooManyMembers, &mut out);
            assert!(out.records.is_empty() && out.joins.is_empty(), "nobody has joined yet");
        }
    }

    /// Applies one record, be it fresh or read back after a restart.
    pub fn replay(&mut self, record: &Record) {
        self.saved.replay(record);
    }

    /// The record that takes `record` back.
    #[must_use]
    pub fn inverse(&self, record: &Record) -> Record {
        self.saved.inverse(record)
    }

    /// Hard state, for comparing a live machine with one read back.
    #[must_use]
    pub const fn saved(&self) -> &Saved {
        &self.saved
    }

    /// Drops soft state, as a new coordinator would: what the group decided was not written.
    pub fn reload(&mut self, now: Now, error: &GroupError, out: &mut Out<P>) {
        for member in self.live.members.values_mut() {
            out.joins.extend(member.awaiting_join.take().map(|park| (park, Err(error.clone()))));
            out.syncs.extend(member.awaiting_sync.take().map(|park| (park, Err(error.clone()))));
        }
        self.live = Live::restore(self.saved.group(), now);
        self.shrink(now);
    }

    /// Nothing is stored, nobody is in, nobody is expected.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let vacant = matches!(self.live.state, GroupState::Empty | GroupState::Dead);
        self.saved.is_empty() && vacant && self.live.pending_joins.is_empty()
    }

    /// State.
    #[must_use]
    pub const fn state(&self) -> GroupState {
        self.live.state
    }

    /// Generation.
    #[must_use]
    pub const fn generation_id(&self) -> i32 {
        self.live.generation
    }

    /// Why the latest rebalance began; once, for who counts them.
    pub fn take_rebalance(&mut self) -> Option<RebalanceReason> {
        self.rebalance_begun.take()
    }

    /// How many members there are.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.live.members.len()
    }

    /// About what they take.
    pub(super) const fn kept_bytes(&self) -> usize {
        self.live.kept_bytes()
    }

    /// Protocol type; empty for a group that only stores positions.
    #[must_use]
    pub fn protocol_type(&self) -> &str {
        self.live.protocol_type.as_deref().unwrap_or_default()
    }

    /// When [`tick`](Self::tick) wants to be called at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<MonoTime> {
        let join = self.live.join_timer.map(JoinTimer::at);
        let sessions = self.live.sessions.first();
        let all = [sessions, join, self.live.sync_deadline, Some(self.next_sweep)];
        all.into_iter().flatten().min()
    }

    /// Lets happen what is due.
    pub fn tick(&mut self, now: Now, out: &mut Out<P>) {
        while let Some(member_id) = self.live.sessions.pop_due(now.mono) {
            self.session_expired(&member_id, now, out);
        }
        if self.live.join_timer.is_some_and(|timer| timer.at() <= now.mono) {
            self.join_timer_due(now, out);
        }
        if self.live.sync_deadline.is_some_and(|at| at <= now.mono) {
            self.sync_deadline_due(now, out);
        }
        if self.next_sweep <= now.mono {
            self.next_sweep = now.mono.after(self.settings.offsets_check_interval);
            self.sweep(now, out);
        }
    }

    /// DescribeGroups; `None` for a group that is gone.
    #[must_use]
    pub fn describe(&self) -> Option<Described> {
        if self.live.state == GroupState::Dead {
            return None;
        }
        let stable = self.live.state == GroupState::Stable;
        let protocol = self.live.protocol.as_deref().filter(|_| stable);
        let members = self.live.in_order().into_iter().map(|(member_id, member)| DescribedMember {
            member_id: member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: protocol.map(|protocol| member.metadata(protocol)).unwrap_or_default(),
            assignment: if stable { member.assignment.clone() } else { Bytes::new() },
        });
        Some(Described {
            state: self.live.state,
            protocol_type: self.protocol_type().to_owned(),
            protocol_data: protocol.unwrap_or_default().to_owned(),
            members: members.collect(),
        })
    }

    /// Stops where soft state contradicts itself. For tests.
    ///
    /// # Panics
    /// It does.
    pub fn check(&self) {
        let live = &self.live;
        live.members.check();
        live.pending_joins.check();
        let empty = live.members.is_empty();
        match live.state {
            GroupState::Empty | GroupState::Dead => assert!(empty, "members in {}", live.state),
            GroupState::CompletingRebalance | GroupState::Stable => {
                assert!(!empty, "no members in {}", live.state);
            }
            GroupState::PreparingRebalance => {}
        }
        let preparing = live.state == GroupState::PreparingRebalance;
        assert!(live.join_timer.is_some() == preparing, "join timer in {}", live.state);
        assert!(preparing || live.awaiting_join() == 0, "open joins in {}", live.state);
        let leader = live.leader.as_ref();
        assert!(leader.is_none_or(|id| live.members.contains_key(id)), "leader is not a member");
        assert!(leader.is_some() != empty, "a leader without members, or members without");
        for (instance, id) in &live.static_members {
            let member = live.members.get(id);
            let own = member.and_then(|member| member.group_instance_id.as_ref());
            assert!(own == Some(instance), "instance {instance} is not at {id}");
        }
        let unknown: Option<&MemberId> =
            live.pending_syncs.iter().find(|id| !live.members.contains_key(*id));
        assert!(unknown.is_none(), "waiting for a sync of {unknown:?}");
    }
}
