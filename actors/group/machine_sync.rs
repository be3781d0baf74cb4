//! SyncGroup, Heartbeat, LeaveGroup and the end of sessions.

use super::machine::{GroupMachine, Out, Parking};
use super::records::Record;
use super::request::{
    Heartbeat, InstanceId, Leave, LeaveAnswer, Leaver, MemberId, SyncGroup, Synced,
};
use super::{GroupError, GroupState};
use crate::types::{Now, RebalanceReason};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Versions before 5 name no protocol; null is never inconsistent.
fn differs(named: Option<&String>, own: Option<&String>) -> bool {
    named.is_some_and(|named| own.is_some_and(|own| own != named))
}

impl<P: Parking> GroupMachine<P> {
    /// SyncGroup. Answered when the leader has assigned, or at once.
    pub fn sync(&mut self, now: Now, sync: SyncGroup, park: P::Sync, out: &mut Out<P>) {
        if let Err(error) = self.check_sync(&sync) {
            out.syncs.push((park, Err(error)));
            return;
        }
        let member_id = &sync.member_id;
        self.live.pending_syncs.remove(member_id);
        if self.live.pending_syncs.is_empty() {
            self.live.sync_deadline = None;
        }
        if self.live.state == GroupState::Stable {
            out.syncs.push((park, self.synced(member_id)));
            return;
        }
        if let Some(member) = self.live.members.get_mut(member_id)
            && let Some(earlier) = member.awaiting_sync.replace(park)
        {
            out.syncs.push((earlier, Err(GroupError::RebalanceInProgress)));
        }
        if self.live.leader.as_ref() == Some(member_id) {
            self.assign(now, sync.assignments, out);
        }
    }

