//! What the controller's shell is connected to: the log below it, and who hears what changed.

use super::machine::ControllerSettings;
use super::rules::ConfigRules;
use super::state::ImageDelta;
use crate::storage::LogNews;
use crate::types::Offset;
use crate::wire::StampedBatch;
use actix::Message;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

/// Where the records lie. Its news comes back as [`LogReport`]s, in order.
pub trait RecordLog {
    /// All batches, oldest first. Called at the start, and again behind a barrier.
    ///
    /// # Errors
    /// The log cannot be read.
    fn load(&mut self) -> Result<Vec<Bytes>, RecordLogError>;

    /// Queues one batch; it is reported flushed, or refused.
    fn append(&mut self, batch: StampedBatch);

    /// Queues a barrier; it is reported behind the news of all that was queued before it.
    fn barrier(&mut self, token: u64);
}

/// Why the log did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordLogError(pub String);

impl fmt::Display for RecordLogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RecordLogError {}

/// Who is told what changed, before anybody hears an answer about it: starts and stops partitions,
/// swaps the image. Must not block.
pub trait Publisher {
    /// Takes what changed, and the end of the log that it makes the image the fold of. The first
    /// delta of a process is complete.
    fn publish(&mut self, delta: ImageDelta, log_end: Offset);
}

/// News of the metadata log.
#[derive(Clone, Copy, Debug)]
pub struct LogReport(pub LogNews);

impl Message for LogReport {
    type Result = ();
}

/// What a controller is made of.
pub struct ControllerParts {
    /// Settings to decide by.
    pub settings: ControllerSettings,
    /// What configs mean.
    pub rules: Arc<dyn ConfigRules>,
    /// The metadata log.
    pub log: Box<dyn RecordLog>,
    /// Who hears what changed.
    pub publisher: Box<dyn Publisher>,
}

impl fmt::Debug for ControllerParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControllerParts").field("settings", &self.settings).finish_non_exhaustive()
    }
}
