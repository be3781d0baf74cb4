//! Memory that requests of all connections may take together (`queued.max.request.bytes`).

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// Bytes of its frames that a connection has without asking: counting would be the one thing that
/// all connections share on the hot path.
pub(super) const OWN_BYTES: usize = 64 * 1024;

/// A budget in bytes for frames that are being read or worked on. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RequestMemory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    used: AtomicUsize,
    max: usize,
    has_waiting: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl RequestMemory {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Inner {
            used: AtomicUsize::new(0),
            max,
            has_waiting: AtomicBool::new(false),
            waiting: Mutex::new(Vec::new()),
        }))
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

    /// Takes `bytes`, or registers `waker` for when memory comes free. A frame larger than the
    /// whole budget gets through alone.
    pub(super) fn take(&self, bytes: usize, waker: &Waker) -> Option<Permit> {
        if let Some(permit) = self.try_take(bytes) {
            return Some(permit);
        }
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(waker.clone());
        self.0.has_waiting.store(true, Ordering::SeqCst);
        drop(waiting);
        // Memory may have come free between the first look and the registration.
        self.try_take(bytes)
    }

    /// Whether a frame waits for memory.
    pub(super) fn is_wanted(&self) -> bool {
        self.0.has_waiting.load(Ordering::SeqCst)
    }

    fn try_take(&self, bytes: usize) -> Option<Permit> {
        let max = self.0.max;
        let grown = self.0.used.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |used| {
            let sum = used.checked_add(bytes)?;
            (used == 0 || sum <= max).then_some(sum)
        });
        grown.ok().map(|_| Permit { memory: self.clone(), bytes })
    }
}

/// What a connection may have without asking; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnMemory(Rc<Cell<usize>>);

impl OwnMemory {
    /// Takes `bytes`, if they are left.
    pub(super) fn take(&self, bytes: usize) -> Option<Room> {
        let used = self.0.get().saturating_add(bytes);
        if used > OWN_BYTES {
            return None;
        }
        self.0.set(used);
        Some(Room::Own { memory: self.clone(), bytes })
    }
}

/// Where a frame lies; given back when dropped.
#[derive(Debug)]
pub(super) enum Room {
    /// In what its connection has without asking.
    Own { memory: OwnMemory, bytes: usize },
    /// In what all connections have together.
    Shared(#[expect(dead_code, reason = "held until the frame goes")] Permit),
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Self::Own { memory, bytes } = self {
            memory.0.set(memory.0.get().saturating_sub(*bytes));
        }
    }
}

/// Bytes that are taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    memory: RequestMemory,
    bytes: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let inner = &self.memory.0;
        inner.used.fetch_sub(self.bytes, Ordering::SeqCst);
        if inner.has_waiting.swap(false, Ordering::SeqCst) {
            let waiting =
                std::mem::take(&mut *inner.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_when_a_permit_goes() {
        let memory = RequestMemory::new(100);
        let waker = Waker::noop();

        let first = memory.take(80, waker).unwrap();
        assert!(memory.take(30, waker).is_none(), "took more than the budget");
        drop(first);

        assert!(memory.take(30, waker).is_some());
    }

    #[test]
    fn a_frame_larger_than_the_budget_passes_alone() {
        let memory = RequestMemory::new(100);
        let waker = Waker::noop();

        let small = memory.take(1, waker).unwrap();
        assert!(memory.take(1000, waker).is_none());
        drop(small);

        assert!(memory.take(1000, waker).is_some());
    }
}
