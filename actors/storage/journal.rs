//! Makes batches of all logs durable, a group at a time.
//!
//! A plain struct: the journal thread drives it in production, the simulator drives it directly.

use super::disk::OpenMode;
use super::error::AppendError;
use super::index::Change;
use super::log::Log;
use super::news::LogNews;
use super::segment::lock;
use super::shared::{Job, Shared, Synced};
use super::syncers::{Syncers, sync_log};
use super::tail::TailBudget;
use super::wal::{Wal, WalEntry, WalFile, make_file};
use super::writer::{self, Written};
use crate::types::{LogId, MonoTime, Offset};
use crate::wire::StampedBatch;
use crossbeam_channel::Sender;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A log with so many new bytes is synced itself; below it, one write to the shared write-ahead
/// file is cheaper.
const DIRECT_BYTES: u64 = 128 << 10;
/// What the write-ahead files hold is synced to its segments at the latest after so long.
const LOGGED_SYNC_INTERVAL: Duration = Duration::from_secs(10);
/// A segment is synced after so many bytes as well: whoever waits for a sync of its own meanwhile
/// waits for all of them.
const LOGGED_SYNC_BYTES: u64 = 2 << 20;

/// A busy journal looks at least so often for what is due.
const TICK_INTERVAL: Duration = Duration::from_millis(250);

/// How long no write-ahead file is asked for after one could not be made: each try fills what is
/// left of a full disk, and the news of its failure would bring the next.
const REFUSED_FILE_PAUSE: Duration = Duration::from_secs(1);

/// Batches of one group, by log, in the order of arrival.
#[derive(Default)]
struct Group {
    logs: Vec<(Log, Vec<StampedBatch>)>,
    places: BTreeMap<LogId, usize>,
    barriers: Vec<(Log, u64)>,
}

impl Group {
    fn add(&mut self, log: Log, mut batches: Vec<StampedBatch>) {
        let at = *self.places.entry(log.id()).or_insert(self.logs.len());
        match self.logs.get_mut(at) {
            Some((_, gathered)) => gathered.append(&mut batches),
            None => self.logs.push((log, batches)),
        }
    }
}

/// One log of a group that was written.
struct Outcome {
    log: Log,
    written: Written,
    end: Offset,
    must_sync: bool,
    direct: bool,
    cuts: u32,
}

pub(super) struct Journal {
    pub(super) shared: Arc<Shared>,
    pub(super) wal: Wal,
    pub(super) budget: TailBudget,
    pub(super) dirty: BTreeMap<LogId, Log>,
    /// Logs that are being synced in the background.
    syncing: BTreeSet<LogId>,
    last_tick: MonoTime,
    /// Until then the disk is spared further write-ahead files.
    next_files: MonoTime,
    syncers: Option<Syncers>,
}

impl Journal {
    pub(super) fn new(shared: Arc<Shared>, wal: Wal) -> Self {
        let budget = TailBudget::new(shared.options.tail_cache_bytes);
        Self {
            shared,
            wal,
            budget,
            dirty: BTreeMap::new(),
            syncing: BTreeSet::new(),
            last_tick: MonoTime::START,
            next_files: MonoTime::START,
            syncers: None,
        }
    }

    /// Does all of `jobs` in their order; gives back who waits for the end, if that was among them.
    pub(super) fn commit(&mut self, jobs: Vec<Job>) -> Option<Sender<()>> {
        let mut group = Group::default();
        let mut doomed = Vec::new();
        let mut closing = None;
        for job in jobs {
            // Deletions that follow each other are one group as well: a topic of a thousand
            // partitions must not take a thousand times two syncs from everyone else.
            if !doomed.is_empty() && !matches!(job, Job::Delete { .. }) {
                self.delete_all(std::mem::take(&mut doomed));
            }
            match job {
                Job::Append { log, batches } => group.add(log, batches),
                Job::Barrier { log, token } => group.barriers.push((log, token)),
                Job::Delete { log, done } => {
                    self.write_group(std::mem::take(&mut group));
                    doomed.push((log, done));
                }
                other @ (Job::DeleteBefore { .. }
                | Job::Truncate { .. }
                | Job::Roll { .. }
                | Job::Swap(_)
                | Job::Synced(_)
                | Job::WalFile(_)
                | Job::Tick
                | Job::Call(_)
                | Job::Close(_)) => {
                    self.write_group(std::mem::take(&mut group));
                    closing = self.reshape(other).or(closing);
                }
            }
        }
        self.write_group(group);
        self.delete_all(doomed);
        closing
    }

