//! What storage is told: where the data lives, its budgets, and the settings of one log.

use crate::types::{Metrics, NodeId, Now};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Reads both clocks; handed in so that the simulator can drive time.
pub type ClockSource = Arc<dyn Fn() -> Now + Send + Sync>;

/// Called with a description when data can no longer be made durable. Production ends the process
/// ([`end_process`]), for restart recovery is the best-tested path; where it returns (tests), every
/// later append is refused as offline.
pub type FatalHook = Arc<dyn Fn(&str) + Send + Sync>;

/// The one way the process ends when a disk can no longer be trusted.
pub fn end_process(what: &str) {
    log::error!("{what}; the process ends, because nothing more could be acknowledged truthfully");
    std::process::abort();
}

/// Where a data folder is and what it may use. `new` sets Kafka's defaults where Kafka has one.
#[derive(Clone)]
pub struct StorageOptions {
    /// The data folder; made when absent.
    pub dir: PathBuf,
    /// Must match `meta.properties` where both are there; `None` makes a random one at first start.
    pub cluster_id: Option<String>,
    /// `node.id`; must match `meta.properties`.
    pub node_id: NodeId,
    /// Reads both clocks.
    pub clock: ClockSource,
    /// Told about a disk that failed to sync.
    pub fatal: FatalHook,
    /// Where groups of batches are counted.
    pub metrics: Arc<Metrics>,
    /// Bytes of one write-ahead file.
    pub wal_file_bytes: u64,
    /// Bytes of recent batches kept in memory, over all logs.
    pub tail_cache_bytes: usize,
    /// Threads for reads that would block.
    pub reader_threads: usize,
    /// How often unsynced segments are looked at (`log.flush.scheduler.interval.ms`).
    pub flush_scheduler_interval: Duration,
    /// Segment files kept open at once; those with unsynced data stay open beyond it.
    pub segment_handles_max: usize,
    /// One row in the index for so many bytes of a log.
    pub index_interval_bytes: u32,
    /// Block cache of the index database in bytes.
    pub index_cache_bytes: u64,
    /// Segment files with unsynced content, which stay open; past it they are synced first.
    pub dirty_handles_max: usize,
    /// Unclean logs from which on a start syncs the whole file system once, not each of them.
    pub sync_all_logs_min: usize,
    /// `log.retention.check.interval.ms`.
    pub retention_check_interval: Duration,
    /// `log.cleaner.backoff.ms`.
    pub cleaner_backoff: Duration,
    /// `log.cleaner.dedupe.buffer.size` in bytes; 24 for each distinct key.
    pub cleaner_buffer_bytes: usize,
}

impl StorageOptions {
    /// Options with every budget at its default.
    #[must_use]
    pub fn new(dir: PathBuf, node_id: NodeId, clock: ClockSource) -> Self {
        Self {
            dir,
            cluster_id: None,
            node_id,
            clock,
            fatal: Arc::new(end_process),
            metrics: Arc::default(),
            wal_file_bytes: 64 << 20,
            tail_cache_bytes: 8 << 20,
            reader_threads: 2,
            flush_scheduler_interval: Duration::from_secs(1),
            segment_handles_max: 4096,
            index_interval_bytes: 64 << 10,
            index_cache_bytes: 8 << 20,
            dirty_handles_max: usize::MAX,
            sync_all_logs_min: 256,
            retention_check_interval: Duration::from_secs(300),
            cleaner_backoff: Duration::from_secs(15),
            cleaner_buffer_bytes: 32 << 20,
        }
    }
}

impl fmt::Debug for StorageOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageOptions")
            .field("dir", &self.dir)
            .field("node_id", &self.node_id)
            .finish_non_exhaustive()
    }
}

/// `flush.messages` of "never by count": Kafka's default.
pub const FLUSH_MESSAGES_NEVER: u64 = 9_223_372_036_854_775_807;

/// A topic's settings as far as its log cares; names and meanings are Kafka's `TopicConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogPolicy {
    /// `segment.bytes`.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment rolls when an append finds its first batch so old.
    pub segment_ms: i64,
    /// `retention.ms`; `None` (-1) keeps for ever.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`; `None` (-1) has no bound.
    pub retention_bytes: Option<u64>,
    /// `cleanup.policy` contains `delete`.
    pub delete: bool,
    /// `cleanup.policy` contains `compact`.
    pub compact: bool,
    /// `delete.retention.ms`: how long tombstones stay after their segment was cleaned.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`; `i64::MAX` for none.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`, 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// `flush.messages`; 1 acknowledges after fsync, [`FLUSH_MESSAGES_NEVER`] after the write.
    pub flush_messages: u64,
    /// `flush.ms`: unsynced data is synced at the latest after so long; `None` leaves it to the
    /// scheduler's interval.
    pub flush_ms: Option<u64>,
}

impl Default for LogPolicy {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 604_800_000,
            retention_ms: Some(604_800_000),
            retention_bytes: None,
            delete: true,
            compact: false,
            delete_retention_ms: 86_400_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            flush_messages: 1,
            flush_ms: None,
        }
    }
}
