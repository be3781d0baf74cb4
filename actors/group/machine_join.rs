//! JoinGroup, and how a generation comes about (`GroupMetadataManager.classicGroupJoin…`).

use super::live::JoinTimer;
use super::machine::{GroupMachine, Out, Parking};
use super::records::Record;
use super::request::{InstanceId, Join, MemberId};
use super::{GroupError, GroupState};
use crate::types::{Now, RebalanceReason};

/// Ids given out by KIP-394 that may wait for their members at once. Each costs a client one small
/// request and the broker a session timeout's memory; no real group starts as many at a time.
const PENDING_JOINS_MAX: usize = 10_000;

impl<P: Parking> GroupMachine<P> {
    /// JoinGroup. The answer comes when the generation is complete, or at once.
    pub fn join(&mut self, now: Now, join: Join, park: P::Join, out: &mut Out<P>) {
        if let Err(error) = self.check_join(&join) {
            if error == GroupError::MaxSizeReached {
                // A member that has no room to join again is out, and nobody waits for it.
                self.live.remove(&join.member_id);
                self.complete_if_all_joined(now, out);
            }
            out.joins.push((park, Err(error)));
            return;
        }
        if !join.member_id.is_empty() {
            self.join_known(now, join, park, out);
            return;
        }
        let replaced = join
            .group_instance_id
            .as_ref()
            .and_then(|instance| self.live.static_members.get_key_value(instance));
        if let Some((instance, old)) = replaced {
            let (instance, old) = (instance.clone(), old.clone());
            self.join_replacing(now, (&instance, &old), join, park, out);
        } else if join.known_member_id_required && join.group_instance_id.is_none() {
            let member_id = join.new_member_id;
            self.live.sessions.set(&member_id, now.mono.after(join.session_timeout));
            self.live.pending_joins.insert(member_id.clone());
            out.joins.push((park, Err(GroupError::MemberIdRequired(member_id))));
        } else {
            let member_id = join.new_member_id.clone();
            self.add_member(now, &member_id, join, park, out);
        }
    }

    fn check_join(&self, join: &Join) -> Result<(), GroupError> {
        if self.live.state == GroupState::Dead {
            return Err(GroupError::NotAvailable);
        }
        if !self.has_room_for(&join.member_id) {
            return Err(GroupError::MaxSizeReached);
        }
        if !self.live.supports(&join.protocol_type, &join.protocols) {
            return Err(GroupError::InconsistentProtocol);
        }
        Ok(())
    }

    /// While a rebalance is prepared those count who are in their join: the group may be too large
    /// already, and then the last to join again are left out (`acceptJoiningMember`).
    fn has_room_for(&self, member_id: &MemberId) -> bool {
        if member_id.is_empty() && self.live.pending_joins.len() >= PENDING_JOINS_MAX {
            return false;
        }
        let member = self.live.members.get(member_id);
        match self.live.state {
            GroupState::Empty | GroupState::Dead => true,
            GroupState::PreparingRebalance => {
                member.is_some_and(|member| member.awaiting_join.is_some())
                    || self.live.awaiting_join() < self.settings.max_size
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                member.is_some() || self.live.members.len() < self.settings.max_size
            }
        }
    }

    fn join_known(&mut self, now: Now, join: Join, park: P::Join, out: &mut Out<P>) {
        let member_id = join.member_id.clone();
        // An id given out by KIP-394 is a dynamic member's.
        if self.live.pending_joins.contains(&member_id) && join.group_instance_id.is_none() {
            self.add_member(now, &member_id, join, park, out);
            return;
        }
        let instance = join.group_instance_id.as_ref();
        if let Err(error) = self.live.check_member(&member_id, instance) {
            out.joins.push((park, Err(error)));
            return;
        }
        let member = self.live.members.get(&member_id);
        let unchanged = member.is_some_and(|member| member.protocols == join.protocols);
        let is_leader = self.live.leader.as_ref() == Some(&member_id);
        // A leader that joins a stable group again knows of something that its metadata does not
        // show, such as new partitions. Anyone else with the same metadata missed its answer.
        let repeat = match self.live.state {
            GroupState::CompletingRebalance => unchanged,
            GroupState::Stable => unchanged && !is_leader,
            GroupState::Empty | GroupState::Dead | GroupState::PreparingRebalance => false,
        };
        if repeat {
            out.joins.push((park, Ok(self.live.joined(&member_id))));
            return;
        }
        self.update_member(&member_id, join, park, out);
        self.rebalance_or_complete(now, RebalanceReason::MemberRejoined, out);
    }

