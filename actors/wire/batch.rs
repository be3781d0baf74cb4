//! Record batch v2: a view of its header, and the 16 bytes that a leader writes anew.
//!
//! | at | field | |
//! |---|---|---|
//! | 0 i64 | base offset | given by the leader, outside the CRC |
//! | 8 i32 | length of what follows this field | |
//! | 12 i32 | partition leader epoch | given by the leader, outside the CRC |
//! | 16 i8 | magic | 2 |
//! | 17 u32 | CRC-32C of bytes 21 to the end | |
//! | 21 i16 | attributes: 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon | |
//! | 23 i32 | last offset delta | |
//! | 27 i64 | base timestamp (the delete horizon where bit 6 is set) | |
//! | 35 i64 | max timestamp | |
//! | 43 i64, 51 i16, 53 i32 | producer id, producer epoch, base sequence | -1 without idempotence |
//! | 57 i32 | record count | |
//! | 61 | records, compressed as a whole by the codec | |

use crate::types::{LeaderEpoch, Offset};
use bytes::{Bytes, BytesMut};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Bytes before the records.
pub const HEADER_BYTES: usize = 61;
/// Bytes before and within the length field; the length counts what follows.
pub const LENGTH_END: usize = 12;
/// Where the CRC's range begins.
pub const CRC_FROM: usize = 21;
/// Bytes at the front that the leader writes: base offset, length, leader epoch.
pub const PREFIX_BYTES: usize = 16;

/// Attribute bits of a batch.
pub mod attribute {
    /// The codec's number.
    pub const CODEC: i16 = 0b111;
    /// Timestamps were set by the broker.
    pub const LOG_APPEND_TIME: i16 = 1 << 3;
    /// Part of a transaction.
    pub const TRANSACTIONAL: i16 = 1 << 4;
    /// Holds a marker, not records.
    pub const CONTROL: i16 = 1 << 5;
    /// The base timestamp is the time after which tombstones may go.
    pub const DELETE_HORIZON: i16 = 1 << 6;
}

/// Why bytes are no batch header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Fewer than 61 bytes.
    Short,
    /// The length is below that of a header.
    Length(i32),
    /// Not magic 2.
    Magic(u8),
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "record batch ends within its header"),
            Self::Length(length) => write!(f, "record batch claims a length of {length} bytes"),
            Self::Magic(magic) => write!(f, "record batch has magic {magic}, expected 2"),
        }
    }
}

impl std::error::Error for HeaderError {}

/// The fixed fields of a batch, as they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; 0 from a client.
    pub base_offset: i64,
    /// The whole batch, header included, in bytes.
    pub size_bytes: usize,
    /// Epoch of the leader that wrote it.
    pub leader_epoch: i32,
    /// CRC-32C of bytes 21 to the end.
    pub crc: u32,
    /// See [`attribute`].
    pub attributes: i16,
    /// Offset of the last record, counted from the base offset.
    pub last_offset_delta: i32,
    /// Timestamp that the records' deltas count from, in ms.
    pub base_timestamp: i64,
    /// Largest timestamp of the records, in ms.
    pub max_timestamp: i64,
    /// Producer id, or -1.
    pub producer_id: i64,
    /// Producer epoch, or -1.
    pub producer_epoch: i16,
    /// Sequence of the first record, or -1.
    pub base_sequence: i32,
    /// Records in it; after compaction fewer than the offsets it spans.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`. Checks magic and length, not the CRC, nor that
    /// the whole batch is there.
    ///
    /// # Errors
    /// Too few bytes, another magic, a length that cannot be.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(HeaderError::Short)?;
        let magic = header[16];
        if magic != 2 {
            return Err(HeaderError::Magic(magic));
        }
        let length = i32::from_be_bytes(field(header, 8));
        let size_bytes = usize::try_from(length).unwrap_or(0).saturating_add(LENGTH_END);
        if size_bytes < HEADER_BYTES {
            return Err(HeaderError::Length(length));
        }
        Ok(Self {
            base_offset: i64::from_be_bytes(field(header, 0)),
            size_bytes,
            leader_epoch: i32::from_be_bytes(field(header, 12)),
            crc: u32::from_be_bytes(field(header, 17)),
            attributes: i16::from_be_bytes(field(header, 21)),
            last_offset_delta: i32::from_be_bytes(field(header, 23)),
            base_timestamp: i64::from_be_bytes(field(header, 27)),
            max_timestamp: i64::from_be_bytes(field(header, 35)),
            producer_id: i64::from_be_bytes(field(header, 43)),
            producer_epoch: i16::from_be_bytes(field(header, 51)),
            base_sequence: i32::from_be_bytes(field(header, 53)),
            record_count: i32::from_be_bytes(field(header, 57)),
        })
    }

    /// Number of the codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd; 5 to 7 are unknown.
    #[must_use]
    pub const fn codec(&self) -> i16 {
        self.attributes & attribute::CODEC
    }

    /// Whether timestamps were set by the broker.
    #[must_use]
    pub const fn is_log_append_time(&self) -> bool {
        self.attributes & attribute::LOG_APPEND_TIME != 0
    }

    /// Whether it is part of a transaction.
    #[must_use]
    pub const fn is_transactional(&self) -> bool {
        self.attributes & attribute::TRANSACTIONAL != 0
    }

    /// Whether it holds a marker instead of records.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.attributes & attribute::CONTROL != 0
    }

    /// Whether its base timestamp is the time after which its tombstones may go.
    #[must_use]
    pub const fn has_delete_horizon(&self) -> bool {
        self.attributes & attribute::DELETE_HORIZON != 0
    }

    /// Offset of the last record.
    #[must_use]
    pub const fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(self.last_offset_delta as i64)
    }

    /// The offset after the last record.
    #[must_use]
    pub const fn next_offset(&self) -> Offset {
        Offset::clamped(self.last_offset().saturating_add(1))
    }

    /// Sequence of the last record; sequences wrap from the largest i32 to 0.
    #[must_use]
    pub const fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        sequence_after(self.base_sequence, self.last_offset_delta)
    }
}

