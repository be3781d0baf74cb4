//! One log: what its partition and its readers hold.

use super::disk::{DiskFile, OpenMode};
use super::epochs::Epochs;
use super::error::{AppendError, ReadError};
use super::index::{Change, MetaRow, Space, kind, offset_key, remove_below};
use super::news::{LogListener, LogNews};
use super::options::LogPolicy;
use super::producers::{self, ProducerEntry, RecoveredState};
use super::read::{self, Chunk, Cursor, TryRead, Wanted};
use super::segment::{Segment, lock};
use super::shared::{Done, Job, Shared};
use super::tail::Tail;
use super::times::{self, FoundRecord};
use super::trouble::Troubles;
use super::writer::Writer;
use crate::types::{LeaderEpoch, LogId, Offset};
use crate::wire::StampedBatch;
use arc_swap::ArcSwap;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Producer snapshots kept: the newest may lie ahead of what a power loss leaves.
const SNAPSHOTS_KEPT: usize = 2;

/// One log; cheap to clone, used from any thread.
#[derive(Clone, Debug)]
pub struct Log(pub(super) Arc<LogInner>);

pub(super) struct LogInner {
    pub(super) id: LogId,
    /// Its number in the index.
    pub(super) puid: u32,
    pub(super) dir: PathBuf,
    pub(super) shared: Arc<Shared>,
    pub(super) segments: ArcSwap<Vec<Arc<Segment>>>,
    pub(super) tail: Mutex<Tail>,
    pub(super) epochs: Mutex<Epochs>,
    pub(super) writer: Mutex<Writer>,
    pub(super) snapshots: Mutex<VecDeque<Offset>>,
    start: AtomicI64,
    end: AtomicI64,
    clean_bound: AtomicI64,
    cleaned: AtomicI64,
    /// Cleaned segments that the journal has not put into their places yet.
    pub(super) pending_swaps: AtomicUsize,
    policy: ArcSwap<LogPolicy>,
    listener: Mutex<Option<Arc<dyn LogListener>>>,
    is_offline: AtomicBool,
    offline: Mutex<Option<String>>,
    troubles: Mutex<Troubles>,
}

impl std::fmt::Debug for LogInner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogInner").field("id", &self.id).finish_non_exhaustive()
    }
}

impl LogInner {
    pub(super) fn new(shared: Arc<Shared>, id: LogId, puid: u32, policy: LogPolicy) -> Self {
        let dir = if id == LogId::METADATA {
            shared.options.dir.join("metadata")
        } else {
            shared.options.dir.join("topics").join(id.to_string())
        };
        Self {
            id,
            puid,
            dir,
            shared,
            segments: ArcSwap::default(),
            tail: Mutex::default(),
            epochs: Mutex::default(),
            writer: Mutex::default(),
            snapshots: Mutex::default(),
            start: AtomicI64::new(0),
            end: AtomicI64::new(0),
            clean_bound: AtomicI64::new(i64::MAX),
            cleaned: AtomicI64::new(0),
            pending_swaps: AtomicUsize::new(0),
            policy: ArcSwap::from_pointee(policy),
            listener: Mutex::default(),
            is_offline: AtomicBool::new(false),
            offline: Mutex::default(),
            troubles: Mutex::default(),
        }
    }

    pub(super) fn set_start(&self, start: Offset) {
        self.start.store(start.to_wire(), Ordering::Release);
    }

    pub(super) fn set_end(&self, end: Offset) {
        self.end.store(end.to_wire(), Ordering::Release);
    }

    pub(super) fn is_offline(&self) -> bool {
        self.is_offline.load(Ordering::Acquire)
    }

    pub(super) fn set_offline(&self, why: String) {
        let mut offline = lock(&self.offline);
        if offline.is_none() {
            *offline = Some(why);
        }
        self.is_offline.store(true, Ordering::Release);
    }

    pub(super) fn check_online(&self) -> Result<(), ReadError> {
        if !self.is_offline() {
            return Ok(());
        }
        Err(ReadError::Offline(lock(&self.offline).clone().unwrap_or_default()))
    }

    pub(super) fn tell(&self, news: LogNews) {
        let listener = lock(&self.listener).clone();
        if let Some(listener) = listener {
            listener.flushed(news);
        }
    }

    pub(super) fn file(
        &self,
        segment: &Arc<Segment>,
        mode: OpenMode,
    ) -> io::Result<Arc<dyn DiskFile>> {
        self.shared.handles.file(&*self.shared.disk, segment, mode)
    }

