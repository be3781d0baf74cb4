//! When each member's silence ends its membership.

use super::MemberId;
use crate::types::MonoTime;
use std::collections::{BTreeMap, BTreeSet};

/// Deadlines by member and by time.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    of: BTreeMap<MemberId, MonoTime>,
    order: BTreeSet<(MonoTime, MemberId)>,
}

impl Sessions {
    /// The member is alive; it has until `deadline`.
    pub(super) fn set(&mut self, member_id: &MemberId, deadline: MonoTime) {
        if let Some(before) = self.of.insert(member_id.clone(), deadline) {
            self.order.remove(&(before, member_id.clone()));
        }
        self.order.insert((deadline, member_id.clone()));
    }

    /// The member is no longer watched.
    pub(super) fn cancel(&mut self, member_id: &str) {
        if let Some((member_id, deadline)) = self.of.remove_entry(member_id) {
            self.order.remove(&(deadline, member_id));
        }
    }

    /// Takes out a member whose deadline has come.
    pub(super) fn pop_due(&mut self, now: MonoTime) -> Option<MemberId> {
        if self.first()? > now {
            return None;
        }
        let (_, member_id) = self.order.pop_first()?;
        self.of.remove(&member_id);
        Some(member_id)
    }

    /// The next deadline.
    pub(super) fn first(&self) -> Option<MonoTime> {
        self.order.first().map(|(deadline, _)| *deadline)
    }
}