    fn now(&self) -> MonoTime {
        (self.shared.options.clock)().mono
    }

    /// Writes a group. What is small is written and answered first: it takes one sync that all of
    /// it shares, and nobody who sends little has to wait for who sends much.
    fn write_group(&mut self, group: Group) {
        let (large, small): (Vec<_>, Vec<_>) =
            group.logs.into_iter().partition(|(_, batches)| bytes_of(batches) >= DIRECT_BYTES);
        self.write_logs(small);
        self.write_logs(large);
        for (log, token) in group.barriers {
            log.0.tell(LogNews::Barrier(token));
        }
    }

    fn write_logs(&mut self, logs: Vec<(Log, Vec<StampedBatch>)>) {
        if logs.is_empty() {
            return;
        }
        let now = (self.shared.options.clock)();
        let mut outcomes = Vec::with_capacity(logs.len());
        for (log, batches) in logs {
            let mut written = writer::write(&log, batches, now);
            if let Some(error) = written.sync_failed.take() {
                self.shared.fatal("a segment could not be synced", &error);
            }
            outcomes.push(outcome(log, written));
        }
        let durable = self.make_durable(&mut outcomes);
        self.count(&outcomes, now.mono);
        if let Err(error) = &durable {
            self.shared.fatal("acknowledged data could not be synced", error);
        }
        let stepped = self.stepped(&outcomes);
        for outcome in outcomes {
            self.report(outcome, durable.is_ok());
        }
        for log in stepped {
            self.sync_later(log);
        }
        self.bound_dirty();
    }

    /// Logs of which the write-ahead files hold enough to sync their segments.
    fn stepped(&self, outcomes: &[Outcome]) -> Vec<Log> {
        let logs = outcomes.iter().filter(|outcome| outcome.must_sync).map(|outcome| &outcome.log);
        logs.filter(|log| !self.syncing.contains(&log.id()))
            .filter(|log| lock(&log.0.writer).unsynced_bytes >= LOGGED_SYNC_BYTES)
            .cloned()
            .collect()
    }

    /// Files with unsynced content stay open, so that no error of theirs is missed; many thousands of
    /// them would leave no handle for anything else.
    fn bound_dirty(&mut self) {
        if self.dirty.len() < self.shared.options.dirty_handles_max {
            return;
        }
        let dirty: Vec<Log> = self.dirty.values().cloned().collect();
        if let Err(error) = self.sync_all(&dirty) {
            return self.shared.fatal("a segment could not be synced", &error);
        }
        let rows = dirty.iter().flat_map(|log| {
            let (synced, cuts) = {
                let writer = lock(&log.0.writer);
                (writer.synced, writer.cuts)
            };
            synced_rows(log, synced, cuts)
        });
        self.shared.index.write(rows.collect());
    }

    /// Counts a group that had to be made durable.
    fn count(&self, outcomes: &[Outcome], begun: MonoTime) {
        let synced = || outcomes.iter().filter(|outcome| outcome.must_sync);
        let logs = synced().count();
        if logs > 0 {
            let journal = &self.shared.options.metrics.journal;
            journal.flush.record_time(self.now().since(begun));
            journal.bytes.record(synced().map(|outcome| outcome.written.bytes).sum());
            journal.logs.record(u64::try_from(logs).unwrap_or(u64::MAX));
        }
    }

