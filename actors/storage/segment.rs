//! One segment file: its bounds as atomics, its handle as far as the budget goes, its newest places.

use super::disk::{Disk, DiskFile, OpenMode};
use super::index::{PlaceRow, SegmentRow};
use crate::types::Offset;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Newest places of a segment kept in memory: far more than the index takes to commit.
const RECENT_PLACES_MAX: usize = 1024;

/// Open files looked at for one that is opened; more would cost too much where most are dirty.
const HANDLE_LOOKS_MAX: u32 = 16;

/// Locks, come what may: no state of ours is half changed where a panic could strike.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Name of the segment that begins at `base`: 20 digits, as Kafka's.
pub(super) fn file_name(base: Offset) -> String {
    format!("{:020}.log", base.to_wire())
}

/// The base offset that a file's name says.
pub(super) fn base_of(name: &str) -> Option<Offset> {
    let digits = name.strip_suffix(".log").filter(|digits| digits.len() == 20)?;
    digits.parse().ok().and_then(Offset::from_wire)
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    path: PathBuf,
    handle: Mutex<Option<Arc<dyn DiskFile>>>,
    bytes: AtomicU64,
    end: AtomicI64,
    first_timestamp: AtomicI64,
    max_timestamp: AtomicI64,
    modified_ms: AtomicI64,
    /// Holds what was not synced: its handle stays open.
    dirty: AtomicBool,
    /// Used since the handle budget last looked.
    used: AtomicBool,
    /// Replaced or deleted: positions in it mean nothing any more.
    retired: AtomicBool,
    places: Mutex<VecDeque<PlaceRow>>,
}

impl Segment {
    /// A segment without content yet.
    pub(super) fn new(dir: &Path, base: Offset) -> Self {
        Self {
            base,
            path: dir.join(file_name(base)),
            handle: Mutex::new(None),
            bytes: AtomicU64::new(0),
            end: AtomicI64::new(base.to_wire()),
            first_timestamp: AtomicI64::new(-1),
            max_timestamp: AtomicI64::new(-1),
            modified_ms: AtomicI64::new(0),
            dirty: AtomicBool::new(false),
            used: AtomicBool::new(true),
            retired: AtomicBool::new(false),
            places: Mutex::new(VecDeque::new()),
        }
    }

    /// Sets what was found out by looking, or read from the index.
    pub(super) fn describe(&self, row: &SegmentRow) {
        self.end.store(row.end.to_wire(), Ordering::Release);
        self.first_timestamp.store(row.first_timestamp, Ordering::Relaxed);
        self.max_timestamp.store(row.max_timestamp, Ordering::Relaxed);
        self.bytes.store(row.bytes, Ordering::Release);
    }

