//! Memory that requests of all connections may take together (`queued.max.request.bytes`).

use crate::wire::Hold;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Bytes of its frames that a connection has without asking: counting would be the one thing that
/// all connections share on the hot path.
pub(super) const OWN_BYTES: usize = 64 * 1024;

/// A budget in bytes for frames that are being read or worked on, taken in the order of asking: a
/// large frame would wait for ever behind small ones that come later. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RequestMemory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    used: AtomicUsize,
    max: usize,
    has_waiting: AtomicBool,
    waiting: Mutex<Waiting>,
}

/// Frames that wait, by the number of their turn. A connection has one at most.
#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl RequestMemory {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self(Arc::new(Inner {
            used: AtomicUsize::new(0),
            max,
            has_waiting: AtomicBool::new(false),
            waiting: Mutex::default(),
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

    /// Takes `bytes`, or a turn, and registers `waker` for when that has come. A frame larger than
    /// the whole budget gets through alone.
    pub(super) fn take(
        &self,
        bytes: usize,
        turn: &mut Option<Turn>,
        waker: &Waker,
    ) -> Option<Permit> {
        if turn.is_none()
            && !self.is_wanted()
            && let Some(permit) = self.try_take(bytes)
        {
            return Some(permit);
        }
        let mut waiting = self.waiting();
        let number = turn.as_ref().map_or(waiting.next, |turn| turn.number);
        waiting.wakers.insert(number, waker.clone());
        if turn.is_none() {
            waiting.next += 1;
            *turn = Some(Turn { memory: self.clone(), number });
        }
        self.0.has_waiting.store(true, Ordering::SeqCst);
        let is_first = waiting.wakers.keys().next() == Some(&number);
        drop(waiting);
        // Memory may have come free between the first look and the registration.
        let permit = if is_first { self.try_take(bytes) } else { None };
        if permit.is_some() {
            *turn = None;
        }
        permit
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the first that waits look again.
    fn wake_first(&self) {
        let waker = self.waiting().wakers.values().next().cloned();
        if let Some(waker) = waker {
            waker.wake();
        }
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

/// The place of a frame among those that wait; given up when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    memory: RequestMemory,
    number: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = self.memory.waiting();
        waiting.wakers.remove(&self.number);
        self.memory.0.has_waiting.store(!waiting.wakers.is_empty(), Ordering::SeqCst);
        drop(waiting);
        // What is left may do for the next one.
        self.memory.wake_first();
    }
}

/// What a connection may have without asking; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnMemory(Arc<AtomicUsize>);

impl OwnMemory {
    /// Takes `bytes`, if they are left. Only its connection takes, so none come to be less between
    /// the look and the taking.
    pub(super) fn take(&self, bytes: usize) -> Option<Room> {
        let used = self.0.load(Ordering::Acquire).saturating_add(bytes);
        if used > OWN_BYTES {
            return None;
        }
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Some(Room(Arc::new(Taken::Own { memory: self.clone(), bytes })))
    }
}

/// Where a frame lies; given back when nobody holds it any more.
#[derive(Debug)]
pub(super) struct Room(Arc<Taken>);

#[derive(Debug)]
enum Taken {
    /// In what its connection has without asking.
    Own { memory: OwnMemory, bytes: usize },
    /// In what all connections have together.
    Shared(#[expect(dead_code, reason = "held until the frame goes")] Permit),
}

impl Room {
    pub(super) fn shared(permit: Permit) -> Self {
        Self(Arc::new(Taken::Shared(permit)))
    }

    /// Whether it is memory that others may want.
    pub(super) fn is_shared(&self) -> bool {
        matches!(*self.0, Taken::Shared(_))
    }

    /// Keeps it taken beyond the request: what a client no longer waits for may still wait for the
    /// disk.
    pub(super) fn hold(&self) -> Hold {
        self.0.clone()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Self::Own { memory, bytes } = self {
            memory.0.fetch_sub(*bytes, Ordering::Release);
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
        if self.memory.is_wanted() {
            self.memory.wake_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks once, and does not wait.
    fn ask(memory: &RequestMemory, bytes: usize) -> Option<Permit> {
        memory.take(bytes, &mut None, Waker::noop())
    }

    #[test]
    fn memory_is_given_back_when_a_permit_goes() {
        let memory = RequestMemory::new(100);

        let first = ask(&memory, 80).unwrap();
        assert!(ask(&memory, 30).is_none(), "took more than the budget");
        drop(first);

        assert!(ask(&memory, 30).is_some());
    }

    #[test]
    fn a_frame_larger_than_the_budget_passes_alone() {
        let memory = RequestMemory::new(100);

        let small = ask(&memory, 1).unwrap();
        assert!(ask(&memory, 1000).is_none());
        drop(small);

        assert!(ask(&memory, 1000).is_some());
    }

    #[test]
    fn who_asked_first_takes_first() {
        let memory = RequestMemory::new(100);
        let (mut large, mut small) = (None, None);
        let held = [ask(&memory, 50).unwrap(), ask(&memory, 50).unwrap()];

        assert!(memory.take(80, &mut large, Waker::noop()).is_none());
        assert!(memory.take(10, &mut small, Waker::noop()).is_none());
        let [first, second] = held;
        drop(first);
        assert!(memory.take(10, &mut small, Waker::noop()).is_none(), "it came later");
        assert!(ask(&memory, 10).is_none(), "it came last");
        drop(second);

        let large = memory.take(80, &mut large, Waker::noop());
        assert!(large.is_some() && memory.take(10, &mut small, Waker::noop()).is_some());
        assert!(!memory.is_wanted());
    }

    #[test]
    fn who_gives_up_makes_way() {
        let memory = RequestMemory::new(100);
        let (mut first, mut second) = (None, None);
        let held = ask(&memory, 50).unwrap();
        assert!(memory.take(80, &mut first, Waker::noop()).is_none());
        assert!(memory.take(50, &mut second, Waker::noop()).is_none());

        drop(first);

        assert!(memory.take(50, &mut second, Waker::noop()).is_some());
        drop(held);
        assert!(!memory.is_wanted());
    }
}
