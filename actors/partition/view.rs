//! What connections read of a partition without a message: its watermarks, and how to wait.

use crate::runtime::Reply;
use crate::types::{LeaderEpoch, Offset};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Read side of a partition. Written by its actor alone.
#[derive(Debug, Default)]
pub struct PartitionView {
    high_watermark: AtomicI64,
    /// Bytes committed since the start of the process; what a waiting fetch counts.
    committed_bytes: AtomicU64,
    leader_epoch: AtomicI32,
    producers: AtomicUsize,
}

impl PartitionView {
    /// End of what consumers may read. The last stable offset is the same while no transaction
    /// can be open.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        Offset::clamped(self.high_watermark.load(Ordering::Acquire))
    }

    /// Bytes committed since the start of the process.
    #[must_use]
    pub fn committed_bytes(&self) -> u64 {
        self.committed_bytes.load(Ordering::Acquire)
    }

    /// Epoch of the leadership of this broker.
    #[must_use]
    pub fn leader_epoch(&self) -> LeaderEpoch {
        LeaderEpoch(self.leader_epoch.load(Ordering::Acquire))
    }

    /// Idempotent producers that are remembered.
    #[must_use]
    pub fn producers(&self) -> usize {
        self.producers.load(Ordering::Relaxed)
    }

    pub(super) fn set_producers(&self, count: usize) {
        // Others read what lies beside it; a write that changes nothing would hold them up.
        if self.producers() != count {
            self.producers.store(count, Ordering::Relaxed);
        }
    }

    pub(super) fn set_leader_epoch(&self, epoch: LeaderEpoch) {
        self.leader_epoch.store(epoch.0, Ordering::Release);
    }

    pub(super) fn set_high_watermark(&self, up_to: Offset) {
        self.high_watermark.store(up_to.to_wire(), Ordering::Release);
    }

    /// Counts bytes, after the high watermark was raised past them.
    pub(super) fn add_committed(&self, bytes: u64) {
        self.committed_bytes.fetch_add(bytes, Ordering::AcqRel);
    }
}

/// One waiting fetch over any number of partitions; the partition that brings what is missing to
/// zero completes it, once.
#[derive(Debug)]
pub struct FetchWait {
    missing: AtomicU64,
    done: AtomicBool,
    wake: Mutex<Option<Reply<()>>>,
}

impl FetchWait {
    /// A wait for `missing` bytes, and what resolves when they are there.
    #[must_use]
    pub fn new(missing: u64) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (reply, woken) = Reply::new();
        let wait = Self {
            missing: AtomicU64::new(missing),
            done: AtomicBool::new(false),
            wake: Mutex::new(Some(reply)),
        };
        (Arc::new(wait), woken)
    }

    /// Ends the wait from the fetch's side: its deadline passed, or its client is gone.
    pub fn cancel(&self) {
        self.done.store(true, Ordering::Release);
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Counts `bytes` that arrived; says whether the wait is over.
    pub(super) fn add(&self, bytes: u64) -> bool {
        if self.is_done() {
            return true;
        }
        let before = self.missing.fetch_sub(bytes, Ordering::AcqRel);
        // Two partitions may both take the count past zero; the first of them wakes.
        if before > bytes && before <= u64::MAX / 2 {
            return false;
        }
        self.complete();
        true
    }

    /// Ends the wait at once: something happened that an answer must tell.
    pub(super) fn complete(&self) {
        if !self.done.swap(true, Ordering::AcqRel) {
            let reply = self.wake.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(reply) = reply {
                reply.send(());
            }
        }
    }
}
