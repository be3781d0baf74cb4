//! The controller's records in a log of storage, of the same format as any partition's.

use super::ports::{LogReport, RecordLog, RecordLogError};
use crate::storage::{Log, LogListener, LogNews, ReadError};
use crate::wire::StampedBatch;
use actix::Recipient;
use bytes::Bytes;
use std::sync::Arc;

/// The metadata log.
#[derive(Debug)]
pub struct MetadataLog {
    log: Log,
}

struct Listener(Recipient<LogReport>);

impl LogListener for Listener {
    fn flushed(&self, news: LogNews) {
        self.0.do_send(LogReport(news));
    }
}

impl MetadataLog {
    /// The log, which from now on reports to the controller.
    #[must_use]
    pub fn new(log: Log, controller: Recipient<LogReport>) -> Self {
        log.set_listener(Arc::new(Listener(controller)));
        Self { log }
    }
}

impl RecordLog for MetadataLog {
    fn load(&mut self) -> Result<Vec<Bytes>, RecordLogError> {
        let mut batches = Vec::new();
        self.log
            .load(|_, batch| {
                batches.push(batch);
                Ok(())
            })
            .map_err(|error: ReadError| RecordLogError(error.to_string()))?;
        Ok(batches)
    }

    fn append(&mut self, batch: StampedBatch) {
        self.log.append(vec![batch]);
    }

    fn barrier(&mut self, token: u64) {
        self.log.barrier(token);
    }
}
