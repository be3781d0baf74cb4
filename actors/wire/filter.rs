//! Rewrites a batch with fewer records, as compaction needs it (`MemoryRecords.filterTo`).
//!
//! What stays: base offset, last offset, producer, epoch and sequence, timestamp type, flags,
//! codec; for the offsets that are gone must not be given again, and a producer's last sequence
//! must be found. What changes: record count, records, max timestamp (CreateTime), the delete
//! horizon where one is set for the first time, length and CRC.

use super::batch::{BatchHeader, HEADER_BYTES};
use super::builder::BatchBuilder;
use super::records::{PlacedRecord, Records, RecordsError};
use crate::types::{Codec, CompressionTarget};
use bytes::Bytes;

/// What to do with a batch beside dropping records.
#[derive(Clone, Copy, Debug)]
pub struct FilterRules {
    /// When a batch without records still stays: it is the last of an active producer, or of the
    /// log (`BatchRetention.RETAIN_EMPTY`).
    pub retain_empty: bool,
    /// Set as the time after which tombstones may go, in ms since 1970, on batches that hold
    /// tombstones and have no such time yet: now + `delete.retention.ms` (KIP-534).
    pub delete_horizon_ms: i64,
    /// The batch is the marker of a transaction whose records are all gone, so it gets a delete
    /// horizon as a tombstone does.
    pub is_marker_of_empty_transaction: bool,
    /// Most bytes that may come out of a compressed batch.
    pub decompressed_bytes_max: usize,
}

/// What a batch has become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filtered {
    /// Every record stays, and so do the bytes.
    Unchanged,
    /// A new batch in its place: with fewer records, or with a delete horizon, or empty.
    Rewritten(Bytes),
    /// Nothing of it stays.
    Gone,
}

/// Drops the records of `batch` (one whole batch) for which `keep` says no.
///
/// # Errors
/// The batch cannot be read; it had better be kept as it is.
pub fn filter_batch(
    batch: &[u8],
    rules: &FilterRules,
    mut keep: impl FnMut(&BatchHeader, &PlacedRecord<'_>) -> bool,
) -> Result<Filtered, RecordsError> {
    let records = Records::open(batch, rules.decompressed_bytes_max)?;
    let header = records.header;
    let mut kept = Vec::new();
    let mut has_tombstone = false;
    let mut is_whole = true;
    for placed in records.iter() {
        let placed = placed?;
        if keep(&header, &placed) {
            has_tombstone |= placed.record.value.is_none();
            kept.push(placed);
        } else {
            is_whole = false;
        }
    }
    if kept.is_empty() {
        return Ok(if rules.retain_empty {
            // An empty batch that stays is as it should be already.
            if header.record_count == 0 && batch.len() == HEADER_BYTES {
                return Ok(Filtered::Unchanged);
            }
            Filtered::Rewritten(empty_batch(&header))
        } else {
            Filtered::Gone
        });
    }
    let needs_horizon =
        (has_tombstone || rules.is_marker_of_empty_transaction) && !header.has_delete_horizon();
    if is_whole && !needs_horizon {
        return Ok(Filtered::Unchanged);
    }
    let mut builder = BatchBuilder::replacing(&header);
    if needs_horizon {
        builder = builder.with_delete_horizon(rules.delete_horizon_ms);
    } else if header.has_delete_horizon() {
        builder = builder.with_delete_horizon(header.base_timestamp);
    }
    for placed in &kept {
        builder.record_at(placed.timestamp, &placed.record);
    }
    let codec = Codec::from_attributes(header.attributes)
        .ok_or_else(|| RecordsError::UnknownCodec(header.codec()))?;
    let batch = builder.build_compressed(CompressionTarget::with_default_level(codec))?;
    Ok(Filtered::Rewritten(batch))
}

/// A batch without records that keeps the offsets and the sequence of another
/// (`DefaultRecordBatch.writeEmptyHeader`).
fn empty_batch(header: &BatchHeader) -> Bytes {
    BatchBuilder::replacing(header).with_max_timestamp(header.max_timestamp).build()
}

#[cfg(test)]
#[path = "filter_test.rs"]
mod tests;
