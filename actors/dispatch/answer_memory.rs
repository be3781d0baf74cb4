//! Memory that answers which are not yet sent may take together
//! (`ottla.queued.max.response.bytes`).
//!
//! Nobody waits for it: a client that takes no answers would make everyone wait. Where little is
//! left, a fetch brings less, and a connection with much unsent is not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A budget in bytes for answers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AnswerMemory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    used: AtomicUsize,
    max: usize,
}

impl AnswerMemory {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Inner { used: AtomicUsize::new(0), max }))
    }

    /// Bytes that are taken.
    #[must_use]
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes that may be taken; single answers may go beyond.
    #[must_use]
    pub fn max(&self) -> usize {
        self.0.max
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used() >= self.0.max
    }

    /// A share of nothing yet.
    #[must_use]
    pub fn share(&self) -> AnswerShare {
        AnswerShare { memory: self.clone(), bytes: 0 }
    }

    /// A share of `wanted` bytes, or of what is left.
    pub(super) fn reserve(&self, wanted: usize) -> AnswerShare {
        let mut bytes = 0;
        let taken = self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            bytes = wanted.min(self.0.max.saturating_sub(used));
            used.checked_add(bytes)
        });
        AnswerShare { memory: self.clone(), bytes: taken.map_or(0, |_| bytes) }
    }
}

/// Bytes that one answer, or one connection, takes; given back when dropped.
#[derive(Debug)]
pub struct AnswerShare {
    memory: AnswerMemory,
    bytes: usize,
}

impl AnswerShare {
    /// How many there are.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The budget that it is of.
    #[must_use]
    pub const fn memory(&self) -> &AnswerMemory {
        &self.memory
    }

    /// Takes what is there anyway, or gives back.
    pub fn set(&mut self, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        let used = &self.memory.0.used;
        if bytes > self.bytes {
            used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for AnswerShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_more_than_what_is_left() {
        let memory = AnswerMemory::new(100);

        let first = memory.reserve(70);
        let second = memory.reserve(70);

        assert_eq!((first.bytes(), second.bytes(), memory.is_full()), (70, 30, true));
        drop(first);
        assert_eq!((memory.used(), memory.is_full()), (30, false));
    }

    #[test]
    fn what_is_held_already_counts_even_beyond_the_budget() {
        let memory = AnswerMemory::new(100);
        let mut share = memory.share();

        share.set(150);
        assert_eq!((memory.used(), memory.reserve(10).bytes()), (150, 0));
        share.set(20);

        assert_eq!(memory.reserve(100).bytes(), 80);
    }
}