    /// The segment that is written to.
    pub(super) fn active(&self) -> Option<Arc<Segment>> {
        self.segments.load().last().cloned()
    }

    /// Nothing at or beyond this may be deleted or compacted.
    pub(super) fn clean_bound(&self) -> Offset {
        Offset::clamped(self.clean_bound.load(Ordering::Acquire))
    }

    /// Up to where the log was compacted.
    pub(super) fn cleaned(&self) -> Offset {
        Offset::clamped(self.cleaned.load(Ordering::Acquire))
    }

    pub(super) fn set_cleaned(&self, up_to: Offset) {
        self.cleaned.store(up_to.to_wire(), Ordering::Release);
    }

    /// The row that says where the log stands.
    pub(super) fn meta_row(&self, recovery_point: Offset, cuts: u32) -> Change {
        let start = Offset::clamped(self.start.load(Ordering::Acquire));
        MetaRow { id: self.id, start, recovery_point, cuts }.put(self.puid)
    }
}

impl Log {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> LogId {
        self.0.id
    }

    /// The first offset there is.
    #[must_use]
    pub fn log_start_offset(&self) -> Offset {
        Offset::clamped(self.0.start.load(Ordering::Acquire))
    }

    /// The offset after the last that is written; it may not be on disk yet.
    #[must_use]
    pub fn log_end_offset(&self) -> Offset {
        Offset::clamped(self.0.end.load(Ordering::Acquire))
    }