    fn check_sync(&self, sync: &SyncGroup) -> Result<(), GroupError> {
        match self.live.state {
            GroupState::Dead => return Err(GroupError::NotAvailable),
            GroupState::Empty => return Err(GroupError::UnknownMember),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => {}
        }
        self.check_generation(
            &sync.member_id,
            sync.group_instance_id.as_ref(),
            sync.generation_id,
        )?;
        let (own_type, own_name) = (self.live.protocol_type.as_ref(), self.live.protocol.as_ref());
        if differs(sync.protocol_type.as_ref(), own_type)
            || differs(sync.protocol_name.as_ref(), own_name)
        {
            return Err(GroupError::InconsistentProtocol);
        }
        if self.live.state == GroupState::PreparingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    fn check_generation(
        &self,
        member_id: &MemberId,
        instance: Option<&InstanceId>,
        generation_id: i32,
    ) -> Result<(), GroupError> {
        self.live.check_member(member_id, instance)?;
        let current = generation_id == self.live.generation;
        if current { Ok(()) } else { Err(GroupError::IllegalGeneration) }
    }

    fn synced(&self, member_id: &MemberId) -> Result<Synced, GroupError> {
        let member = self.live.members.get(member_id).ok_or(GroupError::UnknownMember)?;
        Ok(self.live.synced(member))
    }

    /// The leader has assigned: the generation is written down, then everyone who waits hears.
    fn assign(&mut self, now: Now, assignments: Vec<(MemberId, Bytes)>, out: &mut Out<P>) {
        let mut assignments: BTreeMap<MemberId, Bytes> = assignments.into_iter().collect();
        for (member_id, member) in self.live.members.iter_mut() {
            member.assignment = assignments.remove(member_id).unwrap_or_default();
        }
        self.live.step(GroupState::Stable, now);
        out.records.push(Record::Group(Some(self.live.snapshot())));
        let members: Vec<MemberId> = self.live.members.keys().cloned().collect();
        for member_id in members {
            let synced = self.synced(&member_id);
            let Some(member) = self.live.members.get_mut(&member_id) else { continue };
            if let Some(park) = member.awaiting_sync.take() {
                out.syncs.push((park, synced));
                // Its session may have run out while it waited for the leader.
                self.live.touch(&member_id, now);
            }
        }
    }

    /// A new rebalance overtakes one that waited for its assignment.
    pub(super) fn refuse_syncs(&mut self, now: Now, out: &mut Out<P>) {
        let members: Vec<MemberId> = self.live.members.keys().cloned().collect();
        for member_id in members {
            let Some(member) = self.live.members.get_mut(&member_id) else { continue };
            member.assignment = Bytes::new();
            if let Some(park) = member.awaiting_sync.take() {
                out.syncs.push((park, Err(GroupError::RebalanceInProgress)));
                self.live.touch(&member_id, now);
            }
        }
    }

    /// Members that did not ask for their assignment in time are out.
    pub(super) fn sync_deadline_due(&mut self, now: Now, out: &mut Out<P>) {
        self.live.sync_deadline = None;
        let silent = std::mem::take(&mut self.live.pending_syncs);
        for member_id in &silent {
            self.live.remove(member_id);
        }
        if !silent.is_empty() {
            self.prepare_rebalance(now, RebalanceReason::SyncTimedOut, out);
        }
    }

    /// Heartbeat.
    ///
    /// # Errors
    /// Unknown or fenced member, another generation, or a rebalance that the member is to join.
    pub fn heartbeat(&mut self, now: Now, beat: &Heartbeat) -> Result<(), GroupError> {
        if self.live.state == GroupState::Dead {
            return Err(GroupError::NotAvailable);
        }
        let instance = beat.group_instance_id.as_ref();
        self.check_generation(&beat.member_id, instance, beat.generation_id)?;
        // In every state: a member that beats lives, even where it is told to join again. In
        // CompletingRebalance it hears nothing of that; clients beat before they sync.
        self.live.touch(&beat.member_id, now);
        let preparing = self.live.state == GroupState::PreparingRebalance;
        if preparing { Err(GroupError::RebalanceInProgress) } else { Ok(()) }
    }

    /// LeaveGroup.
    ///
    /// # Errors
    /// The group is gone.
    pub fn leave(
        &mut self,
        now: Now,
        leave: Leave,
        out: &mut Out<P>,
    ) -> Result<LeaveAnswer, GroupError> {
        if self.live.state == GroupState::Dead {
            return Err(GroupError::NotAvailable);
        }
        let mut answer = LeaveAnswer::new();
        for leaver in leave.members {
            let result = self.leave_one(&leaver, out);
            answer.push((leaver, result));
        }
        if answer.iter().any(|(_, result)| result.is_ok()) {
            match self.live.state {
                GroupState::CompletingRebalance | GroupState::Stable => {
                    self.prepare_rebalance(now, RebalanceReason::MemberLeft, out);
                }
                GroupState::PreparingRebalance => self.complete_if_all_joined(now, out),
                GroupState::Empty | GroupState::Dead => {}
            }
        }
        Ok(answer)
    }

    fn leave_one(&mut self, leaver: &Leaver, out: &mut Out<P>) -> Result<(), GroupError> {
        let instance = leaver.group_instance_id.as_ref();
        let member_id = if leaver.member_id.is_empty() {
            // An operator removes an instance without knowing its member.
            let member_id = instance.and_then(|instance| self.live.static_members.get(instance));
            member_id.ok_or(GroupError::UnknownMember)?.clone()
        } else {
            leaver.member_id.clone()
        };
        if self.live.pending_joins.contains(&member_id) {
            self.live.remove(&member_id);
            return Ok(());
        }
        self.live.check_member(&member_id, instance)?;
        self.expel(&member_id, out);
        Ok(())
    }

    /// Takes a member out; if it is in its join it hears that it has to begin anew.
    fn expel(&mut self, member_id: &MemberId, out: &mut Out<P>) {
        let Some(member) = self.live.remove(member_id) else { return };
        let unknown = GroupError::UnknownMember;
        out.joins.extend(member.awaiting_join.map(|park| (park, Err(unknown.clone()))));
        out.syncs.extend(member.awaiting_sync.map(|park| (park, Err(unknown))));
    }

    /// A member has been silent for its session, or an id was not used for one.
    pub(super) fn session_expired(&mut self, member_id: &MemberId, now: Now, out: &mut Out<P>) {
        if let Some(member) = self.live.members.get(member_id) {
            // Who waits for the others is not silent, but a new member may be a client that has
            // long gone. Those who wait are watched again once they are answered.
            let waits = member.awaiting_join.is_some() || member.awaiting_sync.is_some();
            if waits && !member.is_new {
                return;
            }
            self.expel(member_id, out);
            if matches!(self.live.state, GroupState::CompletingRebalance | GroupState::Stable) {
                self.prepare_rebalance(now, RebalanceReason::SessionExpired, out);
                return;
            }
        } else {
            self.live.pending_joins.remove(member_id);
        }
        // The rebalance may have waited for this one alone.
        if self.live.state == GroupState::PreparingRebalance && self.live.all_joined() {
            self.complete_join(now, out);
        }
    }
}
