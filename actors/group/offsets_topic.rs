//! The groups' side of `__consumer_offsets`: appends through its partitions, loading from its logs.

use super::directory::{Awaiting, Groups, Loader};
use super::log::{AppendRefused, OffsetsLog};
use crate::partition::{Origin, Partition, ProduceError};
use crate::registry::{Registry, TopicImage};
use crate::runtime::Reply;
use crate::storage::{Log, ReadError, Storage};
use crate::types::TopicName;
use crate::wire::{BatchHeader, CheckedBatch, Records, RecordsError};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What one batch of this topic may hold uncompressed. Batches written here are not compressed;
/// those of a data folder that came from elsewhere may be.
const BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// One partition of the topic.
#[derive(Debug)]
struct OffsetsPartition {
    topic: TopicName,
    partition: Partition,
    registry: Arc<Registry>,
}

impl OffsetsPartition {
    /// `max.message.bytes` of the topic, which holds for coordinators as for producers.
    fn is_too_large(&self, batch_bytes: usize) -> bool {
        let image = self.registry.image();
        // A topic that is on its way out takes nothing anyway.
        let Some(topic) = image.topic(self.topic.as_str()) else { return false };
        u32::try_from(batch_bytes).map_or(true, |bytes| bytes > topic.config.max_message_bytes)
    }
}

impl OffsetsLog for OffsetsPartition {
    fn append(&self, batch: Bytes, done: Reply<Result<(), AppendRefused>>) {
        let header = BatchHeader::parse(&batch);
        assert!(header.is_ok(), "a group's batch was written wrongly: {header:?}");
        let Ok(header) = header else { return };
        if self.is_too_large(header.size_bytes) {
            return done.send(Err(AppendRefused::TooLarge));
        }
        let batch = CheckedBatch {
            header,
            batch,
            max_timestamp_offset_delta: header.last_offset_delta,
            log_append_time: None,
        };
        let answer = self.partition.produce(batch, None, Origin::Coordinator);
        actix_rt::spawn(async move {
            match answer.await {
                Ok(Ok(_)) => done.send(Ok(())),
                Ok(Err(error)) => done.send(Err(refusal(error))),
                // Whether it was written is unclear: the group reads its log again.
                Err(_) => drop(done),
            }
        });
    }
}

const fn refusal(error: ProduceError) -> AppendRefused {
    match error {
        ProduceError::NotLeader | ProduceError::FencedEpoch { .. } => AppendRefused::NotLeader,
        ProduceError::DiskFull
        | ProduceError::Storage
        | ProduceError::OffsetsExhausted { .. }
        | ProduceError::InvalidProducerEpoch { .. }
        | ProduceError::OutOfOrderSequence { .. }
        | ProduceError::InvalidTransactionState => AppendRefused::Unavailable,
    }
}

impl Groups {
    /// Reads the groups of every partition of `__consumer_offsets`; those of a partition that is
    /// not read yet answer COORDINATOR_LOAD_IN_PROGRESS. Empty partitions are there at once.
    ///
    /// The topic is the first of its name, or another than before: everything begins anew.
    pub fn load_topic(&self, topic: &TopicImage, storage: &Arc<Storage>, registry: &Arc<Registry>) {
        self.reset(topic.partitions.len());
        for (index, image) in topic.partitions.iter().enumerate() {
            let partition = image.partition.clone();
            let log = partition.log().clone();
            let (topic, registry) = (topic.name.clone(), registry.clone());
            let appends = Arc::new(OffsetsPartition { topic, partition, registry });
            let Some(awaiting) = self.begin_load(index) else { continue };
            if log.log_start_offset() == log.log_end_offset() {
                self.finish_load(&awaiting, appends, Loader::default());
                continue;
            }
            let load = PartitionLoad { groups: self.clone(), awaiting, index, log, appends };
            actix_rt::spawn(Arc::new(load).run(storage.clone()));
        }
    }
}

/// A read that failed is tried again after this, and after twice as long each time it fails again.
const RETRY_AFTER: Duration = Duration::from_millis(100);
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// The groups of one partition on their way from its log.
struct PartitionLoad {
    groups: Groups,
    awaiting: Awaiting,
    index: usize,
    log: Log,
    appends: Arc<OffsetsPartition>,
}

impl PartitionLoad {
    /// Reads until it succeeds. What the disk refuses now it may give later; damage stays.
    async fn run(self: Arc<Self>, storage: Arc<Storage>) {
        let index = self.index;
        let mut pause = RETRY_AFTER;
        while self.awaiting.is_wanted() {
            let (reply, outcome) = Reply::new();
            let load = self.clone();
            storage.readers().run(Box::new(move || reply.send(load.read())));
            match outcome.await {
                Ok(Ok(())) => return,
                Ok(Err(LoadError::Read(ReadError::Io(error)))) => {
                    if pause == RETRY_AFTER {
                        log::error!(
                            partition = index, reason:% = error;
                            "groups of a partition cannot be read; it is tried again"
                        );
                    }
                }
                Ok(Err(reason)) => {
                    return log::error!(
                        partition = index, reason:% = reason;
                        "groups of a partition cannot be read and stay unavailable"
                    );
                }
                // The reader has said that it panicked.
                Err(_) => return,
            }
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(RETRY_AFTER_MAX);
        }
    }

    /// Reads the log and starts its groups; on a thread that may block.
    fn read(&self) -> Result<(), LoadError> {
        let loader = read_records(&self.log)?;
        let (index, skipped) = (self.index, loader.skipped());
        let count = self.groups.finish_load(&self.awaiting, self.appends.clone(), loader);
        log::debug!(partition = index, groups:? = count, skipped; "groups loaded");
        Ok(())
    }
}

/// Why a partition's groups cannot be loaded.
#[derive(Debug)]
enum LoadError {
    Read(ReadError),
    Records(RecordsError),
}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Records(error) => error.fmt(f),
        }
    }
}

/// All records of a log, oldest first.
fn read_records(log: &Log) -> Result<Loader, LoadError> {
    let mut loader = Loader::default();
    log.load(|header, batch| {
        if header.is_control() {
            return Ok(());
        }
        read_batch(&batch, &mut loader).map_err(LoadError::Records)
    })?;
    Ok(loader)
}

fn read_batch(batch: &[u8], loader: &mut Loader) -> Result<(), RecordsError> {
    let opened = Records::open(batch, BATCH_BYTES_MAX)?;
    for placed in opened.iter() {
        let record = placed?.record;
        if let Some(key) = record.key {
            loader.replay(key, record.value);
        }
    }
    Ok(())
}
