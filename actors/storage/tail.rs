//! The newest batches of a log in memory, within one budget for all logs.

use super::log::{Log, LogInner};
use super::read::Chunk;
use super::segment::lock;
use crate::types::Offset;
use crate::wire::{PREFIX_BYTES, StampedBatch};
use bytes::{Bytes, BytesMut};
use std::collections::{HashMap, VecDeque};
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
    /// Entries whose batch was forgotten; they keep a place in memory, that of a log that is gone
    /// included.
    stale: usize,
}

/// Fewer stale entries than this are not worth a look at all of them.
const STALE_MIN: usize = 1024;

impl TailBudget {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: 0, order: VecDeque::new(), stale: 0 }
    }

    /// Takes what was just flushed.
    pub(super) fn fill(&mut self, log: &Log, batches: Vec<StampedBatch>) {
        let mut tail = lock(&log.0.tail);
        for mut batch in batches {
            batch.release();
            self.bytes += cost(&batch);
            let before = tail.0.len();
            self.bytes = self.bytes.saturating_sub(tail.push(batch));
            self.stale += (before + 1).saturating_sub(tail.0.len());
            self.order.push_back(Arc::downgrade(&log.0));
        }
        drop(tail);
        self.drop_stale();
        while self.bytes > self.max_bytes {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            // A log that is gone took its batches with it, uncounted: `forget` did that.
            let Some(log) = oldest.upgrade() else {
                self.stale = self.stale.saturating_sub(1);
                continue;
            };
            match lock(&log.tail).0.pop_front() {
                Some(batch) => self.bytes = self.bytes.saturating_sub(cost(&batch)),
                None => self.stale = self.stale.saturating_sub(1),
            }
        }
    }

    /// Drops the entries of forgotten batches once they are the larger part: where topics come and
    /// go, the budget may never be reached, and they would gather for ever.
    fn drop_stale(&mut self) {
        if self.stale < STALE_MIN || self.stale < self.order.len() / 2 {
            return;
        }
        // Of each log the newest entries have their batches still.
        let mut left: HashMap<*const LogInner, usize> = HashMap::new();
        let mut kept = VecDeque::new();
        for entry in self.order.drain(..).rev() {
            let Some(log) = entry.upgrade() else {
                continue;
            };
            let batches = || lock(&log.tail).0.len();
            let left = left.entry(Arc::as_ptr(&log)).or_insert_with(batches);
            if *left > 0 {
                *left -= 1;
                kept.push_front(entry);
            }
        }
        self.order = kept;
        self.stale = 0;
    }

    /// Empties a log's tail: it was cut or deleted.
    pub(super) fn forget(&mut self, log: &Log) {
        let mut tail = lock(&log.0.tail);
        self.stale += tail.0.len();
        self.bytes = self.bytes.saturating_sub(tail.clear());
        drop(tail);
        self.drop_stale();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::LogPolicy;
    use crate::storage::store_test::{batch, id, open};

    #[test]
    fn logs_that_come_and_go_leave_nothing_in_the_order() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let mut budget = TailBudget::new(1 << 20);
        let stays = storage.create(id(0), LogPolicy::default());
        budget.fill(&stays, vec![batch(0, 0, &["a"], 10), batch(1, 0, &["b"], 10)]);

        for number in 1..10_000 {
            let log = storage.create(id(number), LogPolicy::default());
            budget.fill(&log, vec![batch(0, 0, &["a"], 10)]);
            budget.forget(&log);
            storage.delete(&log, Box::new(|| ()));
        }

        assert!(budget.order.len() <= 2 + STALE_MIN, "{} entries", budget.order.len());
        assert_eq!(lock(&stays.0.tail).0.len(), 2, "what is there stays");
        assert!(budget.bytes > 0);
    }

    #[test]
    fn a_log_that_was_forgotten_and_filled_again_keeps_its_newest_batches() {
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let log = storage.create(id(0), LogPolicy::default());
        let mut budget = TailBudget::new(10_000);

        for base in 0..5_000 {
            budget.fill(&log, vec![batch(base, 0, &["a"], 10)]);
            if base % 2 == 0 {
                budget.forget(&log);
            }
        }
        budget.fill(&log, (5_000..5_100).map(|base| batch(base, 0, &["a"], 10)).collect());

        let tail = lock(&log.0.tail);
        let held: usize = tail.0.iter().map(cost).sum();
        assert_eq!(held, budget.bytes);
        assert!(held <= 10_000 && budget.order.len() <= tail.0.len() + STALE_MIN);
        assert_eq!(tail.0.back().map(|batch| batch.header.base_offset), Some(5_099));
    }
}
