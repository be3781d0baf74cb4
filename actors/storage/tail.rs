//! The newest batches of a log in memory, within one budget for all logs.

use super::log::{Log, LogInner};
use super::read::Chunk;
use super::segment::lock;
use crate::types::Offset;
use crate::wire::{PREFIX_BYTES, StampedBatch};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

/// What a batch costs in memory besides its bytes.
const BATCH_OVERHEAD_BYTES: usize = size_of::<StampedBatch>() + 64;

/// Batches without a gap, up to the end of what is flushed.
#[derive(Debug, Default)]
pub(super) struct Tail(VecDeque<StampedBatch>);

impl Tail {
    /// Batches from the one that contains `from`, as far as the bounds go; `None` where `from` lies
    /// before the tail or at its end.
    pub(super) fn read(
        &self,
        from: Offset,
        up_to: Offset,
        max_bytes: usize,
        at_least_one: bool,
    ) -> Option<Chunk> {
        let after = self.0.partition_point(|batch| batch.header.base_offset <= from.to_wire());
        let first = after.checked_sub(1)?;
        let front = self.0.get(first).filter(|batch| batch.header.next_offset() > from)?;
        let (mut bytes, mut count, mut next) = (0, 0, from);
        for batch in self.0.range(first..) {
            let size = batch.header.size_bytes;
            let fits = bytes + size <= max_bytes || (count == 0 && at_least_one);
            if batch.header.next_offset() > up_to || !fits {
                break;
            }
            bytes += size;
            count += 1;
            next = batch.header.next_offset();
        }
        let mut prefixes = BytesMut::with_capacity(count * PREFIX_BYTES);
        for batch in self.0.range(first..first + count) {
            prefixes.extend_from_slice(batch.prefix());
        }
        let mut prefixes = prefixes.freeze();
        let mut parts: Vec<Bytes> = Vec::with_capacity(count * 2);
        for batch in self.0.range(first..first + count) {
            parts.push(prefixes.split_to(PREFIX_BYTES));
            parts.push(batch.rest().clone());
        }
        let first_offset = Offset::clamped(front.header.base_offset);
        Some(Chunk { parts, first_offset, next_offset: next, bytes })
    }

    fn push(&mut self, batch: StampedBatch) -> usize {
        let continues = self
            .0
            .back()
            .is_none_or(|last| last.header.next_offset().to_wire() == batch.header.base_offset);
        let mut freed = 0;
        if !continues {
            freed = self.clear();
        }
        self.0.push_back(batch);
        freed
    }

    /// Forgets everything; the bytes that were freed.
    pub(super) fn clear(&mut self) -> usize {
        self.0.drain(..).map(|batch| cost(&batch)).sum()
    }
}

fn cost(batch: &StampedBatch) -> usize {
    batch.header.size_bytes + BATCH_OVERHEAD_BYTES
}

/// The budget; owned by the journal, which alone fills tails.
#[derive(Debug)]
pub(super) struct TailBudget {
    max_bytes: usize,
    bytes: usize,
    /// Whose front batch goes next: one entry a batch, in the order of arrival.
    order: VecDeque<Weak<LogInner>>,
}

impl TailBudget {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: 0, order: VecDeque::new() }
    }

    /// Takes what was just flushed.
    pub(super) fn fill(&mut self, log: &Log, batches: Vec<StampedBatch>) {
        let mut tail = lock(&log.0.tail);
        for batch in batches {
            self.bytes += cost(&batch);
            self.bytes = self.bytes.saturating_sub(tail.push(batch));
            self.order.push_back(Arc::downgrade(&log.0));
        }
        drop(tail);
        while self.bytes > self.max_bytes {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            // A log that is gone took its batches with it, uncounted: `forget` did that.
            let Some(log) = oldest.upgrade() else {
                continue;
            };
            if let Some(batch) = lock(&log.tail).0.pop_front() {
                self.bytes = self.bytes.saturating_sub(cost(&batch));
            }
        }
    }

    /// Empties a log's tail: it was cut or deleted.
    pub(super) fn forget(&mut self, log: &Log) {
        self.bytes = self.bytes.saturating_sub(lock(&log.0.tail).clear());
    }
}
