//! Finds out what one log holds after a start: from the index as far as that can be trusted, from
//! the batches themselves beyond, then from the write-ahead files.

use super::disk::{DirEntry, OpenMode};
use super::error::ReadError;
use super::index::{
    Change, MetaRow, PlaceRow, SegmentRow, Space, decode_cleaned, decode_epoch, key_offset, kind,
    prefix, put_epoch, remove_beyond, remove_log, remove_range,
};
use super::log::Log;
use super::producers::{self, ProducerScan, RecoveredState};
use super::read::locate;
use super::scan::{Look, Step, Walk};
use super::segment::{Segment, base_of, lock};
use super::state_file::{self, LogState};
use super::wal_read::Held;
use super::writer;
use crate::types::{LeaderEpoch, Offset};
use crate::wire::{BatchHeader, StampedBatch};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// What is known before a log is looked at.
pub(super) struct Known {
    pub(super) meta: Option<MetaRow>,
    /// The folder was closed in order: rows that fit the files need no proof.
    pub(super) clean: bool,
    /// What the write-ahead files hold for it, oldest first, each with the log's cuts of then.
    pub(super) logged: Vec<(u32, Bytes)>,
    /// What they can't give any more, because it was damaged.
    pub(super) damaged: Vec<Held>,
}

/// Why a log can't take part.
type Damage = String;

fn io_damage(what: &str) -> impl Fn(io::Error) -> Damage + '_ {
    move |error| format!("{what}: {error}")
}

/// What was found out of a log.
pub(super) struct Found {
    pub(super) log: Log,
    /// Whether its newest segment and its folder have to be synced before the rows are written.
    pub(super) must_sync: bool,
    changes: Vec<Change>,
}

/// Recovers `log`, which is fresh and empty, but for what `Found` leaves to do; a damaged one is
/// offline afterwards.
pub(super) fn recover(log: Log, known: &Known) -> Option<Found> {
    match find_out(&log, known) {
        Ok((changes, must_sync)) => Some(Found { log, must_sync, changes }),
        Err(damage) => {
            give_up(&log, damage);
            None
        }
    }
}

fn give_up(log: &Log, damage: Damage) {
    log::error!(
        log:% = log.id(), damage = damage.as_str();
        "a log is damaged and offline; restore its folder or delete the topic"
    );
    log.0.set_offline(damage);
}

impl Found {
    /// Syncs the log where it must be, unless everything was synced already, and writes its rows.
    pub(super) fn finish(self, all_synced: bool) {
        let Self { log, must_sync, changes } = self;
        if must_sync {
            let synced = if all_synced { Ok(()) } else { sync_files(&log) };
            if let Err(error) = synced {
                return give_up(&log, io_damage("a sync")(error));
            }
            lock(&log.0.writer).entries_dirty = false;
            if let Some(active) = log.0.active() {
                active.set_dirty(false);
            }
        }
        log.0.shared.index.write(changes);
    }
}

