//! The members of a group, and the ids given out for more, with what they take in memory.
//!
//! What they take is a sum that follows each change: thousands may join one by one, and each is
//! weighed against what all groups may keep.

use super::Parking;
use super::request::{InstanceId, MemberId, Protocol};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::time::Duration;

/// What a member takes besides what it says.
pub(super) const MEMBER_BYTES: usize = 1024;

/// One member.
pub(super) struct Member<P: Parking> {
    /// Place in the order of coming, for lists and for the choice of a leader.
    pub(super) place: u64,
    pub(super) group_instance_id: Option<InstanceId>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout: Duration,
    pub(super) session_timeout: Duration,
    /// Changed by [`Members::speak`] alone: they weigh.
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// Has not been in a generation yet.
    pub(super) is_new: bool,
    pub(super) awaiting_join: Option<P::Join>,
    pub(super) awaiting_sync: Option<P::Sync>,
}

impl<P: Parking> Member<P> {
    /// Its metadata for a protocol; empty where it does not speak it.
    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let spoken = self.protocols.iter().find(|spoken| spoken.name == protocol);
        spoken.map(|spoken| spoken.metadata.clone()).unwrap_or_default()
    }

    /// About what it takes; assignments are in the log as well, which bounds them.
    fn kept_bytes(&self, member_id: &str) -> usize {
        MEMBER_BYTES + member_id.len() + self.client_id.len() + said_bytes(&self.protocols)
    }
}

/// What a member says of itself.
pub(super) fn said_bytes(protocols: &[Protocol]) -> usize {
    protocols.iter().map(|protocol| protocol.name.len() + protocol.metadata.len()).sum()
}

/// Members by id. Read as the map that it is.
pub(super) struct Members<P: Parking> {
    by_id: BTreeMap<MemberId, Member<P>>,
    kept_bytes: usize,
}

impl<P: Parking> Default for Members<P> {
    fn default() -> Self {
        Self { by_id: BTreeMap::new(), kept_bytes: 0 }
    }
}

impl<P: Parking> Deref for Members<P> {
    type Target = BTreeMap<MemberId, Member<P>>;

    fn deref(&self) -> &Self::Target {
        &self.by_id
    }
}

impl<P: Parking> Members<P> {
    /// Puts a member in, in the place of one with the same id.
    pub(super) fn insert(&mut self, member_id: MemberId, member: Member<P>) {
        self.remove(&member_id);
        self.kept_bytes += member.kept_bytes(&member_id);
        self.by_id.insert(member_id, member);
    }

    /// Takes a member out.
    pub(super) fn remove(&mut self, member_id: &str) -> Option<Member<P>> {
        let member = self.by_id.remove(member_id)?;
        self.kept_bytes -= member.kept_bytes(member_id);
        Some(member)
    }

    pub(super) fn get_mut(&mut self, member_id: &str) -> Option<&mut Member<P>> {
        self.by_id.get_mut(member_id)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&MemberId, &mut Member<P>)> {
        self.by_id.iter_mut()
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Member<P>> {
        self.by_id.values_mut()
    }

    /// What a member says of itself is this from now on.
    pub(super) fn speak(&mut self, member_id: &str, protocols: Vec<Protocol>) {
        let Some(member) = self.by_id.get_mut(member_id) else { return };
        self.kept_bytes += said_bytes(&protocols);
        self.kept_bytes -= said_bytes(&member.protocols);
        member.protocols = protocols;
    }

    /// What they take.
    pub(super) const fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// The same by looking at each.
    fn counted_bytes(&self) -> usize {
        self.by_id.iter().map(|(member_id, member)| member.kept_bytes(member_id)).sum()
    }

    /// Stops where the sum has missed a change. For tests.
    pub(super) fn check(&self) {
        let counted = self.counted_bytes();
        assert!(self.kept_bytes == counted, "members take {counted}, not {}", self.kept_bytes);
    }
}

/// Ids given out by KIP-394 whose members have not come back yet. Read as the set that it is.
#[derive(Default)]
pub(super) struct PendingJoins {
    ids: BTreeSet<MemberId>,
    kept_bytes: usize,
}

impl Deref for PendingJoins {
    type Target = BTreeSet<MemberId>;

    fn deref(&self) -> &Self::Target {
        &self.ids
    }
}

impl PendingJoins {
    pub(super) fn insert(&mut self, member_id: MemberId) {
        let bytes = MEMBER_BYTES + member_id.len();
        if self.ids.insert(member_id) {
            self.kept_bytes += bytes;
        }
    }

    pub(super) fn remove(&mut self, member_id: &str) {
        if self.ids.remove(member_id) {
            self.kept_bytes -= MEMBER_BYTES + member_id.len();
        }
    }

    pub(super) fn pop_first(&mut self) -> Option<MemberId> {
        let first = self.ids.pop_first()?;
        self.kept_bytes -= MEMBER_BYTES + first.len();
        Some(first)
    }

    /// What they take.
    pub(super) const fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Stops where the sum has missed a change. For tests.
    pub(super) fn check(&self) {
        let counted: usize = self.ids.iter().map(|id| MEMBER_BYTES + id.len()).sum();
        assert!(self.kept_bytes == counted, "ids take {counted}, not {}", self.kept_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Numbers, protocol};
    use super::*;

    fn member(client_id: &str, protocols: Vec<Protocol>) -> Member<Numbers> {
        Member {
            place: 0,
            group_instance_id: None,
            client_id: client_id.to_owned(),
            client_host: String::new(),
            rebalance_timeout: Duration::ZERO,
            session_timeout: Duration::ZERO,
            protocols,
            assignment: Bytes::new(),
            is_new: true,
            awaiting_join: None,
            awaiting_sync: None,
        }
    }

    #[test]
    fn the_sum_follows_members_that_come_speak_and_go() {
        let mut members = Members::default();
        let mut steps = Vec::new();

        members.insert("one".into(), member("client", vec![protocol("range", "abc")]));
        steps.push(members.kept_bytes());
        members.insert("one".into(), member("c", Vec::new()));
        steps.push(members.kept_bytes());
        members.speak("one", vec![protocol("range", "abcdef")]);
        members.speak("nobody", vec![protocol("range", "abcdef")]);
        steps.push(members.kept_bytes());
        members.remove("nobody");
        members.remove("one");
        steps.push(members.kept_bytes());

        let base = MEMBER_BYTES;
        assert_eq!(steps, [base + 3 + 6 + 8, base + 3 + 1, base + 3 + 1 + 11, 0]);
    }

    #[test]
    fn an_id_that_is_given_out_twice_weighs_once() {
        let mut pending = PendingJoins::default();

        pending.insert("one".into());
        pending.insert("one".into());
        pending.insert("two!".into());
        pending.remove("nobody");
        assert_eq!(pending.kept_bytes(), 2 * MEMBER_BYTES + 7);
        pending.remove("one");

        assert_eq!(pending.pop_first().as_deref(), Some("two!"));
        assert_eq!((pending.kept_bytes(), pending.pop_first()), (0, None));
    }
}
