//! What a partition remembers of idempotent producers: KIP-98's window of five batches.
//!
//! Rules and codes are those of Kafka's `ProducerAppendInfo` and `ProducerStateEntry`.

use super::ProduceError;
use crate::storage::{ProducerBatch, ProducerEntry};
use crate::types::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::{BatchHeader, sequence_after};
use std::collections::BTreeMap;

/// Producers that one partition remembers; past it the longest silent ones are forgotten, as if
/// they had expired. A guard against clients that take a new id for each batch.
const PRODUCERS_MAX: usize = 100_000;

/// What a batch of an idempotent producer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// The next one: append it.
    Fresh,
    /// Sent again: answer as the first time.
    Duplicate(ProducerBatch),
}

/// A producer as DescribeProducers tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Who.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// Sequence of its last record, unless that epoch has sent none.
    pub last_sequence: Option<i32>,
    /// Timestamp of its last batch in ms.
    pub last_timestamp: i64,
    /// First offset of its open transaction.
    pub open_transaction: Option<Offset>,
}

impl ActiveProducer {
    fn of(entry: &ProducerEntry) -> Self {
        Self {
            producer_id: entry.producer_id,
            epoch: entry.epoch,
            last_sequence: entry.batches.back().map(|batch| batch.last_sequence),
            last_timestamp: entry.last_timestamp,
            open_transaction: entry.open_transaction,
        }
    }
}

/// All producers that a partition knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProducerTable {
    producers: BTreeMap<ProducerId, ProducerEntry>,
}

impl ProducerTable {
    /// A table with what storage remembers.
    #[must_use]
    pub fn restore(entries: Vec<ProducerEntry>) -> Self {
        Self { producers: entries.into_iter().map(|entry| (entry.producer_id, entry)).collect() }
    }

    /// What storage shall remember.
    #[must_use]
    pub fn snapshot(&self) -> Vec<ProducerEntry> {
        self.producers.values().cloned().collect()
    }

    /// Everyone who is remembered, by id.
    #[must_use]
    pub fn active(&self) -> Vec<ActiveProducer> {
        self.producers.values().map(ActiveProducer::of).collect()
    }

    /// Whether nobody is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.producers.len()
    }

    /// Looks whether a batch is next, a duplicate, or out of order. `header` has a producer id.
    pub(super) fn check(&self, header: &BatchHeader) -> Result<Sequence, ProduceError> {
        let epoch = header.producer_epoch;
        if epoch < 0 {
            return Err(ProduceError::InvalidProducerEpoch { current: -1, given: epoch });
        }
        let Some(state) = self.producers.get(&ProducerId(header.producer_id)) else {
            // Expired, deleted, or never seen: any sequence will do.
            return Ok(Sequence::Fresh);
        };
        let current = state.epoch.0;
        if epoch < current {
            return Err(ProduceError::InvalidProducerEpoch { current, given: epoch });
        }
        let (first, last) = (header.base_sequence, header.last_sequence());
        if epoch > current {
            return if first == 0 {
                Ok(Sequence::Fresh)
            } else {
                Err(ProduceError::OutOfOrderSequence { expected: 0, given: first })
            };
        }
        let same =
            |batch: &&ProducerBatch| batch.first_sequence == first && batch.last_sequence == last;
        if let Some(batch) = state.batches.iter().find(same) {
            return Ok(Sequence::Duplicate(*batch));
        }
        match state.batches.back() {
            Some(batch) if sequence_after(batch.last_sequence, 1) != first => {
                let expected = sequence_after(batch.last_sequence, 1);
                Err(ProduceError::OutOfOrderSequence { expected, given: first })
            }
            _ => Ok(Sequence::Fresh),
        }
    }

    /// Remembers a batch that has its place in the log, at `base`.
    pub fn remember(&mut self, header: &BatchHeader, base: Offset) {
        let id = ProducerId(header.producer_id);
        if self.producers.len() >= PRODUCERS_MAX && !self.producers.contains_key(&id) {
            self.forget_silent();
        }
        let placed = BatchHeader { base_offset: base.to_wire(), ..*header };
        self.producers.entry(id).or_insert_with(|| ProducerEntry::new(header)).remember(&placed);
    }

    /// Forgets producers whose latest batch is older than `expiration_ms`.
    pub(super) fn expire(&mut self, now: Timestamp, expiration_ms: i64) {
        self.producers
            .retain(|_, state| now.0.saturating_sub(state.last_timestamp) < expiration_ms);
    }

    /// Forgets the tenth that has been silent for longest.
    fn forget_silent(&mut self) {
        let mut times: Vec<i64> = self.producers.values().map(|s| s.last_timestamp).collect();
        times.sort_unstable();
        let Some(bound) = times.get(PRODUCERS_MAX / 10).copied() else { return };
        self.producers.retain(|_, state| state.last_timestamp > bound);
    }
}
