//! Soft state of one group: who is in it now, and how far its rebalance has come.

use super::members::{Member, Members, PendingJoins};
use super::records::{GroupValue, MemberValue};
use super::request::{InstanceId, Join, Joined, JoinedMember, MemberId, Protocol, Synced};
use super::sessions::Sessions;
use super::{GroupError, GroupState, Parking, subscription};
use crate::types::{MonoTime, Now, Timestamp};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// When the join phase ends at the latest.
#[derive(Clone, Copy, Debug)]
pub(super) enum JoinTimer {
    /// The first rebalance of an empty group waits for further members.
    Initial { at: MonoTime, delay: Duration, remaining: Duration, more: bool },
    /// Any other waits for those who are in.
    Rebalance { at: MonoTime },
}

impl JoinTimer {
    pub(super) const fn at(self) -> MonoTime {
        match self {
            Self::Initial { at, .. } | Self::Rebalance { at } => at,
        }
    }
}

/// Everything that a restart may lose.
pub(super) struct Live<P: Parking> {
    pub(super) state: GroupState,
    pub(super) protocol_type: Option<String>,
    pub(super) generation: i32,
    pub(super) protocol: Option<String>,
    pub(super) leader: Option<MemberId>,
    pub(super) state_timestamp: Option<Timestamp>,
    pub(super) members: Members<P>,
    pub(super) static_members: BTreeMap<InstanceId, MemberId>,
    /// Ids given out by KIP-394 whose members have not come back yet.
    pub(super) pending_joins: PendingJoins,
    /// Members of this generation that have not asked for their assignment.
    pub(super) pending_syncs: BTreeSet<MemberId>,
    /// Topics the members read; `None` where that cannot be known.
    pub(super) subscribed: Option<BTreeSet<String>>,
    pub(super) sessions: Sessions,
    pub(super) join_timer: Option<JoinTimer>,
    pub(super) sync_deadline: Option<MonoTime>,
    next_place: u64,
}

impl<P: Parking> Live<P> {
    /// The group as its last stored generation has it; every member gets a full session.
    pub(super) fn restore(saved: Option<&GroupValue>, now: Now) -> Self {
        let mut live = Self {
            state: GroupState::Empty,
            protocol_type: None,
            generation: 0,
            protocol: None,
            leader: None,
            state_timestamp: None,
            members: Members::default(),
            static_members: BTreeMap::new(),
            pending_joins: PendingJoins::default(),
            pending_syncs: BTreeSet::new(),
            subscribed: None,
            sessions: Sessions::default(),
            join_timer: None,
            sync_deadline: None,
            next_place: 0,
        };
        let Some(saved) = saved else { return live };
        live.protocol_type = Some(saved.protocol_type.clone()).filter(|name| !name.is_empty());
        live.generation = saved.generation;
        live.protocol.clone_from(&saved.protocol);
        live.leader.clone_from(&saved.leader);
        live.state_timestamp = saved.state_timestamp;
        for member in &saved.members {
            live.restore_member(member, now);
        }
        if !live.members.is_empty() {
            live.state = GroupState::Stable;
        }
        live.subscribed = live.subscriptions();
        live
    }

    fn restore_member(&mut self, saved: &MemberValue, now: Now) {
        let name = self.protocol.clone().unwrap_or_default();
        let member = Member {
            place: self.next_place,
            group_instance_id: saved.group_instance_id.clone(),
            client_id: saved.client_id.clone(),
            client_host: saved.client_host.clone(),
            rebalance_timeout: saved.rebalance_timeout,
            session_timeout: saved.session_timeout,
            protocols: vec![Protocol { name, metadata: saved.subscription.clone() }],
            assignment: saved.assignment.clone(),
            is_new: false,
            awaiting_join: None,
            awaiting_sync: None,
        };
        self.insert(saved.member_id.clone(), member);
        self.touch(&saved.member_id, now);
    }

    /// What a restart is to bring back.
    pub(super) fn snapshot(&self) -> GroupValue {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = self.in_order().into_iter().map(|(member_id, member)| MemberValue {
            member_id: member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout,
            session_timeout: member.session_timeout,
            subscription: member.metadata(protocol),
            assignment: member.assignment.clone(),
        });
        GroupValue {
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            state_timestamp: self.state_timestamp,
            members: members.collect(),
        }
    }

    /// About what members, and ids that were given out, take.
    pub(super) const fn kept_bytes(&self) -> usize {
        self.members.kept_bytes() + self.pending_joins.kept_bytes()
    }

    /// Moves on to `next`.
    pub(super) fn step(&mut self, next: GroupState, now: Now) {
        self.state.step(next);
        self.state_timestamp = Some(now.wall);
    }

    /// Members in the order in which they came.
    pub(super) fn in_order(&self) -> Vec<(&MemberId, &Member<P>)> {
        let mut members: Vec<_> = self.members.iter().collect();
        members.sort_by_key(|(_, member)| member.place);
        members
    }

