//! Why a partition refuses a batch, and the code that a client sees.

use crate::types::{ErrorCode, LeaderEpoch, Offset};
use std::fmt;

/// Why a batch was not appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProduceError {
    /// The producer id has moved on to a higher epoch, or the batch has none.
    InvalidProducerEpoch {
        /// The epoch known here, -1 if none.
        current: i16,
        /// The batch's.
        given: i16,
    },
    /// Not the sequence that follows the producer's latest batch.
    OutOfOrderSequence {
        /// The sequence that would follow.
        expected: i32,
        /// The batch's first.
        given: i32,
    },
    /// A transactional batch of a transaction that was not opened for this partition.
    InvalidTransactionState,
    /// No room on the disk; will be tried anew with the next batch.
    DiskFull,
    /// The log could not be written or is offline.
    Storage,
    /// The partition is closing, or starting again after a fault.
    NotLeader,
    /// The partition can take no more records.
    OffsetsExhausted {
        /// The log's end.
        last: Offset,
    },
    /// The sender knows another epoch than this leader's.
    FencedEpoch {
        /// The epoch here.
        current: LeaderEpoch,
    },
}

impl ProduceError {
    /// The code that the response carries. Total on purpose: no arm may be a wildcard.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::InvalidTransactionState => ErrorCode::InvalidTxnState,
            Self::DiskFull | Self::Storage => ErrorCode::KafkaStorageError,
            Self::NotLeader => ErrorCode::NotLeaderOrFollower,
            Self::OffsetsExhausted { .. } => ErrorCode::UnknownServerError,
            Self::FencedEpoch { .. } => ErrorCode::FencedLeaderEpoch,
        }
    }
}

impl ProduceError {
    /// Whether the log refused for what it remembers of the producer; such answers tell where the
    /// log begins.
    #[must_use]
    pub const fn is_of_producer(&self) -> bool {
        matches!(
            self,
            Self::InvalidProducerEpoch { .. }
                | Self::OutOfOrderSequence { .. }
                | Self::InvalidTransactionState
        )
    }
}

impl fmt::Display for ProduceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidProducerEpoch { current, given } => {
                write!(f, "producer epoch {given} is below the current epoch {current}")
            }
            Self::OutOfOrderSequence { expected, given } => {
                write!(f, "sequence {given} where {expected} would be next")
            }
            Self::InvalidTransactionState => {
                write!(f, "the transaction was not opened for this partition")
            }
            Self::DiskFull => write!(f, "the disk is full"),
            Self::Storage => write!(f, "the log cannot be written"),
            Self::NotLeader => write!(f, "the partition is not led here at the moment"),
            Self::OffsetsExhausted { last } => write!(f, "no offset is left after {last}"),
            Self::FencedEpoch { current } => write!(f, "leader epoch is now {}", current.0),
        }
    }
}

impl std::error::Error for ProduceError {}
