//! The journal's other jobs: what changes the shape of a log instead of extending it.

use super::disk::OpenMode;
use super::index::{PlaceRow, Space, kind, remove_below, remove_beyond, remove_log};
use super::journal::Journal;
use super::log::Log;
use super::scan::{Look, Step, Walk};
use super::segment::{Segment, lock};
use super::shared::{Done, Job, Shared, Swap};
use super::state_file::LogState;
use super::wal::WalEntry;
use super::writer::{self, Written};
use crate::types::Offset;
use crossbeam_channel::Sender;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Deletions in one write to the write-ahead file.
const DELETIONS_MAX: usize = 4096;

impl Journal {
    /// Does a job that is neither an append nor a barrier.
    pub(super) fn reshape(&mut self, job: Job) -> Option<Sender<()>> {
        match job {
            Job::DeleteBefore { log, offset, durable, done } => {
                let change = |_: &mut Self| delete_before(&log, offset, durable);
                if self.attempt(&log, "advance the log start of", change) {
                    done();
                }
            }
            Job::Truncate { log, offset, done } => {
                if self.attempt(&log, "truncate", |journal| journal.truncate(&log, offset)) {
                    done();
                }
            }
            Job::Roll { log, base } => {
                self.attempt(&log, "roll", |journal| journal.roll(&log, base));
            }
            Job::Swap(swap) => {
                let log = swap.log.clone();
                self.attempt(&log, "swap segments of", |_| swap_segments(swap));
                // What the cleaner took out shall not be read from memory.
                self.budget.forget(&log);
            }
            Job::Synced(synced) => self.synced(&synced),
            Job::WalFile(made) => self.wal_file(made),
            Job::Tick => self.tick(),
            Job::Call(done) => done(),
            Job::Close(waiting) => {
                let dirty: Vec<Log> = self.dirty.values().cloned().collect();
                if let Err(error) = self.sync_all(&dirty) {
                    self.shared.fatal("a segment could not be synced", &error);
                }
                return Some(waiting);
            }
            // Gathered into groups before.
            Job::Append { .. } | Job::Barrier { .. } | Job::Delete { .. } => {}
        }
        None
    }