/// The sequence `count` further on, wrapping from the largest i32 to 0 as Kafka's producers do.
#[must_use]
pub const fn sequence_after(sequence: i32, count: i32) -> i32 {
    sequence.wrapping_add(count) & i32::MAX
}

/// CRC-32C of a batch's checked range; `batch` is one whole batch.
#[must_use]
pub fn crc_of(batch: &[u8]) -> u32 {
    let checked = batch.get(CRC_FROM..).unwrap_or_default();
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, checked);
    u32::try_from(crc).unwrap_or(u32::MAX)
}

fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut value = [0; N];
    if let Some(bytes) = header.get(at..at + N) {
        value.copy_from_slice(bytes);
    }
    value
}

/// A batch in its place in the log: 16 bytes from the leader, then the producer's own, not copied.
#[derive(Clone, Debug)]
pub struct StampedBatch {
    /// The header, with the base offset and leader epoch given here.
    pub header: BatchHeader,
    prefix: [u8; PREFIX_BYTES],
    rest: Bytes,
    hold: Option<Hold>,
}

/// What counts a request's memory: given back when nobody has it any more.
pub type Hold = Arc<dyn Any + Send + Sync>;

impl StampedBatch {
    /// Gives `batch`, whose header was read as `header`, its place. `batch` holds exactly
    /// `header.size_bytes`.
    #[must_use]
    pub fn new(header: BatchHeader, batch: &Bytes, base: Offset, epoch: LeaderEpoch) -> Self {
        assert_eq!(batch.len(), header.size_bytes, "a batch and its header disagree in size");
        let header = BatchHeader { base_offset: base.to_wire(), leader_epoch: epoch.0, ..header };
        let mut prefix = [0; PREFIX_BYTES];
        prefix[..8].copy_from_slice(&header.base_offset.to_be_bytes());
        prefix[8..12].copy_from_slice(batch.get(8..12).unwrap_or(&[0; 4]));
        prefix[12..].copy_from_slice(&header.leader_epoch.to_be_bytes());
        Self { header, prefix, rest: batch.slice(PREFIX_BYTES..), hold: None }
    }

    /// Keeps the memory counted that the batch lies in, until it is released or gone.
    #[must_use]
    pub fn holding(self, hold: Option<Hold>) -> Self {
        Self { hold, ..self }
    }

    /// Counts the memory no longer: from here on it is the cache's.
    pub fn release(&mut self) {
        self.hold = None;
    }

    /// The first 16 bytes.
    #[must_use]
    pub const fn prefix(&self) -> &[u8; PREFIX_BYTES] {
        &self.prefix
    }

    /// Everything behind the first 16 bytes.
    #[must_use]
    pub const fn rest(&self) -> &Bytes {
        &self.rest
    }

    /// The whole batch in one piece; copies it.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.header.size_bytes);
        whole.extend_from_slice(&self.prefix);
        whole.extend_from_slice(&self.rest);
        whole.freeze()
    }
}

#[cfg(test)]
#[path = "batch_test.rs"]
mod tests;
