//! What a log tells its owner, from the journal thread.

use super::error::AppendError;
use crate::types::Offset;

/// One piece of news about one log; in the order in which things were queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogNews {
    /// Everything below `up_to` may be acknowledged: it is on disk where `flush.messages` is 1,
    /// else handed to the system as in Kafka.
    Flushed {
        /// The offset after the last such record.
        up_to: Offset,
    },
    /// Batches from `from` on were not taken, nor any that were queued behind them under the
    /// assumption that they would be.
    Refused {
        /// Base offset of the first that was refused; the log ends there.
        from: Offset,
        /// Why.
        error: AppendError,
    },
    /// Everything queued before this barrier has had its news.
    Barrier(u64),
}

/// Takes the news; called on the journal thread, must not block.
pub trait LogListener: Send + Sync {
    /// Something happened.
    fn flushed(&self, news: LogNews);
}
