//! Memory that the members of all groups may take together (`ottla.group.members.max.bytes`).
//!
//! What a member says of itself is kept for its session, which may be half an hour, and costs
//! nothing to say. Each group weighs its members when they change; a member that comes while
//! nothing is left is told to try again. Between the two lie the requests that are open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What a member takes besides what it says.
pub(super) const MEMBER_BYTES: usize = 1024;

/// A budget in bytes for members. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct MemberMemory {
    used: Arc<AtomicUsize>,
    max: usize,
}

impl MemberMemory {
    pub(super) fn new(max: usize) -> Self {
        Self { used: Arc::default(), max }
    }

    /// Whether so many bytes more would fit.
    pub(super) fn has_room_for(&self, bytes: usize) -> bool {
        self.used.load(Ordering::Relaxed).saturating_add(bytes) <= self.max
    }

    /// What one group takes of it: nothing yet.
    pub(super) fn share(&self) -> MemberShare {
        MemberShare { memory: self.clone(), bytes: 0 }
    }
}

/// What the members of one group take; given back when dropped.
#[derive(Debug)]
pub(super) struct MemberShare {
    memory: MemberMemory,
    bytes: usize,
}

impl MemberShare {
    /// Takes what is there anyway, or gives back.
    pub(super) fn set(&mut self, bytes: usize) {
        if bytes > self.bytes {
            self.memory.used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            self.memory.used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for MemberShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_share_one_budget_and_give_back_what_they_took() {
        let memory = MemberMemory::new(100);
        let (mut first, mut second) = (memory.share(), memory.share());

        first.set(60);
        second.set(30);
        assert!(memory.has_room_for(10) && !memory.has_room_for(11));
        first.set(10);
        drop(second);

        assert!(memory.has_room_for(90) && !memory.has_room_for(91));
    }
}
