//! What a leader checks of a produced batch, in Kafka's order and with its codes
//! (`ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords`, `LogValidator`).
//!
//! A good batch is not copied: what comes back is a slice of the request's frame. It is copied
//! where its attributes, its max timestamp or its codec have to change.

use super::batch::{BatchHeader, CRC_FROM, HEADER_BYTES, LENGTH_END, attribute, crc_of};
use super::batch_error::BatchError;
use super::builder::{BatchBuilder, NO_TIMESTAMP, seal};
use super::records::{PlacedRecord, Records};
use crate::types::{Codec, CompressionTarget, ErrorCode, Timestamp, TimestampType};
use bytes::{Bytes, BytesMut};
use std::fmt;

/// A compressed batch may hold this many times `max.message.bytes`, or
/// [`DECOMPRESSED_BYTES_MIN`] where that is more: enough for what compresses well, too little for
/// a bomb.
pub const DECOMPRESSION_RATIO_MAX: usize = 16;
/// A compressed batch may always hold this many bytes, however small `max.message.bytes` is.
pub const DECOMPRESSED_BYTES_MIN: usize = 16 * 1024 * 1024;
/// No compressed batch may hold more, for lengths of the protocol reach no further. What is stored
/// was held to its topic's bound when it was taken, which may have been another than today's: it is
/// opened up to here.
pub const DECOMPRESSED_BYTES_MAX: usize = i32::MAX as usize;
/// Most record errors in one answer: each is a text, and a batch of a megabyte may hold 100,000
/// bad records.
const RECORD_ERRORS_MAX: usize = 10_000;

/// Kafka's smallest length of any record batch or message, magic 0 included; less is corrupt.
const LENGTH_MIN: i32 = 14;
/// First Produce version that may carry zstd (KIP-110).
const ZSTD_PRODUCE_VERSION: i16 = 7;
/// Bytes up to and with the magic byte.
const MAGIC_END: usize = 17;

