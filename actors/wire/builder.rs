//! Builds a record batch: for the broker's own topics and logs, for compaction, for tests.

use super::batch::{BatchHeader, HEADER_BYTES, LENGTH_END, attribute, crc_of};
use super::compression::{CompressionError, compress};
use super::records::{Header, Record};
use crate::types::{Codec, CompressionTarget, LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use bytes::Bytes;

/// Record timestamp of a record that has none.
pub const NO_TIMESTAMP: i64 = -1;

/// A batch that is being written. Records follow each other at consecutive offsets, from the base
/// offset on, unless `record_at` leaves gaps.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    base_offset: i64,
    leader_epoch: i32,
    attributes: i16,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp: Option<i64>,
    max_timestamp: i64,
    fixed_max_timestamp: Option<i64>,
    last_offset_delta: Option<i32>,
    next_offset_delta: i32,
    record_count: i32,
    records: Vec<u8>,
    body: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchBuilder {
    /// An empty batch at offset 0, of leader epoch -1, CreateTime, without a producer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            base_offset: 0,
            leader_epoch: -1,
            attributes: 0,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            base_timestamp: None,
            max_timestamp: NO_TIMESTAMP,
            fixed_max_timestamp: None,
            last_offset_delta: None,
            next_offset_delta: 0,
            record_count: 0,
            records: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A batch that takes the place of another: same base and last offset, producer, epoch,
    /// timestamp type and flags. Its records are to be added with [`BatchBuilder::record_at`].
    #[must_use]
    pub(super) fn replacing(header: &BatchHeader) -> Self {
        Self {
            base_offset: header.base_offset,
            leader_epoch: header.leader_epoch,
            attributes: header.attributes & !(attribute::CODEC | attribute::DELETE_HORIZON),
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            fixed_max_timestamp: header.is_log_append_time().then_some(header.max_timestamp),
            last_offset_delta: Some(header.last_offset_delta),
            ..Self::new()
        }
    }

    /// Puts its first record at `offset`.
    #[must_use]
    pub const fn with_base_offset(mut self, offset: Offset) -> Self {
        self.base_offset = offset.to_wire();
        self
    }

    /// Names the epoch of the leader that writes it.
    #[must_use]
    pub const fn with_leader_epoch(mut self, epoch: LeaderEpoch) -> Self {
        self.leader_epoch = epoch.0;
        self
    }

    /// Names its producer; `base_sequence` is that of the first record, -1 for markers.
    #[must_use]
    pub const fn with_producer(
        mut self,
        id: ProducerId,
        epoch: ProducerEpoch,
        base_sequence: i32,
    ) -> Self {
        self.producer_id = id.0;
        self.producer_epoch = epoch.0;
        self.base_sequence = base_sequence;
        self
    }

    /// Makes it part of a transaction.
    #[must_use]
    pub const fn transactional(mut self) -> Self {
        self.attributes |= attribute::TRANSACTIONAL;
        self
    }

    /// Makes it hold a marker instead of records.
    #[must_use]
    pub const fn control(mut self) -> Self {
        self.attributes |= attribute::CONTROL;
        self
    }

    /// Gives all records the broker's time, in ms, whatever timestamps they are added with.
    #[must_use]
    pub const fn with_log_append_time(mut self, timestamp: i64) -> Self {
        self.attributes |= attribute::LOG_APPEND_TIME;
        self.fixed_max_timestamp = Some(timestamp);
        self
    }

    /// Gives the batch this max timestamp, in ms, whatever its records have.
    #[must_use]
    pub(super) const fn with_max_timestamp(mut self, timestamp: i64) -> Self {
        self.fixed_max_timestamp = Some(timestamp);
        self
    }

    /// Records when tombstones in it may go, in ms since 1970 (KIP-534). Before the first record.
    #[must_use]
    pub(super) fn with_delete_horizon(mut self, delete_horizon_ms: i64) -> Self {
        assert_eq!(self.record_count, 0, "a delete horizon is set before the first record");
        self.attributes |= attribute::DELETE_HORIZON;
        self.base_timestamp = Some(delete_horizon_ms);
        self
    }

    /// Adds a record at the next offset. `timestamp` in ms since 1970, -1 for none.
    pub fn record(&mut self, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.record_with_headers(timestamp, key, value, &[]);
    }

    /// Adds a record with headers at the next offset.
    pub fn record_with_headers(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) {
        self.begin(timestamp, self.next_offset_delta, key, value);
        put_length(&mut self.body, Some(headers.len()));
        for header in headers {
            put_header(&mut self.body, *header);
        }
        self.end();
    }

    /// Adds a copy of `record`, which had `timestamp`, at the offset that it has by its delta.
    pub(super) fn record_at(&mut self, timestamp: i64, record: &Record<'_>) {
        self.begin(timestamp, record.offset_delta, record.key, record.value);
        put_length(&mut self.body, Some(record.headers().count()));
        for header in record.headers() {
            put_header(&mut self.body, header);
        }
        self.end();
    }

    fn begin(&mut self, timestamp: i64, delta: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        let base = *self.base_timestamp.get_or_insert(timestamp);
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.next_offset_delta = delta.saturating_add(1);
        self.record_count = self.record_count.saturating_add(1);
        self.body.clear();
        self.body.push(0);
        put_varlong(&mut self.body, timestamp.wrapping_sub(base));
        put_varlong(&mut self.body, i64::from(delta));
        put_bytes(&mut self.body, key);
        put_bytes(&mut self.body, value);
    }

    fn end(&mut self) {
        put_length(&mut self.records, Some(self.body.len()));
        self.records.extend_from_slice(&self.body);
    }

    /// Whether it has no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.record_count == 0
    }

    /// Records so far.
    #[must_use]
    pub const fn record_count(&self) -> i32 {
        self.record_count
    }

    /// Bytes of the batch as it stands, uncompressed.
    #[must_use]
    pub const fn size_bytes(&self) -> usize {
        HEADER_BYTES + self.records.len()
    }

    /// The finished batch, uncompressed.
    #[must_use]
    pub fn build(self) -> Bytes {
        self.finish(Codec::None, &self.records)
    }

    /// The finished batch, compressed.
    ///
    /// # Errors
    /// The codec fails.
    pub fn build_compressed(self, target: CompressionTarget) -> Result<Bytes, CompressionError> {
        if matches!(target.codec, Codec::None) {
            return Ok(self.build());
        }
        let packed = compress(target.codec, target.level, &self.records)?;
        Ok(self.finish(target.codec, &packed))
    }

    fn finish(&self, codec: Codec, records: &[u8]) -> Bytes {
        let size = HEADER_BYTES + records.len();
        let length = i32::try_from(size - LENGTH_END).unwrap_or(i32::MAX);
        assert!(length < i32::MAX, "a batch of {size} bytes is larger than a batch may be");
        let last_offset_delta =
            self.last_offset_delta.unwrap_or_else(|| self.next_offset_delta.saturating_sub(1));
        let mut batch = Vec::with_capacity(size);
        batch.extend_from_slice(&self.base_offset.to_be_bytes());
        batch.extend_from_slice(&length.to_be_bytes());
        batch.extend_from_slice(&self.leader_epoch.to_be_bytes());
        batch.push(2);
        batch.extend_from_slice(&[0; 4]);
        batch.extend_from_slice(&(self.attributes | codec.id()).to_be_bytes());
        batch.extend_from_slice(&last_offset_delta.to_be_bytes());
        batch.extend_from_slice(&self.base_timestamp.unwrap_or(NO_TIMESTAMP).to_be_bytes());
        let max_timestamp = self.fixed_max_timestamp.unwrap_or(self.max_timestamp);
        batch.extend_from_slice(&max_timestamp.to_be_bytes());
        batch.extend_from_slice(&self.producer_id.to_be_bytes());
        batch.extend_from_slice(&self.producer_epoch.to_be_bytes());
        batch.extend_from_slice(&self.base_sequence.to_be_bytes());
        batch.extend_from_slice(&self.record_count.to_be_bytes());
        batch.extend_from_slice(records);
        seal(&mut batch);
        Bytes::from(batch)
    }
}

/// Writes the CRC of a whole batch into its place, and gives it back.
pub(super) fn seal(batch: &mut [u8]) -> u32 {
    let crc = crc_of(batch);
    if let Some(place) = batch.get_mut(17..21) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
    crc
}

fn put_varlong(to: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        to.push(low_seven(rest) | 0x80);
        rest >>= 7;
    }
    to.push(low_seven(rest));
}

const fn low_seven(value: u64) -> u8 {
    (value & 0x7f).to_le_bytes()[0]
}

/// A length; none is null, written as -1.
fn put_length(to: &mut Vec<u8>, length: Option<usize>) {
    put_varlong(to, length.map_or(-1, |length| i64::try_from(length).unwrap_or(i64::MAX)));
}

fn put_bytes(to: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_length(to, bytes.map(<[u8]>::len));
    to.extend_from_slice(bytes.unwrap_or_default());
}

fn put_header(to: &mut Vec<u8>, header: Header<'_>) {
    put_bytes(to, Some(header.key));
    put_bytes(to, header.value);
}