    /// Whether it worked. A change that fails half way leaves a log that memory and disk disagree
    /// about; for want of room it has not begun.
    fn attempt(
        &mut self,
        log: &Log,
        what: &str,
        change: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> bool {
        if log.0.is_offline() {
            return false;
        }
        match change(self) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                log::warn!(log:% = log.id(), error:%; "no room to {what} a log");
                false
            }
            Err(error) => {
                log::error!(log:% = log.id(), error:%; "could not {what} a log; it goes offline");
                log.0.set_offline(format!("could not {what} it: {error}"));
                false
            }
        }
    }

    /// Deletes logs: two syncs for all of them.
    pub(super) fn delete_all(&mut self, doomed: Vec<(Log, Done)>) {
        if doomed.is_empty() {
            return;
        }
        for (log, _) in &doomed {
            log.0.set_offline("the log was deleted".to_owned());
            self.budget.forget(log);
            self.dirty.remove(&log.id());
            for segment in log.0.segments.swap(Arc::default()).iter() {
                segment.retire();
            }
        }
        let logs: Vec<Log> = doomed.iter().map(|(log, _)| log.clone()).collect();
        self.unlink(&logs);
        let mut changes = Vec::new();
        for log in &logs {
            self.wal.covered(log.id(), Offset::MAX);
            changes.extend(remove_log(log.0.puid));
        }
        self.shared.index.write(changes);
        doomed.into_iter().for_each(|(_, done)| done());
    }

    fn unlink(&mut self, logs: &[Log]) {
        let disk = Arc::clone(&self.shared.disk);
        // One that was never written to has nothing to remove.
        let there = |log: &&Log| log.log_end_offset() > Offset::ZERO || disk.exists(&log.0.dir);
        let logs: Vec<&Log> = logs.iter().filter(there).collect();
        // Without this, a write-ahead file could bring them back.
        for logs in logs.chunks(DELETIONS_MAX) {
            let gone = |log: &&Log| WalEntry {
                log: log.id(),
                cuts: 0,
                batches: &[],
                end: log.log_end_offset(),
            };
            let gone: Vec<WalEntry<'_>> = logs.iter().map(gone).collect();
            if let Err(error) = self.wal.append(&gone) {
                self.shared.fatal("a write-ahead file could not be synced", &error);
            }
        }
        let (mut doomed, mut above) = (Vec::new(), BTreeSet::new());
        for log in logs {
            let path = deleted_path(log);
            match disk.rename(&log.0.dir, &path) {
                Ok(()) => doomed.push(path),
                Err(error) => {
                    log::error!(log:% = log.id(), error:%; "a deleted log could not be removed");
                }
            }
            above.extend(log.0.dir.parent().map(Path::to_owned));
        }
        for dir in above {
            if let Err(error) = disk.sync_dir(&dir) {
                log::error!(error:%; "the names of deleted logs could not be synced");
                return;
            }
        }
        for path in doomed {
            let disk = Arc::clone(&disk);
            self.shared.later(Box::new(move || {
                if let Err(error) = disk.remove_dir_all(&path) {
                    log::warn!(error:%; "the folder of a deleted log is left behind");
                }
            }));
        }
    }

    fn roll(&mut self, log: &Log, base: Offset) -> io::Result<()> {
        let active = log.0.active();
        if active.is_none_or(|active| active.base != base || active.bytes() == 0) {
            return Ok(());
        }
        let mut written = Written::default();
        let rolled = writer::roll(log, &mut lock(&log.0.writer), &mut written);
        if let Some(error) = written.sync_failed {
            self.shared.fatal("a segment could not be synced", &error);
        }
        // No room for another segment: the old one goes on.
        if rolled.is_ok() {
            self.sync_all(std::slice::from_ref(log))?;
        }
        self.shared.index.write(written.changes);
        Ok(())
    }

    fn truncate(&mut self, log: &Log, offset: Offset) -> io::Result<()> {
        if offset >= log.log_end_offset() {
            return Ok(());
        }
        let cuts = lock(&log.0.writer).cuts + 1;
        let start = log.log_start_offset();
        // From here on no record of the write-ahead files counts for this log, so what stays must
        // be in its segments.
        self.sync_all(std::slice::from_ref(log))?;
        LogState { start: start.min(offset), cuts }.write(&*self.shared.disk, &log.0.dir)?;
        self.budget.forget(log);
        let end = cut(log, offset)?;
        let mut writer = lock(&log.0.writer);
        writer.end = end;
        writer.synced = end;
        writer.cuts = cuts;
        writer.synced_to(end);
        drop(writer);
        log.0.set_end(end);
        log.0.set_start(start.min(end));
        lock(&log.0.epochs).truncate(end);
        lock(&log.0.snapshots).retain(|at| *at <= end);
        self.dirty.remove(&log.id());
        self.wal.covered(log.id(), Offset::MAX);
        let puid = log.0.puid;
        let mut changes = remove_beyond(puid, end, log.max_timestamp());
        for (epoch, first) in lock(&log.0.epochs).entries() {
            changes.push(super::index::put_epoch(puid, *epoch, *first));
        }
        changes.extend(log.0.active().map(|active| active.row().put(puid)));
        changes.push(log.0.meta_row(end, cuts));
        self.shared.index.write(changes);
        // Rows that still pointed at what is gone would lead readers astray.
        self.shared.index.flush();
        Ok(())
    }
}

/// Where a deleted log's folder goes until it is removed; Kafka's suffix.
pub(super) fn deleted_path(log: &Log) -> PathBuf {
    let name = log.0.dir.file_name().unwrap_or_default().to_string_lossy();
    log.0.dir.with_file_name(format!("{name}-delete"))
}

/// Advances the log start, and drops segments that lie below it as a whole.
fn delete_before(log: &Log, offset: Offset, durable: bool) -> io::Result<()> {
    let start = log.log_start_offset();
    let offset = offset.min(log.log_end_offset()).max(start);
    if durable && offset > start {
        let (cuts, entries_dirty) = {
            let writer = lock(&log.0.writer);
            (writer.cuts, writer.entries_dirty)
        };
        LogState { start: offset, cuts }.write(&*log.0.shared.disk, &log.0.dir)?;
        if entries_dirty {
            // A young log's folder may not last yet, though its records do, in a write-ahead file.
            writer::sync_entries(log)?;
        }
    }
    log.0.set_start(offset);
    lock(&log.0.epochs).delete_before(offset);
    let segments = log.0.segments.load_full();
    // The last one stays, and those that reach beyond the start.
    let below = |at: usize| segments.get(at + 1).is_some_and(|next| next.base <= offset);
    let count = (0..segments.len()).take_while(|at| below(*at)).count();
    let (gone, kept) = segments.split_at(count);
    if !gone.is_empty() {
        // Before they leave the list: who fails to read one finds that the list has changed.
        gone.iter().for_each(|segment| segment.retire());
        log.0.segments.store(Arc::new(kept.to_vec()));
        remove_later(&log.0.shared, gone);
    }
    let puid = log.0.puid;
    let first = kept.first().map_or(offset, |segment| segment.base);
    let (synced, cuts) = {
        let writer = lock(&log.0.writer);
        (writer.synced, writer.cuts)
    };
    log.0.shared.index.write(vec![
        log.0.meta_row(synced, cuts),
        remove_below(Space::Index, kind::OFFSET, puid, first),
        remove_below(Space::Index, kind::SEGMENT, puid, first),
    ]);
    Ok(())
}

