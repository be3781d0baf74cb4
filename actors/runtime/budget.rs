//! Bytes that many may take together, each a share that it gives back.
//!
//! Nobody waits for them: a share may be set beyond what is left, and whoever is about to take more
//! asks first. Where one who never gives back must not make all others wait, this is the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A bound in bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    used: AtomicUsize,
    max: usize,
}

impl Budget {
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

    /// Bytes that may be taken.
    #[must_use]
    pub fn max(&self) -> usize {
        self.0.max
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used() >= self.max()
    }

    /// Whether so many bytes more would fit.
    #[must_use]
    pub fn has_room_for(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= self.max()
    }

    /// A share of nothing yet.
    #[must_use]
    pub fn share(&self) -> Share {
        Share { budget: self.clone(), bytes: 0 }
    }

    /// A share of `wanted` bytes, or of what is left.
    #[must_use]
    pub fn reserve(&self, wanted: usize) -> Share {
        let mut bytes = 0;
        let taken = self.0.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            bytes = wanted.min(self.max().saturating_sub(used));
            used.checked_add(bytes)
        });
        Share { budget: self.clone(), bytes: taken.map_or(0, |_| bytes) }
    }
}

/// Bytes that one of many has taken; given back when dropped.
#[derive(Debug)]
pub struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    /// How many there are.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The budget that it is of.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Takes what is there anyway, or gives back.
    pub fn set(&mut self, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        let used = &self.budget.0.used;
        if bytes > self.bytes {
            used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_more_than_what_is_left() {
        let budget = Budget::new(100);

        let first = budget.reserve(70);
        let second = budget.reserve(70);

        assert_eq!((first.bytes(), second.bytes(), budget.is_full()), (70, 30, true));
        drop(first);
        assert_eq!((budget.used(), budget.is_full()), (30, false));
    }

    #[test]
    fn what_is_held_already_counts_even_beyond_the_budget() {
        let budget = Budget::new(100);
        let mut share = budget.share();

        share.set(150);
        assert_eq!((budget.used(), budget.reserve(10).bytes()), (150, 0));
        share.set(20);

        assert_eq!(budget.reserve(100).bytes(), 80);
    }

    #[test]
    fn what_is_dropped_is_given_back_and_the_last_byte_may_be_taken() {
        let budget = Budget::new(100);
        let (mut first, mut second) = (budget.share(), budget.share());

        first.set(60);
        second.set(30);
        assert!(budget.has_room_for(10) && !budget.has_room_for(11));
        first.set(10);
        drop(second);

        assert!(budget.has_room_for(90) && !budget.has_room_for(91));
    }
}
