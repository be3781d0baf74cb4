//! Writes batches to the end of one log: rolls segments, cuts back what failed, notes places.

use super::disk::OpenMode;
use super::error::AppendError;
use super::index::{Change, PlaceRow, put_epoch};
use super::log::Log;
use super::segment::{Segment, lock};
use crate::types::{LeaderEpoch, MonoTime, Now, Offset};
use crate::wire::StampedBatch;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Bytes after which a snapshot of the producers is due.
const SNAPSHOT_BYTES: u64 = 16 << 20;
/// Farther than any interval: the next batch gets a row.
const FAR: u64 = u64::MAX / 2;

/// What the journal knows of one log.
#[derive(Debug)]
pub(super) struct Writer {
    /// Offset of the next batch.
    pub(super) end: Offset,
    /// Everything below is in synced segments.
    pub(super) synced: Offset,
    /// Some of what is not synced is in no write-ahead file either.
    pub(super) unlogged: bool,
    /// Since when something has not been synced.
    pub(super) dirty_since: Option<MonoTime>,
    /// Bytes for which no sync has begun.
    pub(super) unsynced_bytes: u64,
    /// Entries of the folder are not synced.
    pub(super) entries_dirty: bool,
    /// Records since the last sync, for `flush.messages`.
    pub(super) unflushed_records: u64,
    /// How often the log was truncated.
    pub(super) cuts: u32,
    /// Largest timestamp so far.
    pub(super) max_timestamp: i64,
    bytes_since_place: u64,
    /// `max_timestamp` when the last place with a time was noted.
    noted_timestamp: i64,
    bytes_since_snapshot: u64,
    dir_made: bool,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            end: Offset::ZERO,
            synced: Offset::ZERO,
            unlogged: false,
            dirty_since: None,
            unsynced_bytes: 0,
            entries_dirty: false,
            unflushed_records: 0,
            cuts: 0,
            max_timestamp: -1,
            bytes_since_place: FAR,
            noted_timestamp: -1,
            bytes_since_snapshot: 0,
            dir_made: false,
        }
    }
}

impl Writer {
    /// Starts at the end of a log that was found on disk.
    pub(super) fn start_at(&mut self, end: Offset, max_timestamp: i64, cuts: u32) {
        self.end = end;
        self.synced = end;
        self.max_timestamp = max_timestamp;
        self.noted_timestamp = max_timestamp;
        self.cuts = cuts;
    }

    pub(super) const fn wants_producers(&self) -> bool {
        self.bytes_since_snapshot >= SNAPSHOT_BYTES
    }

    pub(super) const fn snapshot_taken(&mut self) {
        self.bytes_since_snapshot = 0;
    }

    /// Everything up to `up_to` is in synced segments.
    pub(super) fn synced_to(&mut self, up_to: Offset) {
        self.synced = self.synced.max(up_to);
        if self.synced == self.end {
            self.unlogged = false;
            self.dirty_since = None;
            self.unsynced_bytes = 0;
            self.unflushed_records = 0;
        }
    }
}

/// What became of the batches of one log.
#[derive(Default)]
pub(super) struct Written {
    /// Batches that are written, in order.
    pub(super) batches: Vec<StampedBatch>,
    pub(super) bytes: u64,
    pub(super) changes: Vec<Change>,
    pub(super) refused: Option<(Offset, AppendError)>,
    /// The sync of a segment that was rolled failed.
    pub(super) sync_failed: Option<io::Error>,
}

/// Writes `batches` behind the end of the log, as far as they continue it.
pub(super) fn write(log: &Log, mut batches: Vec<StampedBatch>, now: Now) -> Written {
    let mut written = Written::default();
    let mut writer = lock(&log.0.writer);
    let first = batches.first().map_or(0, |batch| batch.header.base_offset);
    if log.0.is_offline() || log.0.shared.is_dead() {
        written.refused = Some((Offset::clamped(first), AppendError::Offline));
        return written;
    }
    let mut end = writer.end.to_wire();
    let continues = batches.iter().take_while(|batch| {
        let continues = batch.header.base_offset == end && batch.header.last_offset_delta >= 0;
        end = batch.header.next_offset().to_wire();
        continues
    });
    let good = continues.count();
    if let Some(stray) = batches.get(good) {
        let from = Offset::clamped(stray.header.base_offset);
        written.refused = Some((from, AppendError::OutOfOrder));
        batches.truncate(good);
    }
    let mut done = 0;
    while let Some(next) = batches.get(done) {
        let from = Offset::clamped(next.header.base_offset);
        let rest = batches.get(done..).unwrap_or_default();
        match write_run(log, &mut writer, rest, &mut written, now) {
            Ok(count) => done += count,
            Err(error) => {
                written.refused = Some((from, error));
                break;
            }
        }
    }
    batches.truncate(done);
    written.batches = batches;
    written
}