    /// Syncs what must be: large parts in their segments, all others in one write-ahead record.
    fn make_durable(&mut self, outcomes: &mut [Outcome]) -> io::Result<()> {
        let logged: Vec<_> = outcomes
            .iter()
            .filter(|outcome| outcome.must_sync && !outcome.direct)
            .map(|outcome| WalEntry {
                log: outcome.log.id(),
                cuts: outcome.cuts,
                batches: &outcome.written.batches,
                end: outcome.end,
            })
            .collect();
        let all_direct = !logged.is_empty() && !self.wal.append(&logged)?;
        let direct: Vec<Log> = outcomes
            .iter()
            .filter(|outcome| outcome.must_sync && (outcome.direct || all_direct))
            .map(|outcome| outcome.log.clone())
            .collect();
        for outcome in outcomes.iter().filter(|outcome| outcome.end > Offset::ZERO) {
            self.dirty.insert(outcome.log.id(), outcome.log.clone());
            if !outcome.must_sync {
                lock(&outcome.log.0.writer).unlogged = true;
            }
        }
        self.sync_all(&direct)?;
        for outcome in outcomes.iter_mut().filter(|it| it.must_sync && (it.direct || all_direct)) {
            // Without these a start after a kill would take damage below for a torn end.
            let rows = synced_rows(&outcome.log, outcome.end, outcome.cuts);
            outcome.written.changes.extend(rows);
        }
        Ok(())
    }

    /// The threads for so many logs, started when they are first of use.
    fn syncers(&mut self, logs: usize) -> Option<&mut Syncers> {
        if logs < 2 || !self.shared.parallel {
            return None;
        }
        Some(self.syncers.get_or_insert_with(Syncers::start))
    }

    /// Syncs the segments of `logs`, several at once where threads may be used.
    pub(super) fn sync_all(&mut self, logs: &[Log]) -> io::Result<()> {
        let synced = match self.syncers(logs.len()) {
            Some(syncers) => syncers.sync(logs),
            None => logs.iter().map(sync_log).collect(),
        };
        for (log, up_to) in logs.iter().zip(synced?) {
            self.note_synced(log, up_to, true);
        }
        Ok(())
    }

    /// Books a sync.
    fn note_synced(&mut self, log: &Log, up_to: Offset, entries: bool) {
        let mut writer = lock(&log.0.writer);
        writer.synced_to(up_to);
        if entries {
            writer.entries_dirty = false;
        }
        let clean = writer.synced == writer.end;
        if !clean {
            writer.dirty_since = Some(self.now());
        }
        drop(writer);
        if clean {
            self.dirty.remove(&log.id());
            if let Some(active) = log.0.active() {
                active.set_dirty(false);
            }
        }
        self.wal.covered(log.id(), up_to);
    }

    fn report(&mut self, outcome: Outcome, durable: bool) {
        let Outcome { log, written, end, must_sync, .. } = outcome;
        let Written { batches, changes, refused, .. } = written;
        let acknowledged = durable || !must_sync;
        if let Some(first) = batches.first() {
            let from = Offset::clamped(first.header.base_offset);
            if acknowledged {
                self.budget.fill(&log, batches);
                log.0.tell(LogNews::Flushed { up_to: end });
            } else {
                log.0.tell(LogNews::Refused { from, error: AppendError::Offline });
            }
        }
        if let Some((from, error)) = refused {
            log.0.tell(LogNews::Refused { from, error });
        }
        if !changes.is_empty() {
            self.shared.index.write(changes);
        }
    }

    /// Ticks where write-ahead files run out, or the last tick is long ago.
    pub(super) fn tick_if_due(&mut self) {
        if self.now().since(self.last_tick) >= TICK_INTERVAL || !self.wal.pressing().is_empty() {
            self.tick();
        }
    }

    /// Starts background syncs of what is due, and makes write-ahead files that are missing.
    pub(super) fn tick(&mut self) {
        let now = self.now();
        self.last_tick = now;
        let pressing: BTreeSet<LogId> = self.wal.pressing().into_iter().collect();
        let interval = self.shared.options.flush_scheduler_interval;
        let due: Vec<Log> = self
            .dirty
            .iter()
            .filter(|(id, _)| !self.syncing.contains(id))
            .filter(|(id, log)| pressing.contains(id) || is_due(log, now, interval))
            .map(|(_, log)| log.clone())
            .collect();
        for log in due {
            self.sync_later(log);
        }
        if now >= self.next_files {
            self.make_wal_files();
        }
    }