/// What a partition's topic and the request ask of a batch.
#[derive(Clone, Copy, Debug)]
pub struct ProduceRules {
    /// Version of the Produce request; zstd needs 7.
    pub produce_version: i16,
    /// `max.message.bytes`: the largest batch, compressed, header included.
    pub max_message_bytes: i32,
    /// `segment.bytes`.
    pub segment_bytes: i32,
    /// Whether `cleanup.policy` holds `compact`, so that every record needs a key.
    pub is_compacted: bool,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`.
    pub before_max_ms: i64,
    /// `message.timestamp.after.max.ms`.
    pub after_max_ms: i64,
    /// `compression.type`; none stands for `producer`: as it was sent.
    pub compression_type: Option<CompressionTarget>,
    /// The broker's time.
    pub now: Timestamp,
}

impl ProduceRules {
    fn decompressed_bytes_max(&self) -> usize {
        usize::try_from(self.max_message_bytes)
            .unwrap_or(0)
            .saturating_mul(DECOMPRESSION_RATIO_MAX)
            .clamp(DECOMPRESSED_BYTES_MIN, DECOMPRESSED_BYTES_MAX)
    }
}

/// A batch that a leader may append.
#[derive(Clone, Debug)]
pub struct CheckedBatch {
    /// Its header, as it stands in `batch`.
    pub header: BatchHeader,
    /// The batch, exactly.
    pub batch: Bytes,
    /// Where the first record with the max timestamp is, from the base offset on; -1 where no
    /// record has a timestamp.
    pub max_timestamp_offset_delta: i32,
    /// The timestamp that the broker gave to all records, in ms; none with CreateTime.
    pub log_append_time: Option<i64>,
}

/// Checks what a producer sent for one partition.
///
/// # Errors
/// The first rule it breaks, in Kafka's order.
pub fn check_batch(records: Option<&Bytes>, rules: &ProduceRules) -> Result<CheckedBatch, Refused> {
    let records = records.ok_or(BatchError::NoBatch)?;
    let batch = single_batch(records, rules.produce_version)?;
    let header = check_as_log(&batch, rules)?;
    check_counts(&header)?;
    let opened =
        Records::open(&batch, rules.decompressed_bytes_max()).map_err(BatchError::of_records)?;
    let facts = walk(&opened, rules)?;
    let (header, batch) = match rules.compression_type {
        Some(target) if target.codec.id() != header.codec() => recompress(&opened, target, rules)?,
        Some(_) | None => restamp(header, batch, facts, rules),
    };
    check_size(header.size_bytes, rules.max_message_bytes)?;
    if header.size_bytes > usize::try_from(rules.segment_bytes).unwrap_or(0) {
        let (bytes, max) = (header.size_bytes, rules.segment_bytes);
        return Err(BatchError::BeyondSegment { bytes, max }.into());
    }
    Ok(match rules.timestamp_type {
        TimestampType::CreateTime => CheckedBatch {
            header,
            batch,
            max_timestamp_offset_delta: facts.max_timestamp_offset_delta,
            log_append_time: None,
        },
        TimestampType::LogAppendTime => CheckedBatch {
            header,
            batch,
            max_timestamp_offset_delta: 0,
            log_append_time: Some(rules.now.0),
        },
    })
}

/// The one batch of a partition's records, without the bytes behind it that are none.
fn single_batch(records: &Bytes, produce_version: i16) -> Result<Bytes, Refused> {
    let (size, magic) = next_batch(records)?.ok_or(BatchError::NoBatch)?;
    if magic < 2 {
        return Err(BatchError::OldMagic(magic).into());
    }
    if produce_version < ZSTD_PRODUCE_VERSION {
        // The low byte of the attributes; a batch too short for it is refused as corrupt below.
        let attributes = records.get(CRC_FROM + 1).copied().map_or(0, i16::from);
        match Codec::from_attributes(attributes) {
            Some(Codec::Zstd) => return Err(BatchError::ZstdTooEarly(produce_version).into()),
            Some(_) => {}
            None => {
                let codec = attributes & attribute::CODEC;
                let refused = Refused::from(BatchError::UnknownCodec(codec));
                return Err(Refused { by_log: false, ..refused });
            }
        }
    }
    let rest = records.get(size..).unwrap_or_default();
    if next_batch(rest)?.is_some() {
        return Err(BatchError::SeveralBatches.into());
    }
    Ok(records.slice(..size))
}

/// Size and magic of the batch at the front; none where too few bytes are there for a whole one
/// (`ByteBufferLogInputStream.nextBatch`).
fn next_batch(bytes: &[u8]) -> Result<Option<(usize, u8)>, BatchError> {
    let Some(&[.., l0, l1, l2, l3]) = bytes.first_chunk::<LENGTH_END>() else { return Ok(None) };
    let length = i32::from_be_bytes([l0, l1, l2, l3]);
    if length < LENGTH_MIN {
        return Err(BatchError::Length(length));
    }
    let Some(&[.., magic]) = bytes.first_chunk::<MAGIC_END>() else { return Ok(None) };
    if magic > 2 {
        return Err(BatchError::UnknownMagic(magic));
    }
    let size = usize::try_from(length).unwrap_or(0) + LENGTH_END;
    Ok((size <= bytes.len()).then_some((size, magic)))
}

/// What the log checks of any batch before it looks at records.
fn check_as_log(batch: &[u8], rules: &ProduceRules) -> Result<BatchHeader, Refused> {
    let header = BatchHeader::parse(batch).map_err(|_| BatchError::ShorterThanHeader)?;
    if header.base_offset != 0 {
        return Err(BatchError::BaseOffset(header.base_offset).into());
    }
    check_size(header.size_bytes, rules.max_message_bytes)?;
    let computed = crc_of(batch);
    if computed != header.crc {
        return Err(BatchError::Crc { stored: header.crc, computed }.into());
    }
    if Codec::from_attributes(header.attributes).is_none() {
        return Err(BatchError::UnknownCodec(header.codec()).into());
    }
    Ok(header)
}

fn check_size(bytes: usize, max: i32) -> Result<(), BatchError> {
    if bytes > usize::try_from(max).unwrap_or(0) {
        return Err(BatchError::TooLarge { bytes, max });
    }
    Ok(())
}

/// What a client may say of its records (`LogValidator.validateBatch`).
fn check_counts(header: &BatchHeader) -> Result<(), BatchError> {
    let (last, count) = (header.last_offset_delta, header.record_count);
    if last < 0 || count <= 0 || i64::from(last) + 1 != i64::from(count) {
        return Err(BatchError::Count { last_offset_delta: last, record_count: count });
    }
    if header.is_control() {
        return Err(BatchError::Control);
    }
    let has_producer_id = header.producer_id > -1;
    if has_producer_id && header.base_sequence < 0 {
        return Err(BatchError::Sequence(header.base_sequence));
    }
    if header.is_transactional() && !has_producer_id {
        return Err(BatchError::TransactionWithoutProducer);
    }
    Ok(())
}

/// What the records showed.
#[derive(Clone, Copy, Debug)]
struct Facts {
    max_timestamp: i64,
    max_timestamp_offset_delta: i32,
}

/// Looks at every record: lengths, offsets, keys where they are needed, timestamps.
fn walk(records: &Records<'_>, rules: &ProduceRules) -> Result<Facts, Refused> {
    let mut facts = Facts { max_timestamp: NO_TIMESTAMP, max_timestamp_offset_delta: -1 };
    let mut errors = Vec::new();
    let mut bad_count = 0;
    let mut bad_timestamp = false;
    for (index, placed) in (0_i32..).zip(records.iter()) {
        let placed = placed.map_err(BatchError::of_records)?;
        if placed.record.offset_delta != index {
            let found = placed.record.offset_delta;
            return Err(BatchError::OffsetDelta { index, found }.into());
        }
        if placed.timestamp > facts.max_timestamp {
            facts.max_timestamp = placed.timestamp;
            facts.max_timestamp_offset_delta = index;
        }
        if let Some(error) = check_record(&placed, &records.header, rules) {
            bad_count += 1;
            bad_timestamp |= !matches!(error, RecordError::NoKey);
            if errors.len() < RECORD_ERRORS_MAX {
                errors.push((index, error.to_string()));
            }
        }
    }
    if bad_count == 0 {
        return Ok(facts);
    }
    let refused = Refused::from(BatchError::Records { count: bad_count, bad_timestamp });
    Err(Refused { record_errors: errors, ..refused })
}

#[inline]
fn check_record(
    placed: &PlacedRecord<'_>,
    header: &BatchHeader,
    rules: &ProduceRules,
) -> Option<RecordError> {
    if rules.is_compacted && placed.record.key.is_none() {
        return Some(RecordError::NoKey);
    }
    let timestamp = placed.timestamp;
    if rules.timestamp_type == TimestampType::CreateTime && timestamp != NO_TIMESTAMP {
        let earliest = rules.now.0.saturating_sub(rules.before_max_ms);
        let latest = rules.now.0.saturating_add(rules.after_max_ms);
        let fits = (earliest..=latest).contains(&timestamp);
        return (!fits).then_some(RecordError::Timestamp { timestamp, earliest, latest });
    }
    // Only here: where producers set the time, a batch that claims the broker set it is taken,
    // and the claim is struck out.
    header.is_log_append_time().then_some(RecordError::LogAppendTime)
}

/// Why one record is refused.
enum RecordError {
    NoKey,
    Timestamp { timestamp: i64, earliest: i64, latest: i64 },
    LogAppendTime,
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => write!(f, "a record without key cannot go into a compacted topic"),
            Self::Timestamp { timestamp, earliest, latest } => {
                write!(f, "timestamp {timestamp} is outside [{earliest}, {latest}]")
            }
            Self::LogAppendTime => write!(f, "a producer may not set LogAppendTime"),
        }
    }
}

/// Makes timestamp type and max timestamp what they are to be; copies the batch only if they are
/// not so already.
fn restamp(
    header: BatchHeader,
    batch: Bytes,
    facts: Facts,
    rules: &ProduceRules,
) -> (BatchHeader, Bytes) {
    let (attributes, max_timestamp) = match rules.timestamp_type {
        TimestampType::CreateTime => {
            (header.attributes & !attribute::LOG_APPEND_TIME, facts.max_timestamp)
        }
        TimestampType::LogAppendTime => {
            (header.attributes | attribute::LOG_APPEND_TIME, rules.now.0)
        }
    };
    if attributes == header.attributes && max_timestamp == header.max_timestamp {
        return (header, batch);
    }
    let mut copy = BytesMut::from(&*batch);
    if let Some(fields) = copy.first_chunk_mut::<HEADER_BYTES>() {
        fields[21..23].copy_from_slice(&attributes.to_be_bytes());
        fields[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
    }
    let crc = seal(&mut copy);
    (BatchHeader { attributes, max_timestamp, crc, ..header }, copy.freeze())
}

/// The same records in another codec.
fn recompress(
    records: &Records<'_>,
    target: CompressionTarget,
    rules: &ProduceRules,
) -> Result<(BatchHeader, Bytes), Refused> {
    let attributes = records.header.attributes & attribute::TRANSACTIONAL;
    let mut builder = BatchBuilder::replacing(&BatchHeader { attributes, ..records.header });
    if rules.timestamp_type == TimestampType::LogAppendTime {
        builder = builder.with_log_append_time(rules.now.0);
    }
    for placed in records.iter() {
        let placed = placed.map_err(BatchError::of_records)?;
        builder.record_at(placed.timestamp, &placed.record);
    }
    let batch =
        builder.build_compressed(target).map_err(|error| BatchError::of_records(error.into()))?;
    let header =
        BatchHeader::parse(&batch).map_err(|error| BatchError::of_records(error.into()))?;
    Ok((header, batch))
}

/// A batch that a leader does not append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub error: BatchError,
    /// Whether the log refused it, so that the answer carries the log's start offset; else -1.
    pub by_log: bool,
    /// Records at fault: index in the batch, and why. At most the first 10,000.
    pub record_errors: Vec<(i32, String)>,
}

impl Refused {
    /// What the producer is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.error.code()
    }
}

impl From<BatchError> for Refused {
    fn from(error: BatchError) -> Self {
        let by_log = error.is_by_log();
        Self { error, by_log, record_errors: Vec::new() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
#[path = "validate_test.rs"]
mod tests;