    /// Puts a new member in; the first one decides on type and leader.
    pub(super) fn add(&mut self, member_id: &MemberId, join: Join, park: P::Join) {
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type);
        }
        let member = Member {
            place: self.next_place,
            group_instance_id: join.group_instance_id,
            client_id: join.client_id,
            client_host: join.client_host,
            rebalance_timeout: join.rebalance_timeout,
            session_timeout: join.session_timeout,
            protocols: join.protocols,
            assignment: Bytes::new(),
            is_new: true,
            awaiting_join: Some(park),
            awaiting_sync: None,
        };
        self.pending_joins.remove(member_id);
        self.leader.get_or_insert_with(|| member_id.clone());
        self.insert(member_id.clone(), member);
    }

    fn insert(&mut self, member_id: MemberId, member: Member<P>) {
        self.next_place += 1;
        if let Some(instance) = &member.group_instance_id {
            self.static_members.insert(instance.clone(), member_id.clone());
        }
        self.members.insert(member_id, member);
    }

    /// Takes a member out, whether it has joined or only been given an id.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member<P>> {
        self.sessions.cancel(member_id);
        self.pending_joins.remove(member_id);
        self.pending_syncs.remove(member_id);
        let member = self.members.remove(member_id)?;
        if let Some(instance) = &member.group_instance_id {
            self.static_members.remove(instance);
        }
        if self.leader.as_deref() == Some(member_id) {
            self.leader = self.in_order().first().map(|(first, _)| (*first).clone());
        }
        Some(member)
    }

    /// A static member came back under a new id; it takes over everything but what is awaited.
    pub(super) fn rename(&mut self, old: &MemberId, new: &MemberId, instance: &InstanceId) {
        self.sessions.cancel(old);
        if self.pending_syncs.remove(old) {
            self.pending_syncs.insert(new.clone());
        }
        if let Some(member) = self.members.remove(old) {
            self.members.insert(new.clone(), member);
        }
        if self.leader.as_ref() == Some(old) {
            self.leader = Some(new.clone());
        }
        self.static_members.insert(instance.clone(), new.clone());
    }

    /// The member has shown that it is alive.
    pub(super) fn touch(&mut self, member_id: &MemberId, now: Now) {
        if let Some(member) = self.members.get(member_id) {
            self.sessions.set(member_id, now.mono.after(member.session_timeout));
        }
    }

    /// That the member exists, and that an instance id is its own (`validateMember`).
    pub(super) fn check_member(
        &self,
        member_id: &MemberId,
        instance: Option<&InstanceId>,
    ) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            let owner = self.static_members.get(instance).ok_or(GroupError::UnknownMember)?;
            if owner != member_id {
                return Err(GroupError::FencedInstance);
            }
        }
        let known = self.members.contains_key(member_id);
        if known { Ok(()) } else { Err(GroupError::UnknownMember) }
    }

    /// Members in their join.
    pub(super) fn awaiting_join(&self) -> usize {
        self.members.values().filter(|member| member.awaiting_join.is_some()).count()
    }

    /// Nobody is missing.
    pub(super) fn all_joined(&self) -> bool {
        self.pending_joins.is_empty() && self.awaiting_join() == self.members.len()
    }

    /// The longest that a member may take to join again.
    pub(super) fn rebalance_timeout(&self) -> Duration {
        let timeouts = self.members.values().map(|member| member.rebalance_timeout);
        timeouts.max().unwrap_or_default()
    }

    /// Protocols that every member speaks.
    fn spoken_by_all(&self, name: &str) -> bool {
        self.members
            .values()
            .all(|member| member.protocols.iter().any(|spoken| spoken.name == name))
    }

    /// Whether someone who speaks these protocols can be a member (`supportsProtocols`).
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.iter().any(|spoken| self.spoken_by_all(&spoken.name))
    }

    /// The protocol with the most votes; each member votes for the first of its own that all
    /// speak. Between equals the earlier voter's counts.
    pub(super) fn vote(&self) -> Option<String> {
        let mut votes: Vec<(&str, usize)> = Vec::new();
        let members = self.in_order();
        let (_, first) = members.first()?;
        let common: Vec<&str> = first
            .protocols
            .iter()
            .map(|spoken| spoken.name.as_str())
            .filter(|name| self.spoken_by_all(name))
            .collect();
        for (_, member) in members {
            let mut names = member.protocols.iter().map(|spoken| spoken.name.as_str());
            let Some(choice) = names.find(|name| common.contains(name)) else { continue };
            match votes.iter_mut().find(|(name, _)| *name == choice) {
                Some((_, count)) => *count += 1,
                None => votes.push((choice, 1)),
            }
        }
        let most = votes.iter().map(|(_, count)| *count).max()?;
        votes.iter().find(|(_, count)| *count == most).map(|(name, _)| (*name).to_owned())
    }

    /// Topics that the members read, if they are consumers and can be understood.
    pub(super) fn subscriptions(&self) -> Option<BTreeSet<String>> {
        if self.protocol_type.as_deref() != Some("consumer") {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            topics.extend(subscription::topics(&member.metadata(protocol)).ok()?);
        }
        Some(topics)
    }

    /// Whether positions of the topic have to stay (`isSubscribedToTopic`).
    pub(super) fn reads(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.protocol_type.as_deref() == Some("consumer"),
        }
    }

    /// The answer to a member's join in the current generation.
    pub(super) fn joined(&self, member_id: &MemberId) -> Joined {
        let is_leader = self.leader.as_ref() == Some(member_id);
        Joined {
            generation_id: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_else(|| "".into()),
            skip_assignment: false,
            member_id: member_id.clone(),
            members: if is_leader { self.joined_members() } else { Vec::new() },
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = self.in_order().into_iter().map(|(member_id, member)| JoinedMember {
            member_id: member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            metadata: member.metadata(protocol),
        });
        members.collect()
    }

    /// The answer to a member's sync in the current generation.
    pub(super) fn synced(&self, member: &Member<P>) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol.clone(),
            assignment: member.assignment.clone(),
        }
    }
}
