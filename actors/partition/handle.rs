//! What everyone above a partition holds of it.

use super::actor::{Close, DescribeProducers, PartitionActor, Produce, WaitForData};
use super::{
    ActiveProducer, Appended, FetchWait, Origin, PartitionSettings, PartitionView, ProduceError,
};
use crate::runtime::{Clock, Reply, start_on};
use crate::storage::{Log, Storage};
use crate::types::LeaderEpoch;
use crate::wire::{CheckedBatch, Hold};
use actix::Addr;
use actix_rt::ArbiterHandle;
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What a partition's actor is made of.
#[derive(Debug)]
pub struct PartitionStart {
    /// Its readers.
    pub storage: Arc<Storage>,
    /// Its log.
    pub log: Log,
    /// Epoch of the leadership that begins.
    pub leader_epoch: LeaderEpoch,
    /// Settings its machine looks at.
    pub settings: PartitionSettings,
    /// Clocks.
    pub clock: Clock,
}

/// One led partition: its mailbox, its log and its watermarks. Cheap to clone.
#[derive(Clone)]
pub struct Partition(Arc<Inner>);

struct Inner {
    log: Log,
    view: Arc<PartitionView>,
    clock: Clock,
    address: Addr<PartitionActor>,
}

impl Partition {
    /// Starts the actor on an arbiter; the partition takes requests at once.
    #[must_use]
    pub fn start(arbiter: &ArbiterHandle, start: PartitionStart) -> Self {
        Self::start_with(start, |start, view| {
            start_on(arbiter, move |_| PartitionActor::new(start, view))
        })
    }

    /// Starts the actor in the way that `run` does it.
    pub(super) fn start_with(
        start: PartitionStart,
        run: impl FnOnce(PartitionStart, Arc<PartitionView>) -> Addr<PartitionActor>,
    ) -> Self {
        let (log, clock) = (start.log.clone(), start.clock);
        let view = Arc::new(PartitionView::default());
        view.set_leader_epoch(start.leader_epoch);
        view.set_high_watermark(log.log_end_offset());
        let address = run(start, view.clone());
        Self(Arc::new(Inner { log, view, clock, address }))
    }

    /// The log, for reads.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.0.log
    }

    /// The watermarks.
    #[must_use]
    pub fn view(&self) -> &PartitionView {
        &self.0.view
    }

    /// Sends a checked batch; the answer comes when it is committed. What `hold` counts is held
    /// until it was written, whoever still waits for that.
    #[must_use]
    pub fn produce(
        &self,
        batch: CheckedBatch,
        hold: Option<Hold>,
        origin: Origin,
    ) -> oneshot::Receiver<Result<Appended, ProduceError>> {
        let (reply, answer) = Reply::new();
        let sent = self.0.clock.mono();
        self.0.address.do_send(Produce { batch, hold, origin, sent, reply });
        answer
    }

    /// Asks who is remembered, behind every batch that was sent before.
    #[must_use]
    pub fn active_producers(&self) -> oneshot::Receiver<Result<Vec<ActiveProducer>, ProduceError>> {
        let (reply, answer) = Reply::new();
        self.0.address.do_send(DescribeProducers(reply));
        answer
    }

    /// Registers a fetch that found too little after `seen_bytes`.
    pub fn wait(&self, seen_bytes: u64, wait: Arc<FetchWait>) {
        self.0.address.do_send(WaitForData { seen_bytes, wait });
    }

    /// Ends the actor once everything accepted is committed.
    #[must_use]
    pub fn close(&self) -> oneshot::Receiver<()> {
        let (reply, closed) = Reply::new();
        self.0.address.do_send(Close(reply));
        closed
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Partition").field(&self.0.log.id()).finish()
    }
}