    fn make_wal_files(&mut self) {
        for (dir, number, bytes) in self.wal.missing_files() {
            let shared = Arc::clone(&self.shared);
            self.shared.later(Box::new(move || {
                shared.send(Job::WalFile(make_file(&*shared.disk, &dir, number, bytes)));
            }));
        }
    }

    /// Takes a write-ahead file, or that it could not be made.
    pub(super) fn wal_file(&mut self, made: io::Result<WalFile>) {
        if made.is_err() {
            self.next_files = self.now().after(REFUSED_FILE_PAUSE);
        }
        self.wal.made(made);
    }

    fn sync_later(&mut self, log: Log) {
        let Some(segment) = log.0.active() else {
            return;
        };
        self.syncing.insert(log.id());
        let mut writer = lock(&log.0.writer);
        let (up_to, cuts, entries) = (writer.end, writer.cuts, writer.entries_dirty);
        writer.unsynced_bytes = 0;
        drop(writer);
        let row = segment.row();
        self.shared.later(Box::new(move || {
            let synced = log.0.file(&segment, OpenMode::Existing).and_then(|file| file.sync());
            let names = if entries { writer::sync_entries(&log) } else { Ok(()) };
            let result = synced.and(names);
            let shared = Arc::clone(&log.0.shared);
            shared.send(Job::Synced(Synced { log, row, up_to, cuts, entries, result }));
        }));
    }

    /// Takes the result of a background sync.
    pub(super) fn synced(&mut self, synced: &Synced) {
        let log = &synced.log;
        self.syncing.remove(&log.id());
        let cuts = lock(&log.0.writer).cuts;
        // Without a segment the log was deleted meanwhile. One that is offline counts: what was
        // acknowledged is safe then, and no write-ahead file has to wait for it.
        if log.0.active().is_none() || cuts != synced.cuts {
            return;
        }
        match &synced.result {
            Ok(()) => {
                // A segment that was begun meanwhile has an entry of its own to sync.
                let is_active = log.0.active().is_some_and(|active| active.base == synced.row.base);
                self.note_synced(log, synced.up_to, synced.entries && is_active);
                self.shared
                    .index
                    .write(vec![synced.row.put(log.0.puid), log.0.meta_row(synced.up_to, cuts)]);
            }
            Err(error) => self.shared.fatal("a segment could not be synced", error),
        }
    }
}

fn bytes_of(batches: &[StampedBatch]) -> u64 {
    batches.iter().map(|batch| batch.header.size_bytes as u64).sum()
}

/// Rows that say up to where a log is synced, all of it.
fn synced_rows(log: &Log, up_to: Offset, cuts: u32) -> impl Iterator<Item = Change> {
    let segment = log.0.active().map(|active| active.row().put(log.0.puid));
    segment.into_iter().chain([log.0.meta_row(up_to, cuts)])
}

/// Decides how a log's part of the group is made durable.
fn outcome(log: Log, written: Written) -> Outcome {
    let writer = lock(&log.0.writer);
    let must_sync =
        !written.batches.is_empty() && writer.unflushed_records >= log.policy().flush_messages;
    let direct = writer.unlogged || written.bytes >= DIRECT_BYTES;
    let end = if written.batches.is_empty() { Offset::ZERO } else { writer.end };
    let cuts = writer.cuts;
    drop(writer);
    Outcome { log, written, end, must_sync, direct, cuts }
}

fn is_due(log: &Log, now: MonoTime, interval: Duration) -> bool {
    let writer = lock(&log.0.writer);
    let wait = match log.policy().flush_ms {
        _ if !writer.unlogged => LOGGED_SYNC_INTERVAL,
        Some(flush_ms) => Duration::from_millis(flush_ms),
        None => interval,
    };
    writer.dirty_since.is_some_and(|since| now.since(since) >= wait)
}