    fn add_member(
        &mut self,
        now: Now,
        member_id: &MemberId,
        join: Join,
        park: P::Join,
        out: &mut Out<P>,
    ) {
        if let Some(JoinTimer::Initial { more, .. }) = &mut self.live.join_timer {
            *more = true;
        }
        self.live.add(member_id, join, park);
        let patience = self.settings.new_member_join_timeout;
        self.live.sessions.set(member_id, now.mono.after(patience));
        self.rebalance_or_complete(now, RebalanceReason::MemberJoined, out);
    }

    fn update_member(&mut self, member_id: &MemberId, join: Join, park: P::Join, out: &mut Out<P>) {
        self.live.members.speak(member_id, join.protocols);
        let Some(member) = self.live.members.get_mut(member_id) else { return };
        member.rebalance_timeout = join.rebalance_timeout;
        member.session_timeout = join.session_timeout;
        // A client that asks again has given up its first request.
        if let Some(earlier) = member.awaiting_join.replace(park) {
            out.joins.push((earlier, Err(GroupError::RebalanceInProgress)));
        }
    }

    /// A static member is back without its id: it gets a new one, the old one is fenced (KIP-345).
    fn join_replacing(
        &mut self,
        now: Now,
        (instance, old): (&InstanceId, &MemberId),
        join: Join,
        park: P::Join,
        out: &mut Out<P>,
    ) {
        let leader_before = self.live.leader.clone();
        let member_id = join.new_member_id;
        if let Some(member) = self.live.members.get_mut(old) {
            let fenced = GroupError::FencedInstance;
            out.joins.extend(member.awaiting_join.take().map(|park| (park, Err(fenced.clone()))));
            out.syncs.extend(member.awaiting_sync.take().map(|park| (park, Err(fenced))));
            member.is_new = false;
            member.rebalance_timeout = join.rebalance_timeout;
            member.session_timeout = join.session_timeout;
        }
        self.live.members.speak(old, join.protocols);
        self.live.rename(old, &member_id, instance);
        self.live.touch(&member_id, now);
        if self.live.state == GroupState::Stable && self.live.vote() == self.live.protocol {
            // The assignment stands. The log has to know the new id, or the member would be a
            // stranger after a restart.
            out.records.push(Record::Group(Some(self.live.snapshot())));
            let mut joined = self.live.joined(&member_id);
            if join.assignment_may_be_skipped {
                joined.skip_assignment = self.live.leader.as_ref() == Some(&member_id);
            } else {
                // Under its old id no client takes itself for the leader, and none assigns anew.
                joined.leader = leader_before.unwrap_or(joined.leader);
                joined.members = Vec::new();
            }
            out.joins.push((park, Ok(joined)));
            return;
        }
        if let Some(member) = self.live.members.get_mut(&member_id) {
            member.awaiting_join = Some(park);
        }
        // In CompletingRebalance the leader may be assigning to the old id: begin again.
        self.rebalance_or_complete(now, RebalanceReason::MemberReplaced, out);
    }

    /// Begins a rebalance, or ends the join phase of one that is under way and now complete.
    pub(super) fn rebalance_or_complete(
        &mut self,
        now: Now,
        reason: RebalanceReason,
        out: &mut Out<P>,
    ) {
        match self.live.state {
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => {
                self.prepare_rebalance(now, reason, out);
            }
            GroupState::PreparingRebalance => self.complete_if_all_joined(now, out),
            GroupState::Dead => {}
        }
    }

    /// Ends the join phase if nobody is missing. The first phase of an empty group lasts its time.
    pub(super) fn complete_if_all_joined(&mut self, now: Now, out: &mut Out<P>) {
        let rebalance = matches!(self.live.join_timer, Some(JoinTimer::Rebalance { .. }));
        if rebalance && self.live.all_joined() {
            self.complete_join(now, out);
        }
    }