    pub(super) fn row(&self) -> SegmentRow {
        SegmentRow {
            base: self.base,
            end: self.end(),
            bytes: self.bytes(),
            first_timestamp: self.first_timestamp(),
            max_timestamp: self.max_timestamp(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are written and may be read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// The offset after its last record.
    pub(super) fn end(&self) -> Offset {
        Offset::clamped(self.end.load(Ordering::Acquire))
    }

    /// Timestamp of its first batch in ms, -1 without one.
    pub(super) fn first_timestamp(&self) -> i64 {
        self.first_timestamp.load(Ordering::Relaxed)
    }

    /// Its largest timestamp in ms, -1 without one.
    pub(super) fn max_timestamp(&self) -> i64 {
        self.max_timestamp.load(Ordering::Relaxed)
    }

    /// When it was written last, in ms since 1970; its age where records have no timestamps.
    pub(super) fn modified_ms(&self) -> i64 {
        self.modified_ms.load(Ordering::Relaxed)
    }

    pub(super) fn set_modified(&self, modified_ms: i64) {
        self.modified_ms.store(modified_ms, Ordering::Relaxed);
    }

    pub(super) fn set_dirty(&self, dirty: bool) {
        self.dirty.store(dirty, Ordering::Release);
    }

    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// `bytes` more were written, up to `end`.
    pub(super) fn advance(
        &self,
        bytes: u64,
        end: Offset,
        first_timestamp: i64,
        max_timestamp: i64,
    ) {
        if self.bytes() == 0 {
            self.first_timestamp.store(first_timestamp, Ordering::Relaxed);
        }
        self.max_timestamp.fetch_max(max_timestamp, Ordering::Relaxed);
        self.end.store(end.to_wire(), Ordering::Release);
        self.bytes.fetch_add(bytes, Ordering::Release);
    }

    pub(super) fn remember(&self, place: PlaceRow) {
        let mut places = lock(&self.places);
        if places.len() == RECENT_PLACES_MAX {
            places.pop_front();
        }
        places.push_back(place);
    }

    /// The last remembered place that is not above `offset`.
    pub(super) fn place_for(&self, offset: Offset) -> Option<PlaceRow> {
        let places = lock(&self.places);
        let after = places.partition_point(|place| place.offset <= offset);
        places.get(after.checked_sub(1)?).copied()
    }

    /// The last remembered place with nothing of `timestamp` or later below it.
    pub(super) fn place_before(&self, timestamp: i64) -> Option<PlaceRow> {
        let places = lock(&self.places);
        let after = places.partition_point(|place| place.max_timestamp_before < timestamp);
        places.get(after.checked_sub(1)?).copied()
    }
}

/// Open segment files, as many as the budget allows.
#[derive(Debug)]
pub(super) struct Handles {
    max: usize,
    open: Mutex<Open>,
}

#[derive(Debug)]
struct Open {
    /// In the order of their being opened, and given a second chance.
    segments: VecDeque<Weak<Segment>>,
    /// With so many entries those of segments that are gone are dropped: each keeps a segment's
    /// place in memory, and the budget may never be reached.
    sweep_at: usize,
}

/// Fewer entries than this are not worth a look at all of them.
const SWEEP_MIN: usize = 256;

impl Open {
    fn push(&mut self, segment: &Arc<Segment>) {
        if self.segments.len() >= self.sweep_at {
            self.segments.retain(|segment| segment.strong_count() > 0);
            self.sweep_at = SWEEP_MIN.max(2 * self.segments.len());
        }
        self.segments.push_back(Arc::downgrade(segment));
    }
}

impl Handles {
    pub(super) fn new(max: usize) -> Self {
        let open = Open { segments: VecDeque::new(), sweep_at: SWEEP_MIN };
        Self { max: max.max(1), open: Mutex::new(open) }
    }

    /// The segment's file, opened if need be.
    pub(super) fn file(
        &self,
        disk: &dyn Disk,
        segment: &Arc<Segment>,
        mode: OpenMode,
    ) -> io::Result<Arc<dyn DiskFile>> {
        segment.used.store(true, Ordering::Relaxed);
        let mut handle = lock(&segment.handle);
        if let Some(file) = &*handle {
            return Ok(Arc::clone(file));
        }
        let file = disk.open(&segment.path, mode)?;
        *handle = Some(Arc::clone(&file));
        drop(handle);
        self.opened(segment);
        Ok(file)
    }

    /// The segment's file where it is open already; for those who may not block.
    pub(super) fn open_file(segment: &Segment) -> Option<Arc<dyn DiskFile>> {
        segment.used.store(true, Ordering::Relaxed);
        segment.handle.try_lock().ok()?.clone()
    }

    fn opened(&self, segment: &Arc<Segment>) {
        let mut open = lock(&self.open);
        open.push(segment);
        // Used ones get a second chance, dirty ones stay.
        let mut looks = HANDLE_LOOKS_MAX;
        while open.segments.len() > self.max && looks > 0 {
            looks -= 1;
            let Some(oldest) = open.segments.pop_front() else {
                return;
            };
            let Some(candidate) = oldest.upgrade() else {
                continue;
            };
            let busy = Arc::ptr_eq(&candidate, segment)
                || candidate.dirty.load(Ordering::Acquire)
                || candidate.used.swap(false, Ordering::Relaxed);
            if busy {
                open.segments.push_back(oldest);
            } else {
                lock(&candidate.handle).take();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SimDisk;

    #[test]
    fn segments_that_come_and_go_leave_no_place_behind() {
        let disk = SimDisk::new();
        disk.create_dir_all(Path::new("/log")).unwrap();
        let handles = Handles::new(100_000);
        let segment =
            |number: i64| Arc::new(Segment::new(Path::new("/log"), Offset::clamped(number)));
        let stays = segment(0);
        handles.file(&disk, &stays, OpenMode::Create).unwrap();

        for number in 1..10_000 {
            handles.file(&disk, &segment(number), OpenMode::Create).unwrap();
        }

        let open = lock(&handles.open);
        assert!(open.segments.len() <= SWEEP_MIN, "{} entries", open.segments.len());
        assert!(open.segments.iter().any(|entry| entry.as_ptr() == Arc::as_ptr(&stays)));
    }
}