/// Writes as many batches as go into one segment; their count.
fn write_run(
    log: &Log,
    writer: &mut Writer,
    batches: &[StampedBatch],
    written: &mut Written,
    now: Now,
) -> Result<usize, AppendError> {
    let policy = log.policy();
    let Some(first) = batches.first() else {
        return Ok(0);
    };
    let active = log.0.active();
    let size = first.header.size_bytes as u64;
    let full = |segment: &Segment| {
        let waited = first.header.max_timestamp.saturating_sub(segment.first_timestamp());
        let delta = first.header.last_offset().saturating_sub(segment.base.to_wire());
        segment.bytes() > 0
            && (segment.bytes() + size > policy.segment_bytes
                || (segment.first_timestamp() >= 0 && waited > policy.segment_ms)
                || delta > i64::from(i32::MAX))
    };
    let segment = match active {
        Some(segment) if !full(&segment) => segment,
        _ => roll(log, writer, written)?,
    };
    let mut bytes = 0;
    let fits = batches.iter().take_while(|batch| {
        let size = batch.header.size_bytes as u64;
        let goes = bytes == 0 || segment.bytes() + bytes + size <= policy.segment_bytes;
        bytes += size;
        goes
    });
    let count = fits.count();
    let run = batches.get(..count).unwrap_or_default();
    let position = segment.bytes();
    let result = log.0.file(&segment, OpenMode::Create).and_then(|file| {
        let mut slices = Vec::with_capacity(count * 2);
        for batch in run {
            slices.push(IoSlice::new(batch.prefix()));
            slices.push(IoSlice::new(batch.rest()));
        }
        segment.set_dirty(true);
        file.write_all_at(&mut slices, position)
    });
    if let Err(error) = result {
        return Err(cut_back(log, &segment, position, &error));
    }
    note(log, writer, &segment, run, written);
    writer.dirty_since.get_or_insert(now.mono);
    segment.set_modified(now.wall.0);
    Ok(count)
}

/// Undoes a write that failed; what to tell about it.
fn cut_back(log: &Log, segment: &Arc<Segment>, position: u64, error: &io::Error) -> AppendError {
    // Synced, for what was refused must not be there after a power loss either.
    let cut = log.0.file(segment, OpenMode::Create).and_then(|file| {
        file.truncate(position)?;
        file.sync()
    });
    if let Err(cut_error) = cut {
        log.0.set_offline(format!("a write failed ({error}) and could not be undone: {cut_error}"));
        log::error!(log:% = log.id(), error:%; "a write failed and could not be undone");
        return AppendError::Offline;
    }
    refusal(error)
}

fn refusal(error: &io::Error) -> AppendError {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if full { AppendError::DiskFull } else { AppendError::Io }
}

/// Takes what was written into the books.
fn note(
    log: &Log,
    writer: &mut Writer,
    segment: &Arc<Segment>,
    run: &[StampedBatch],
    written: &mut Written,
) {
    let interval = u64::from(log.0.shared.options.index_interval_bytes);
    let mut position = segment.bytes();
    let (mut bytes, mut largest) = (0, -1);
    for StampedBatch { header, .. } in run {
        let offset = Offset::clamped(header.base_offset);
        if writer.bytes_since_place >= interval {
            let place = PlaceRow {
                offset,
                segment: segment.base,
                position,
                max_timestamp_before: writer.max_timestamp,
            };
            let grew = writer.max_timestamp > writer.noted_timestamp;
            place.put(log.0.puid, grew, &mut written.changes);
            segment.remember(place);
            writer.noted_timestamp = writer.max_timestamp;
            writer.bytes_since_place = 0;
        }
        let epoch = LeaderEpoch(header.leader_epoch);
        if lock(&log.0.epochs).assign(epoch, offset) {
            written.changes.push(put_epoch(log.0.puid, epoch, offset));
        }
        let size = header.size_bytes as u64;
        position += size;
        bytes += size;
        largest = largest.max(header.max_timestamp);
        writer.max_timestamp = writer.max_timestamp.max(header.max_timestamp);
        writer.bytes_since_place += size;
        writer.end = header.next_offset();
        writer.unflushed_records += u64::try_from(header.record_count).unwrap_or(0);
    }
    let first_timestamp = run.first().map_or(-1, |batch| batch.header.max_timestamp);
    segment.advance(bytes, writer.end, first_timestamp, largest);
    writer.bytes_since_snapshot += bytes;
    writer.unsynced_bytes += bytes;
    written.bytes += bytes;
    log.0.set_end(writer.end);
}

/// Seals the active segment and begins the next at the log's end.
///
/// The sealed one, and its entry in the folder, are synced first: so only the last segment of a log can ever be torn, and damage
/// in any other is damage.
pub(super) fn roll(
    log: &Log,
    writer: &mut Writer,
    written: &mut Written,
) -> Result<Arc<Segment>, AppendError> {
    let segments = log.0.segments.load_full();
    if let Some(sealed) = segments.last() {
        let entries = if writer.entries_dirty { sync_entries(log) } else { Ok(()) };
        let synced = log.0.file(sealed, OpenMode::Existing).and_then(|file| file.sync());
        if let Err(error) = entries.and(synced) {
            written.sync_failed = Some(error);
            return Err(AppendError::Offline);
        }
        sealed.set_dirty(false);
        writer.entries_dirty = false;
        let end = writer.end;
        writer.synced_to(end);
        writer.bytes_since_snapshot = SNAPSHOT_BYTES;
        written.changes.push(sealed.row().put(log.0.puid));
        written.changes.push(log.0.meta_row(end, writer.cuts));
    }
    let disk = &*log.0.shared.disk;
    if !writer.dir_made {
        disk.create_dir_all(&log.0.dir).map_err(|error| refusal(&error))?;
        writer.dir_made = true;
    }
    let segment = Arc::new(Segment::new(&log.0.dir, writer.end));
    let file = log.0.file(&segment, OpenMode::Create).map_err(|error| refusal(&error))?;
    // A leftover of the same name holds nothing that counts.
    file.truncate(0).map_err(|error| refusal(&error))?;
    writer.entries_dirty = true;
    writer.bytes_since_place = FAR;
    let mut next = Vec::clone(&segments);
    next.push(Arc::clone(&segment));
    log.0.segments.store(Arc::new(next));
    Ok(segment)
}

/// Makes the entries of the log's folder last, and of those above it.
pub(super) fn sync_entries(log: &Log) -> io::Result<()> {
    let disk = &*log.0.shared.disk;
    disk.sync_dir(&log.0.dir)?;
    match log.0.dir.parent() {
        Some(above) => disk.sync_dir(above),
        None => Ok(()),
    }
}