/// What is to be written to the index, once the log is synced if it must be.
fn find_out(log: &Log, known: &Known) -> Result<(Vec<Change>, bool), Damage> {
    let disk = &*log.0.shared.disk;
    let (files, has_state) = files(log).map_err(io_damage("its folder"))?;
    let state = if has_state { LogState::read(disk, &log.0.dir) } else { Ok(LogState::default()) };
    let state = state.map_err(io_damage("its state"))?;
    let trusted = known.meta.filter(|meta| meta.cuts == state.cuts);
    let mut survey = Survey::new(log, trusted.is_some(), known.clean);
    let segments = survey.segments(&files)?;
    let first = segments.first().map_or(state.start, |segment| segment.base);
    let mut end = segments.last().map_or(state.start, |segment| segment.end());
    let max_timestamp = segments.iter().map(|segment| segment.max_timestamp()).max();
    let has_files = !segments.is_empty();
    log.0.segments.store(Arc::new(segments));
    let mut changes = std::mem::take(&mut survey.changes);
    let mut proved = survey.proved;
    {
        let mut writer = lock(&log.0.writer);
        writer.start_at(end, max_timestamp.unwrap_or(-1), state.cuts);
        // A killed process may have left entries that only the system's memory holds.
        writer.entries_dirty = !known.clean && has_files;
    }
    log.0.set_end(end);
    let replayed = replay(log, &known.logged, state.cuts, &mut changes)?;
    proved |= replayed;
    end = log.log_end_offset();
    let counts = |held: &&Held| held.cuts == state.cuts && held.base >= state.start;
    if let Some(held) = known.damaged.iter().filter(counts).find(|held| end <= held.base) {
        let lost = held.base;
        return Err(format!("it ends at {end}; the write-ahead record of {lost} is damaged"));
    }
    if let Some(meta) = trusted.filter(|meta| end < meta.recovery_point) {
        return Err(format!("it ends at {end}, but was synced up to {}", meta.recovery_point));
    }
    // Even where nothing new was found: a write that a killed process had cut back is in the
    // system's memory alone, and must not come back under what is written there next.
    let mut must_sync = !known.clean && has_files || proved || replayed;
    if end < state.start {
        restart_at(log, state).map_err(io_damage("restarting it behind deleted records"))?;
        end = state.start;
        must_sync = false;
    }
    log.0.set_start(first.max(state.start));
    lock(&log.0.epochs).truncate(end);
    lock(&log.0.epochs).delete_before(log.log_start_offset());
    lock(&log.0.snapshots).retain(|at| *at <= end);
    lock(&log.0.writer).synced_to(end);
    if !known.clean || trusted.is_none() {
        forget_beyond(log, end, &mut changes);
    }
    if let Some(active) = log.0.active() {
        changes.push(active.row().put(log.0.puid));
    }
    changes.push(log.0.meta_row(end, state.cuts));
    Ok((changes, must_sync))
}

/// The segment files by base offset, and whether there is a state file; removes what a crash left
/// half made.
fn files(log: &Log) -> io::Result<(Vec<(Offset, DirEntry)>, bool)> {
    let disk = &*log.0.shared.disk;
    let mut found = Vec::new();
    let mut has_state = false;
    for entry in disk.list(&log.0.dir)? {
        has_state |= entry.name == state_file::FILE;
        if let Some(base) = base_of(&entry.name) {
            found.push((base, entry));
        } else if entry.name.ends_with(".cleaned") || entry.name.ends_with(".tmp") {
            disk.remove_file(&log.0.dir.join(&entry.name))?;
        }
    }
    found.sort_by_key(|(base, _)| *base);
    Ok((found, has_state))
}

/// The look at a log's segments.
struct Survey<'a> {
    log: &'a Log,
    /// The folder was closed in order: all of it was synced.
    clean: bool,
    rows: BTreeMap<Offset, SegmentRow>,
    changes: Vec<Change>,
    /// Something was read that was not known to be synced.
    proved: bool,
}

impl<'a> Survey<'a> {
    /// Reads what the index says of the log, where that can be trusted.
    fn new(log: &'a Log, trusted: bool, clean: bool) -> Self {
        let puid = log.0.puid;
        let index = &log.0.shared.index;
        let mut rows = BTreeMap::new();
        if trusted {
            let found = index.scan(Space::Index, &prefix(kind::SEGMENT, puid));
            for row in found.iter().filter_map(|(key, value)| SegmentRow::decode(key, value)) {
                rows.insert(row.base, row);
            }
            for (key, value) in index.scan(Space::State, &prefix(kind::EPOCH, puid)) {
                if let Some((epoch, start)) = decode_epoch(&key, &value) {
                    lock(&log.0.epochs).assign(epoch, start);
                }
            }
            let snapshots = index.scan(Space::State, &prefix(kind::PRODUCERS, puid));
            lock(&log.0.snapshots).extend(snapshots.iter().filter_map(|(key, _)| key_offset(key)));
            let cleaned = index.scan(Space::State, &prefix(kind::CLEANED, puid));
            if let Some(up_to) = cleaned.first().and_then(|(_, value)| decode_cleaned(value)) {
                log.0.set_cleaned(up_to);
            }
        }
        // What it says of a log that was another then would lead astray.
        let changes = if trusted { Vec::new() } else { remove_log(puid) };
        Self { log, clean, rows, changes, proved: false }
    }