    /// Bytes of all segments.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.0.segments.load().iter().map(|segment| segment.bytes()).sum()
    }

    /// Segments, the active one included; 0 before the first append.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.0.segments.load().len()
    }

    /// The largest timestamp in ms, -1 where there is none.
    #[must_use]
    pub fn max_timestamp(&self) -> i64 {
        let segments = self.0.segments.load();
        segments.iter().map(|segment| segment.max_timestamp()).max().unwrap_or(-1)
    }

    /// Why the log takes no part, if so: damage that must not be cut away silently.
    #[must_use]
    pub fn offline(&self) -> Option<String> {
        if self.0.is_offline() { lock(&self.0.offline).clone() } else { None }
    }

    /// Whether a read that failed so is worth a line in the log: once, and again while it lasts. Not
    /// where the log went offline, which was said, or was deleted, which is no fault.
    #[must_use]
    pub fn is_news(&self, error: &ReadError) -> bool {
        let now = (self.0.shared.options.clock)().mono;
        !self.0.is_offline() && lock(&self.0.troubles).is_news(error, now)
    }

    /// Changes its settings, from the next append on.
    pub fn set_policy(&self, policy: LogPolicy) {
        self.0.policy.store(Arc::new(policy));
    }

    /// Its settings.
    #[must_use]
    pub fn policy(&self) -> Arc<LogPolicy> {
        self.0.policy.load_full()
    }

    /// Who hears of it from now on.
    pub fn set_listener(&self, listener: Arc<dyn LogListener>) {
        *lock(&self.0.listener) = Some(listener);
    }

    /// Queues batches for the journal thread. They must continue what was queued before; where
    /// something before them was refused, they are refused as well.
    pub fn append(&self, batches: Vec<StampedBatch>) {
        let Some(first) = batches.first() else {
            return;
        };
        let from = Offset::clamped(first.header.base_offset);
        let refused = LogNews::Refused { from, error: AppendError::Offline };
        if self.0.shared.is_dead()
            || !self.0.shared.send(Job::Append { log: self.clone(), batches })
        {
            self.0.tell(refused);
        }
    }

    /// Its news comes after that of everything queued before it.
    pub fn barrier(&self, token: u64) {
        if !self.0.shared.send(Job::Barrier { log: self.clone(), token }) {
            self.0.tell(LogNews::Barrier(token));
        }
    }

    /// Nothing at or beyond `up_to` is deleted or compacted from now on: the high watermark, or the
    /// last stable offset where that is lower.
    pub fn set_clean_bound(&self, up_to: Offset) {
        self.0.clean_bound.store(up_to.to_wire(), Ordering::Release);
    }

    /// Reads without blocking: whole batches only, beginning with the one that contains `from`,
    /// none at or beyond `up_to`, at most `max_bytes` unless `at_least_one`. Anything out of the
    /// ordinary is `Cold`, and `read_blocking` says what it is.
    #[must_use]
    pub fn read(
        &self,
        from: Offset,
        up_to: Offset,
        max_bytes: usize,
        at_least_one: bool,
        cursor: &mut Option<Cursor>,
    ) -> TryRead {
        read::read(self, Wanted { from, up_to, max_bytes, at_least_one }, cursor)
    }

    /// The same for reader threads: may wait for the disk, and asks the index.
    ///
    /// # Errors
    /// Out of range, offline, damage, the disk.
    pub fn read_blocking(
        &self,
        from: Offset,
        up_to: Offset,
        max_bytes: usize,
        at_least_one: bool,
        cursor: &mut Option<Cursor>,
    ) -> Result<Chunk, ReadError> {
        read::read_blocking(self, Wanted { from, up_to, max_bytes, at_least_one }, cursor)
    }

    /// The first record below `up_to` whose timestamp is `target` ms or later. Blocks.
    ///
    /// # Errors
    /// Offline, damage, the disk.
    pub fn find_by_timestamp(
        &self,
        target: i64,
        up_to: Offset,
    ) -> Result<Option<FoundRecord>, ReadError> {
        read::unless_changed(self, || times::find(self, target, up_to))
    }

    /// The first record below `up_to` that has the largest timestamp. Blocks.
    ///
    /// # Errors
    /// Offline, damage, the disk.
    pub fn max_timestamp_record(&self, up_to: Offset) -> Result<Option<FoundRecord>, ReadError> {
        read::unless_changed(self, || times::find_max(self, up_to))
    }

    /// The largest epoch not above `epoch`, and the offset after its last record
    /// (`LeaderEpochFileCache.endOffsetFor`); `None` for one ahead of the newest.
    #[must_use]
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        lock(&self.0.epochs).end_of(epoch, self.log_end_offset())
    }

    /// The newest epoch in the log.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        lock(&self.0.epochs).latest()
    }

    /// The epoch that the record at `offset` was written in.
    #[must_use]
    pub fn epoch_for(&self, offset: Offset) -> Option<LeaderEpoch> {
        lock(&self.0.epochs).at(offset)
    }

    /// Producers at the log's end: the newest snapshot, then the headers behind it. Blocks for the
    /// time it takes to look at up to 16 MB of headers; nothing at all after an orderly stop.
    ///
    /// # Errors
    /// Offline, damage, the disk.
    pub fn recovered(&self) -> Result<RecoveredState, ReadError> {
        super::recover_log::producers(self)
    }

    /// Whether a snapshot of the producers is due: after a roll, or 16 MB since the last.
    #[must_use]
    pub fn wants_producers(&self) -> bool {
        lock(&self.0.writer).wants_producers()
    }

    /// Keeps a snapshot of the producers as they are before the record at `at`.
    pub fn store_producers(&self, at: Offset, entries: Vec<ProducerEntry>) {
        lock(&self.0.writer).snapshot_taken();
        let key = offset_key(kind::PRODUCERS, self.0.puid, at);
        let mut changes = vec![Change::Put(Space::State, key, producers::encode(entries))];
        let mut snapshots = lock(&self.0.snapshots);
        if snapshots.back() != Some(&at) {
            snapshots.push_back(at);
        }
        while snapshots.len() > SNAPSHOTS_KEPT {
            snapshots.pop_front();
        }
        if let Some(oldest) = snapshots.front() {
            changes.push(remove_below(Space::State, kind::PRODUCERS, self.0.puid, *oldest));
        }
        self.0.shared.index.write(changes);
    }

    /// Advances the log start (DeleteRecords); `done` when that survives a power loss. An offset
    /// beyond the log end counts as the log end, one before the log start changes nothing.
    pub fn delete_before(&self, offset: Offset, done: Done) {
        self.give(Job::DeleteBefore { log: self.clone(), offset, durable: true, done });
    }

    /// Drops everything at `offset` and beyond, whole batches; `done` when that survives a power
    /// loss. Where a batch straddles `offset` it goes whole, so the log may end before it.
    pub fn truncate(&self, offset: Offset, done: Done) {
        self.give(Job::Truncate { log: self.clone(), offset, done });
    }

    fn give(&self, job: Job) {
        if !self.0.shared.send(job) {
            log::debug!(log:% = self.id(); "storage is closed; a job for a log was dropped");
        }
    }
}