    pub(super) fn prepare_rebalance(
        &mut self,
        now: Now,
        reason: RebalanceReason,
        out: &mut Out<P>,
    ) {
        self.rebalance_begun = Some(reason);
        if self.live.state == GroupState::CompletingRebalance {
            self.refuse_syncs(now, out);
        }
        self.live.pending_syncs.clear();
        self.live.sync_deadline = None;
        let timeout = self.live.rebalance_timeout();
        if self.live.state == GroupState::Empty {
            let delay = self.settings.initial_rebalance_delay;
            let remaining = timeout.saturating_sub(delay);
            let at = now.mono.after(delay);
            self.live.join_timer = Some(JoinTimer::Initial { at, delay, remaining, more: false });
            self.live.step(GroupState::PreparingRebalance, now);
            return;
        }
        self.live.join_timer = Some(JoinTimer::Rebalance { at: now.mono.after(timeout) });
        self.live.step(GroupState::PreparingRebalance, now);
        self.complete_if_all_joined(now, out);
    }

    pub(super) fn join_timer_due(&mut self, now: Now, out: &mut Out<P>) {
        let timer = self.live.join_timer;
        if let Some(JoinTimer::Initial { delay, remaining, more: true, .. }) = timer
            && !remaining.is_zero()
        {
            let next = self.settings.initial_rebalance_delay.min(remaining);
            self.live.join_timer = Some(JoinTimer::Initial {
                at: now.mono.after(next),
                delay: next,
                remaining: remaining.saturating_sub(delay),
                more: false,
            });
            return;
        }
        self.complete_join(now, out);
    }

    /// The join phase is over: dynamic members that are not in it are out of the group, static ones
    /// stay, and the next generation begins.
    pub(super) fn complete_join(&mut self, now: Now, out: &mut Out<P>) {
        let missing: Vec<MemberId> = self
            .live
            .members
            .iter()
            .filter(|(_, member)| {
                member.awaiting_join.is_none() && member.group_instance_id.is_none()
            })
            .map(|(member_id, _)| member_id.clone())
            .collect();
        for member_id in &missing {
            self.live.remove(member_id);
        }
        if !self.elect_leader() && !self.live.members.is_empty() {
            // Only static members are left and none has come back: their sessions decide.
            let at = now.mono.after(self.live.rebalance_timeout());
            self.live.join_timer = Some(JoinTimer::Rebalance { at });
            return;
        }
        self.live.join_timer = None;
        self.live.generation = self.live.generation.wrapping_add(1).max(0);
        self.live.pending_syncs.clear();
        self.live.protocol = self.live.vote();
        self.live.subscribed = self.live.subscriptions();
        if self.live.members.is_empty() {
            self.live.step(GroupState::Empty, now);
            out.records.push(Record::Group(Some(self.live.snapshot())));
            return;
        }
        self.live.step(GroupState::CompletingRebalance, now);
        self.answer_joins(now, out);
        self.live.sync_deadline = Some(now.mono.after(self.live.rebalance_timeout()));
    }

    /// Keeps the leader if it has joined, else takes the first who has.
    fn elect_leader(&mut self) -> bool {
        let Some(leader) = self.live.leader.as_ref() else { return false };
        let current = self.live.members.get(leader);
        if current.is_some_and(|member| member.awaiting_join.is_some()) {
            return true;
        }
        let members = self.live.in_order();
        let joined = members.into_iter().find(|(_, member)| member.awaiting_join.is_some());
        let Some((member_id, _)) = joined else { return false };
        self.live.leader = Some(member_id.clone());
        true
    }

    fn answer_joins(&mut self, now: Now, out: &mut Out<P>) {
        let members: Vec<MemberId> = self.live.members.keys().cloned().collect();
        for member_id in members {
            let joined = self.live.joined(&member_id);
            if let Some(member) = self.live.members.get_mut(&member_id) {
                out.joins.extend(member.awaiting_join.take().map(|park| (park, Ok(joined))));
                member.is_new = false;
            }
            self.live.touch(&member_id, now);
            self.live.pending_syncs.insert(member_id);
        }
    }
}
