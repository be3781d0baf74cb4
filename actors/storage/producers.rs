//! What a log knows about its idempotent producers: the snapshot, and how headers advance it.

use crate::types::{Offset, ProducerEpoch, ProducerId};
use crate::wire::BatchHeader;
use bincode::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};

/// Batches remembered for each producer, as in Kafka's `ProducerStateEntry`.
pub const PRODUCER_BATCHES_MAX: usize = 5;

/// One of the last batches of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerBatch {
    /// Sequence of its first record.
    pub first_sequence: i32,
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Offset of its first record.
    pub first_offset: Offset,
    /// Offset of its last record.
    pub last_offset: Offset,
    /// Its largest timestamp in ms.
    pub timestamp: i64,
}

/// State of one producer at some offset of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerEntry {
    /// Who.
    pub producer_id: ProducerId,
    /// Its newest epoch.
    pub epoch: ProducerEpoch,
    /// Its last batches, oldest first, at most [`PRODUCER_BATCHES_MAX`].
    pub batches: VecDeque<ProducerBatch>,
    /// Timestamp of its last batch in ms; decides when it expires.
    pub last_timestamp: i64,
    /// First offset of its open transaction.
    pub open_transaction: Option<Offset>,
}

impl ProducerEntry {
    /// The producer of a batch, before that batch.
    #[must_use]
    pub const fn new(header: &BatchHeader) -> Self {
        Self {
            producer_id: ProducerId(header.producer_id),
            epoch: ProducerEpoch(header.producer_epoch),
            batches: VecDeque::new(),
            last_timestamp: header.max_timestamp,
            open_transaction: None,
        }
    }

    /// Takes its next batch, which has its place in the log: the header says where.
    pub fn remember(&mut self, header: &BatchHeader) {
        if self.epoch.0 != header.producer_epoch {
            self.epoch = ProducerEpoch(header.producer_epoch);
            self.batches.clear();
        }
        self.last_timestamp = header.max_timestamp;
        if header.is_control() {
            self.open_transaction = None;
            return;
        }
        let base = Offset::clamped(header.base_offset);
        if header.is_transactional() && self.open_transaction.is_none() {
            self.open_transaction = Some(base);
        }
        if self.batches.len() == PRODUCER_BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back(ProducerBatch {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            first_offset: base,
            last_offset: Offset::clamped(header.last_offset()),
            timestamp: header.max_timestamp,
        });
    }
}

/// What a partition starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveredState {
    /// The producers at the log's end, by id.
    pub producers: Vec<ProducerEntry>,
}

/// Producers while headers go by.
#[derive(Debug, Default)]
pub(super) struct ProducerScan(BTreeMap<i64, ProducerEntry>);

impl ProducerScan {
    pub(super) fn from_entries(entries: Vec<ProducerEntry>) -> Self {
        Self(entries.into_iter().map(|entry| (entry.producer_id.0, entry)).collect())
    }

    /// Takes the next batch of the log.
    pub(super) fn take(&mut self, header: &BatchHeader) {
        if header.producer_id < 0 {
            return;
        }
        self.0
            .entry(header.producer_id)
            .or_insert_with(|| ProducerEntry::new(header))
            .remember(header);
    }

    pub(super) fn into_entries(self) -> Vec<ProducerEntry> {
        self.0.into_values().collect()
    }
}

/// Version byte of a stored snapshot.
const SNAPSHOT_VERSION: u8 = 1;

#[derive(Encode, Decode)]
struct StoredBatch(i32, i32, i64, i64, i64);

#[derive(Encode, Decode)]
struct StoredProducer {
    producer_id: i64,
    epoch: i16,
    last_timestamp: i64,
    open_transaction: Option<i64>,
    batches: Vec<StoredBatch>,
}

/// A snapshot as its row: a version byte, then bincode.
pub(super) fn encode(entries: Vec<ProducerEntry>) -> Vec<u8> {
    let stored: Vec<_> = entries.into_iter().map(stored).collect();
    let mut row = vec![SNAPSHOT_VERSION];
    match bincode::encode_to_vec(&stored, bincode::config::standard()) {
        Ok(bytes) => row.extend_from_slice(&bytes),
        // A row that will not decode is a snapshot that is not there: the log is read instead.
        Err(error) => log::error!(error:%; "could not encode a producer snapshot"),
    }
    row
}

/// The reverse; `None` for a row of another version or a damaged one: the log is read instead.
pub(super) fn decode(row: &[u8]) -> Option<Vec<ProducerEntry>> {
    let (&SNAPSHOT_VERSION, bytes) = row.split_first()? else {
        return None;
    };
    let (stored, _): (Vec<StoredProducer>, usize) =
        bincode::decode_from_slice(bytes, bincode::config::standard()).ok()?;
    Some(stored.into_iter().map(entry).collect())
}

fn stored(entry: ProducerEntry) -> StoredProducer {
    StoredProducer {
        producer_id: entry.producer_id.0,
        epoch: entry.epoch.0,
        last_timestamp: entry.last_timestamp,
        open_transaction: entry.open_transaction.map(Offset::to_wire),
        batches: entry
            .batches
            .into_iter()
            .map(|batch| {
                StoredBatch(
                    batch.first_sequence,
                    batch.last_sequence,
                    batch.first_offset.to_wire(),
                    batch.last_offset.to_wire(),
                    batch.timestamp,
                )
            })
            .collect(),
    }
}

fn entry(stored: StoredProducer) -> ProducerEntry {
    ProducerEntry {
        producer_id: ProducerId(stored.producer_id),
        epoch: ProducerEpoch(stored.epoch),
        last_timestamp: stored.last_timestamp,
        open_transaction: stored.open_transaction.map(Offset::clamped),
        batches: stored
            .batches
            .into_iter()
            .map(|StoredBatch(first_sequence, last_sequence, first, last, timestamp)| {
                ProducerBatch {
                    first_sequence,
                    last_sequence,
                    first_offset: Offset::clamped(first),
                    last_offset: Offset::clamped(last),
                    timestamp,
                }
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_reads_back_as_it_was_written() {
        let batch = ProducerBatch {
            first_sequence: 3,
            last_sequence: 7,
            first_offset: Offset::clamped(100),
            last_offset: Offset::clamped(104),
            timestamp: -1,
        };
        let entries = vec![ProducerEntry {
            producer_id: ProducerId(9),
            epoch: ProducerEpoch(2),
            batches: VecDeque::from([batch]),
            last_timestamp: 55,
            open_transaction: Some(Offset::clamped(100)),
        }];

        assert_eq!(decode(&encode(entries.clone())), Some(entries));
    }

    #[test]
    fn a_snapshot_of_another_version_is_not_there() {
        let mut row = encode(Vec::new());
        row[0] = 2;

        assert_eq!(decode(&row), None);
    }
}