/// Removes files from the oldest on, each for good before the next: a gap must never show.
fn remove_later(shared: &Arc<Shared>, gone: &[Arc<Segment>]) {
    let gone = gone.to_vec();
    let disk = Arc::clone(&shared.disk);
    shared.later(Box::new(move || {
        for segment in &gone {
            let dir = segment.path().parent();
            let removed = disk.remove_file(segment.path());
            let synced = removed.and_then(|()| dir.map_or(Ok(()), |dir| disk.sync_dir(dir)));
            if let Err(error) = synced {
                log::warn!(error:%; "a segment that is not needed any more is left behind");
                return;
            }
        }
    }));
}

/// Cuts the files of a log at the batch that holds `offset`; where it ends now.
fn cut(log: &Log, offset: Offset) -> io::Result<Offset> {
    let disk = &*log.0.shared.disk;
    let segments = log.0.segments.load_full();
    let kept = segments.partition_point(|segment| segment.base <= offset).max(1);
    // From the last on, each for good before the one before it: the rest is a log at any time.
    for segment in segments.iter().skip(kept).rev() {
        segment.retire();
        disk.remove_file(segment.path())?;
        disk.sync_dir(&log.0.dir)?;
    }
    let Some(last) = segments.get(kept - 1) else {
        return Ok(Offset::ZERO);
    };
    let file = log.0.file(last, OpenMode::Existing)?;
    let mut walk = Walk::new(Arc::clone(&file), Look::Headers, 0, last.bytes());
    let mut row = Segment::new(&log.0.dir, last.base).row();
    loop {
        match walk.step()? {
            Step::Batch { header, position } if header.next_offset() <= offset => {
                if position == 0 {
                    row.first_timestamp = header.max_timestamp;
                }
                row.max_timestamp = row.max_timestamp.max(header.max_timestamp);
                row.end = header.next_offset();
                row.bytes = position + header.size_bytes as u64;
            }
            Step::Batch { .. } | Step::End => break,
            Step::Bad => return Err(io::Error::other("no batch where one should begin")),
        }
    }
    file.truncate(row.bytes)?;
    file.sync()?;
    // Cursors into the old one must not be used on what is written there next.
    last.retire();
    let shorter = Arc::new(Segment::new(&log.0.dir, last.base));
    shorter.describe(&row);
    let mut next: Vec<_> = segments.iter().take(kept - 1).cloned().collect();
    next.push(shorter);
    log.0.segments.store(Arc::new(next));
    Ok(row.end)
}

/// Puts a cleaned segment in the place of those it was made from.
fn swap_segments(swap: Swap) -> io::Result<()> {
    let Swap { log, old, new, cleaned, places, done, pending: _pending } = swap;
    let disk = &*log.0.shared.disk;
    let segments = log.0.segments.load_full();
    let unchanged = old.iter().all(|old| segments.iter().any(|segment| Arc::ptr_eq(segment, old)));
    let last_is_active =
        segments.last().is_some_and(|active| old.iter().any(|old| Arc::ptr_eq(old, active)));
    if !unchanged || last_is_active {
        // Retention or a truncation was faster: what was cleaned is of no use.
        disk.remove_file(&cleaned)?;
        done();
        return Ok(());
    }
    let mut next = Vec::with_capacity(segments.len());
    for segment in segments.iter() {
        if old.first().is_some_and(|first| Arc::ptr_eq(first, segment)) {
            next.push(Arc::clone(&new));
        } else if !old.iter().any(|old| Arc::ptr_eq(old, segment)) {
            next.push(Arc::clone(segment));
        }
    }
    if let Some(first) = old.first() {
        // Kept open, so that who is reading in it goes on in the old file, and does not look for
        // its places in the new one.
        first.set_dirty(true);
        log.0.file(first, OpenMode::Existing)?;
    }
    disk.rename(&cleaned, new.path())?;
    disk.sync_dir(&log.0.dir)?;
    log.0.segments.store(Arc::new(next));
    let puid = log.0.puid;
    let mut changes = Vec::new();
    for segment in &old {
        segment.retire();
    }
    for place in &places {
        PlaceRow::put(place, puid, false, &mut changes);
        new.remember(*place);
    }
    changes.push(new.row().put(puid));
    log.0.shared.index.write(changes);
    // The first one's name is the new one's now. What is left of the others lies within it, which
    // recovery knows, so this may wait.
    remove_later(&log.0.shared, old.get(1..).unwrap_or_default());
    done();
    Ok(())
}