    fn segments(&mut self, files: &[(Offset, DirEntry)]) -> Result<Vec<Arc<Segment>>, Damage> {
        let mut segments: Vec<Arc<Segment>> = Vec::with_capacity(files.len());
        for (at, (base, entry)) in files.iter().enumerate() {
            let end = segments.last().map(|segment| segment.end());
            let segment = Arc::new(Segment::new(&self.log.0.dir, *base));
            if end.is_some_and(|end| *base < end) {
                // Compaction put its content into the one before and had no time to remove it.
                let disk = &*self.log.0.shared.disk;
                disk.remove_file(segment.path()).map_err(io_damage("a leftover segment"))?;
                continue;
            }
            let is_last = at + 1 == files.len();
            segment.set_modified(entry.modified_ms);
            self.describe(&segment, entry.bytes, is_last)?;
            segments.push(segment);
        }
        Ok(segments)
    }

    /// Finds out what a segment of `bytes` holds.
    fn describe(
        &mut self,
        segment: &Arc<Segment>,
        bytes: u64,
        is_last: bool,
    ) -> Result<(), Damage> {
        let row = self.rows.get(&segment.base).copied();
        // Of the last segment of a log that was not closed, what lies behind the row is looked at;
        // where nothing does, there is no need to open it.
        if let Some(row) = row.filter(|row| row.bytes == bytes) {
            segment.describe(&row);
            return Ok(());
        }
        if is_last && let Some(row) = row.filter(|row| row.bytes > bytes) {
            let lost = row.bytes - bytes;
            return Err(format!("segment {} lost {lost} bytes that were synced", segment.base));
        }
        let from = if is_last { row } else { None };
        if from.is_none() {
            // Its rows are missing, or those of what it was before a compaction.
            let end = row.map_or(segment.base, |row| row.end);
            let puid = self.log.0.puid;
            self.changes.push(remove_range(kind::OFFSET, puid, segment.base, end));
        }
        let look = if is_last { Look::Checked } else { Look::Headers };
        let from = from.unwrap_or_else(|| segment.row());
        let (row, good) = self.scan(segment, from, bytes, look)?;
        segment.describe(&row);
        if good {
            return Ok(());
        }
        if !is_last {
            let (base, at) = (segment.base, row.bytes);
            return Err(format!("segment {base} is damaged at byte {at}, before the log's end"));
        }
        let lost = bytes - row.bytes;
        if self.clean {
            // No write was under way that a crash could have torn.
            let (base, at) = (segment.base, row.bytes);
            return Err(format!("segment {base} is damaged at byte {at}, and was closed in order"));
        }
        log::warn!(log:% = self.log.id(), end:% = row.end, lost; "cut a torn tail off a log");
        self.proved = true;
        let file = self.log.0.file(segment, OpenMode::Existing);
        file.and_then(|file| file.truncate(row.bytes)).map_err(io_damage("cutting a torn tail"))
    }

    /// Walks from where `row` ends; what the segment holds then, and whether all of it is good.
    fn scan(
        &mut self,
        segment: &Arc<Segment>,
        mut row: SegmentRow,
        bytes: u64,
        look: Look,
    ) -> Result<(SegmentRow, bool), Damage> {
        let file = self.log.0.file(segment, OpenMode::Existing).map_err(io_damage("a segment"))?;
        let interval = u64::from(self.log.0.shared.options.index_interval_bytes);
        let mut walk = Walk::new(file, look, row.bytes, bytes);
        let mut place_at = row.bytes;
        loop {
            match walk.step().map_err(io_damage("a segment"))? {
                Step::Batch { header, position } if header.base_offset >= row.end.to_wire() => {
                    self.proved |= look == Look::Checked;
                    if position >= place_at {
                        self.place(segment, &header, position, row.max_timestamp);
                        place_at = position + interval;
                    }
                    take(&mut row, &header, position);
                    self.epoch(&header);
                }
                Step::End => return Ok((row, true)),
                Step::Batch { .. } | Step::Bad => return Ok((row, false)),
            }
        }
    }

    fn place(&mut self, segment: &Segment, header: &BatchHeader, position: u64, before: i64) {
        let place = PlaceRow {
            offset: Offset::clamped(header.base_offset),
            segment: segment.base,
            position,
            max_timestamp_before: before,
        };
        place.put(self.log.0.puid, false, &mut self.changes);
    }

    fn epoch(&mut self, header: &BatchHeader) {
        let (epoch, start) =
            (LeaderEpoch(header.leader_epoch), Offset::clamped(header.base_offset));
        if lock(&self.log.0.epochs).assign(epoch, start) {
            self.changes.push(put_epoch(self.log.0.puid, epoch, start));
        }
    }
}

