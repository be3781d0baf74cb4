//! What a group needs of its `__consumer_offsets` partition.

use super::GroupError;
use crate::runtime::Reply;
use bytes::Bytes;

/// Why a batch is not in the log, and never will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendRefused {
    /// The partition is led elsewhere, or is offline.
    NotLeader,
    /// Not now: disk full, too few replicas, closing.
    Unavailable,
    /// Larger than the log takes.
    TooLarge,
}

impl AppendRefused {
    /// What the group's clients hear (`appendGroupMetadataErrorToResponseError`).
    pub(super) const fn for_clients(self) -> GroupError {
        match self {
            Self::NotLeader => GroupError::NotCoordinator,
            Self::Unavailable => GroupError::NotAvailable,
            Self::TooLarge => GroupError::RecordsTooLarge,
        }
    }
}

/// One partition of `__consumer_offsets`, as the groups in it see it.
///
/// Batches of one caller are appended in the order of the calls, and answered once they are
/// committed. A refusal means that the batch is not in the log; where that is unclear the reply is
/// dropped, and the group writes over what may be there with its next batch.
pub trait OffsetsLog: Send + Sync {
    /// Appends a whole record batch, base offset 0, uncompressed, CRC in place.
    fn append(&self, batch: Bytes, done: Reply<Result<(), AppendRefused>>);
}
