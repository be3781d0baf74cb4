//! Why a produced batch is refused, and what its producer is told.

use super::compression::CompressionError;
use super::records::RecordsError;
use crate::types::ErrorCode;
use std::fmt;

/// The rule that a batch breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// Null, empty, or cut short: no whole batch is there.
    NoBatch,
    /// More than one batch for one partition.
    SeveralBatches,
    /// Magic 0 or 1, which Kafka 4 takes no more.
    OldMagic(u8),
    /// A magic that nobody knows.
    UnknownMagic(u8),
    /// zstd before Produce v7.
    ZstdTooEarly(i16),
    /// A length that no batch has.
    Length(i32),
    /// Fewer bytes than a header.
    ShorterThanHeader,
    /// A base offset, which only the leader gives.
    BaseOffset(i64),
    /// More than `max.message.bytes`.
    TooLarge {
        /// Size of the batch in bytes.
        bytes: usize,
        /// The setting.
        max: i32,
    },
    /// A compressed batch with more in it than one may hold.
    HoldsTooMuch {
        /// Most bytes that may come out.
        max: usize,
    },
    /// More than `segment.bytes`.
    BeyondSegment {
        /// Size of the batch in bytes.
        bytes: usize,
        /// The setting.
        max: i32,
    },
    /// Not the bytes that the producer sent.
    Crc {
        /// As it stands in the batch.
        stored: u32,
        /// As the bytes have it.
        computed: u32,
    },
    /// Codec 5, 6 or 7.
    UnknownCodec(i16),
    /// Compressed data that its codec cannot read.
    Compressed(CompressionError),
    /// A count of records that does not fit the last offset.
    Count {
        /// Offset of the last record, from the base offset on.
        last_offset_delta: i32,
        /// Count of records.
        record_count: i32,
    },
    /// Markers are the broker's.
    Control,
    /// A producer id without a sequence.
    Sequence(i32),
    /// Part of a transaction, but nobody's.
    TransactionWithoutProducer,
    /// Records that do not follow each other.
    OffsetDelta {
        /// Which record.
        index: i32,
        /// The offset it claims, from the base offset on.
        found: i32,
    },
    /// Records that cannot be read.
    Unreadable(RecordsError),
    /// Single records at fault, which the answer lists.
    Records {
        /// How many.
        count: u32,
        /// Whether the timestamp of any of them is at fault, and not only keys.
        bad_timestamp: bool,
    },
}

impl BatchError {
    /// Why records could not be read, told apart by whose fault Kafka says it is.
    pub(super) fn of_records(error: RecordsError) -> Self {
        match error {
            RecordsError::Compression(CompressionError::TooLarge { budget_bytes, .. }) => {
                Self::HoldsTooMuch { max: budget_bytes }
            }
            RecordsError::Compression(error @ CompressionError::Damaged(..)) => {
                Self::Compressed(error)
            }
            error @ (RecordsError::Header(_)
            | RecordsError::UnknownCodec(_)
            | RecordsError::EarlyEnd
            | RecordsError::BytesLeft(_)
            | RecordsError::Record(_)
            | RecordsError::Overflow) => Self::Unreadable(error),
        }
    }

    /// What the producer is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NoBatch
            | Self::SeveralBatches
            | Self::OldMagic(_)
            | Self::BaseOffset(_)
            | Self::Count { .. }
            | Self::Control
            | Self::Sequence(_)
            | Self::TransactionWithoutProducer
            | Self::OffsetDelta { .. }
            | Self::Unreadable(_)
            | Self::Records { bad_timestamp: false, .. } => ErrorCode::InvalidRecord,
            Self::Records { bad_timestamp: true, .. } => ErrorCode::InvalidTimestamp,
            Self::UnknownMagic(_)
            | Self::Length(_)
            | Self::ShorterThanHeader
            | Self::Crc { .. } => ErrorCode::CorruptMessage,
            Self::ZstdTooEarly(_) => ErrorCode::UnsupportedCompressionType,
            Self::TooLarge { .. } | Self::HoldsTooMuch { .. } => ErrorCode::MessageTooLarge,
            Self::BeyondSegment { .. } => ErrorCode::RecordListTooLarge,
            // Kafka throws here what it has no code for (recorded for an unknown codec).
            Self::UnknownCodec(_) | Self::Compressed(_) => ErrorCode::UnknownServerError,
        }
    }

    /// Whether Kafka's log refuses it with an answer that carries the log's start offset. Checks
    /// before the log do not, nor does the log for corrupt and too large batches.
    pub(super) const fn is_by_log(&self) -> bool {
        match self {
            Self::NoBatch
            | Self::SeveralBatches
            | Self::OldMagic(_)
            | Self::UnknownMagic(_)
            | Self::ZstdTooEarly(_)
            | Self::Length(_)
            | Self::ShorterThanHeader
            | Self::TooLarge { .. }
            | Self::HoldsTooMuch { .. }
            | Self::BeyondSegment { .. }
            | Self::Crc { .. } => false,
            Self::BaseOffset(_)
            | Self::UnknownCodec(_)
            | Self::Compressed(_)
            | Self::Count { .. }
            | Self::Control
            | Self::Sequence(_)
            | Self::TransactionWithoutProducer
            | Self::OffsetDelta { .. }
            | Self::Unreadable(_)
            | Self::Records { .. } => true,
        }
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBatch => write!(f, "no record batch for this partition"),
            Self::SeveralBatches => write!(f, "more than one record batch for this partition"),
            Self::OldMagic(magic) => write!(f, "record batch has magic {magic}, expected 2"),
            Self::UnknownMagic(magic) => write!(f, "record batch has unknown magic {magic}"),
            Self::ZstdTooEarly(version) => {
                write!(f, "zstd needs Produce version 7, the request has {version}")
            }
            Self::Length(length) => write!(f, "record batch claims a length of {length} bytes"),
            Self::ShorterThanHeader => write!(f, "record batch is shorter than its header"),
            Self::BaseOffset(offset) => {
                write!(f, "base offset of a produced batch is {offset}, expected 0")
            }
            Self::TooLarge { bytes, max } => {
                write!(f, "record batch of {bytes} bytes is above max.message.bytes {max}")
            }
            Self::HoldsTooMuch { max } => {
                write!(f, "compressed record batch holds more than {max} bytes")
            }
            Self::BeyondSegment { bytes, max } => {
                write!(f, "record batch of {bytes} bytes is above segment.bytes {max}")
            }
            Self::Crc { stored, computed } => {
                write!(f, "record batch is corrupt: its CRC is {stored:08x}, not {computed:08x}")
            }
            Self::UnknownCodec(codec) => write!(f, "unknown compression codec {codec}"),
            Self::Compressed(error) => error.fmt(f),
            Self::Count { last_offset_delta, record_count } => write!(
                f,
                "record batch has {record_count} records and last offset delta {last_offset_delta}"
            ),
            Self::Control => write!(f, "clients may not write control records"),
            Self::Sequence(sequence) => {
                write!(f, "record batch of an idempotent producer has sequence {sequence}")
            }
            Self::TransactionWithoutProducer => {
                write!(f, "transactional record batch has no producer id")
            }
            Self::OffsetDelta { index, found } => {
                write!(f, "record {index} of the batch has offset delta {found}")
            }
            Self::Unreadable(error) => error.fmt(f),
            Self::Records { count, bad_timestamp: true } => {
                write!(f, "{count} records refused, timestamps out of bounds among them")
            }
            Self::Records { count, bad_timestamp: false } => write!(f, "{count} records refused"),
        }
    }
}

impl std::error::Error for BatchError {}