/// Adds a batch to what is known of its segment.
pub(super) fn take(row: &mut SegmentRow, header: &BatchHeader, position: u64) {
    if position == 0 {
        row.first_timestamp = header.max_timestamp;
    }
    row.max_timestamp = row.max_timestamp.max(header.max_timestamp);
    row.end = header.next_offset();
    row.bytes = position + header.size_bytes as u64;
}

/// Writes what the write-ahead files hold beyond the log's end; whether there was anything.
fn replay(
    log: &Log,
    logged: &[(u32, Bytes)],
    cuts: u32,
    changes: &mut Vec<Change>,
) -> Result<bool, Damage> {
    let mut any = false;
    for (_, payload) in logged.iter().filter(|(then, _)| *then == cuts) {
        let mut rest = payload.clone();
        let mut batches = Vec::new();
        while let Ok(header) = BatchHeader::parse(&rest) {
            let bytes = header.size_bytes.min(rest.len());
            let batch = rest.split_to(bytes);
            let base = Offset::clamped(header.base_offset);
            if batch.len() == header.size_bytes && header.next_offset() > log.log_end_offset() {
                let epoch = LeaderEpoch(header.leader_epoch);
                batches.push(StampedBatch::new(header, &batch, base, epoch));
            }
        }
        if batches.is_empty() {
            continue;
        }
        any = true;
        let written = writer::write(log, batches, (log.0.shared.options.clock)());
        changes.extend(written.changes);
        if let Some((from, error)) = written.refused {
            let end = log.log_end_offset();
            return Err(format!(
                "it ends at {end}; acknowledged batches at {from} can't be added: {error}"
            ));
        }
    }
    Ok(any)
}

fn sync_files(log: &Log) -> io::Result<()> {
    if let Some(active) = log.0.active() {
        log.0.file(&active, OpenMode::Existing)?.sync()?;
    }
    writer::sync_entries(log)
}

/// All that is left lies below what was deleted: the log goes on, empty, behind that.
fn restart_at(log: &Log, state: LogState) -> io::Result<()> {
    let disk = &*log.0.shared.disk;
    for segment in log.0.segments.swap(Arc::default()).iter() {
        segment.retire();
        disk.remove_file(segment.path())?;
        disk.sync_dir(&log.0.dir)?;
    }
    lock(&log.0.writer).start_at(state.start, -1, state.cuts);
    log.0.set_end(state.start);
    Ok(())
}

/// Rows of what the log does not hold (any more), and rows that are about to be written anew.
fn forget_beyond(log: &Log, end: Offset, changes: &mut Vec<Change>) {
    let puid = log.0.puid;
    let mut first = remove_beyond(puid, end, log.max_timestamp());
    first.append(changes);
    *changes = first;
    for (epoch, start) in lock(&log.0.epochs).entries() {
        changes.push(put_epoch(puid, *epoch, *start));
    }
}

/// Producers at the log's end.
pub(super) fn producers(log: &Log) -> Result<RecoveredState, ReadError> {
    log.0.check_online()?;
    let end = log.log_end_offset();
    // Removals may not have reached the index yet.
    let known = lock(&log.0.snapshots).clone();
    let rows = log.0.shared.index.scan(Space::State, &prefix(kind::PRODUCERS, log.0.puid));
    let snapshot = rows.iter().rev().find_map(|(key, value)| {
        let at = key_offset(key).filter(|at| *at <= end && known.contains(at))?;
        Some((at, producers::decode(value)?))
    });
    let (at, entries) = snapshot.unwrap_or_default();
    let mut scan = ProducerScan::from_entries(entries);
    let from = at.max(log.log_start_offset());
    if from < end
        && let Some((first, position)) = locate(log, from)
    {
        let segments = log.0.segments.load_full();
        for segment in segments.iter().filter(|segment| segment.base >= first.base) {
            let position = if segment.base == first.base { position } else { 0 };
            let file = log.0.file(segment, OpenMode::Existing)?;
            let mut walk = Walk::new(file, Look::Headers, position, segment.bytes());
            while let Step::Batch { header, .. } = walk.step()? {
                if header.base_offset >= from.to_wire() {
                    scan.take(&header);
                }
            }
        }
    }
    Ok(RecoveredState { producers: scan.into_entries() })
}
