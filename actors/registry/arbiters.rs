//! The data arbiters: threads that connections, partitions and coordinators run on.

use actix_rt::{Arbiter, ArbiterHandle};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The data arbiters of the process.
#[derive(Debug)]
pub struct Arbiters {
    handles: Vec<ArbiterHandle>,
    lane: ArbiterHandle,
    next: AtomicUsize,
}

impl Arbiters {
    /// Starts `count` arbiters, at least one, each on a thread of its own, and one for the side
    /// lane.
    ///
    /// Returns them with what is needed to end them.
    #[must_use]
    pub fn start(count: usize) -> (Self, Vec<Arbiter>) {
        let mut arbiters: Vec<Arbiter> = (0..count.max(1)).map(|_| Arbiter::new()).collect();
        let handles = arbiters.iter().map(Arbiter::handle).collect();
        let lane = Arbiter::new();
        let this = Self { handles, lane: lane.handle(), next: AtomicUsize::new(0) };
        arbiters.push(lane);
        (this, arbiters)
    }

    /// Where requests are worked on that would hold up the connections beside them.
    #[must_use]
    pub const fn lane(&self) -> &ArbiterHandle {
        &self.lane
    }

    /// All of them but the lane's, in a fixed order.
    #[must_use]
    pub fn handles(&self) -> &[ArbiterHandle] {
        &self.handles
    }

    /// The arbiter for the next partition or coordinator, in turns: they stay where they are put.
    ///
    /// # Panics
    /// Never: there is at least one arbiter.
    #[must_use]
    pub fn next(&self) -> &ArbiterHandle {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.handles.len();
        let Some(handle) = self.handles.get(turn) else {
            unreachable!("a turn is below the count")
        };
        handle
    }
}
