//! Reading: the tail in memory, then the page cache without blocking, then the disk.

use super::disk::{DiskFile, OpenMode};
use super::error::ReadError;
use super::index::{PlaceRow, Space, kind, offset_key, prefix};
use super::log::Log;
use super::scan::{Look, Step, Walk};
use super::segment::{Handles, Segment, lock};
use crate::types::Offset;
use crate::wire::{BatchHeader, HEADER_BYTES};
use bytes::{Bytes, BytesMut};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Weak};

/// Bytes read at once from a file at most, but for a larger batch; the next read asks for more.
pub const READ_BYTES_MAX: usize = 1 << 20;
/// Read buffers that a thread keeps for use again once nobody holds what was read into them: as
/// many as a fetch of a dozen partitions fills at once.
const BUFFERS_MAX: usize = 12;

/// A place in a log that a reader comes back to, so that the index is asked once.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// Held weakly: a reader that does not come back keeps no deleted file on the disk.
    segment: Weak<Segment>,
    position: u64,
    offset: Offset,
}

impl Cursor {
    fn new(segment: &Arc<Segment>, position: u64, offset: Offset) -> Self {
        Self { segment: Arc::downgrade(segment), position, offset }
    }

    /// Segment and byte of `offset`, if that is where this cursor stands and the segment is still
    /// the log's.
    fn place(&self, offset: Offset) -> Option<(Arc<Segment>, u64)> {
        let segment = self.segment.upgrade().filter(|segment| !segment.is_retired())?;
        (self.offset == offset).then_some((segment, self.position))
    }
}

/// Whole batches, in order.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The bytes; a batch may begin in one part and end in the next.
    pub parts: Vec<Bytes>,
    /// Base offset of the first batch; may be below what was asked for.
    pub first_offset: Offset,
    /// Where the next read goes on.
    pub next_offset: Offset,
    /// Bytes in all parts.
    pub bytes: usize,
}

impl Chunk {
    fn empty(at: Offset) -> Self {
        Self { parts: Vec::new(), first_offset: at, next_offset: at, bytes: 0 }
    }
}

/// What a read that may not block gives.
#[derive(Debug)]
pub enum TryRead {
    /// What there was; no parts where nothing lies below the bound.
    Ready(Chunk),
    /// It would block, or the index must be asked: `read_blocking` on a reader thread.
    Cold,
}

/// What a reader asks for.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) from: Offset,
    pub(super) up_to: Offset,
    pub(super) max_bytes: usize,
    pub(super) at_least_one: bool,
}

impl Wanted {
    /// Whether a first batch of `bytes` may be given.
    const fn takes(&self, bytes: usize) -> bool {
        self.at_least_one || bytes <= self.max_bytes
    }
}

thread_local! {
    static BUFFERS: RefCell<VecDeque<Bytes>> = const { RefCell::new(VecDeque::new()) };
}

/// A buffer of `bytes`: an old one whose readers have gone, for fresh memory has to be zeroed.
fn buffer(bytes: usize) -> BytesMut {
    let reused = BUFFERS.with_borrow_mut(|buffers| {
        let at = buffers.iter().position(|old| fits(old.len(), bytes) && old.is_unique())?;
        buffers.remove(at)?.try_into_mut().ok()
    });
    reused.unwrap_or_else(|| BytesMut::zeroed(bytes))
}

/// Whether a buffer of `old` bytes serves for `bytes` without holding much more than is needed.
const fn fits(old: usize, bytes: usize) -> bool {
    old >= bytes && old / 4 <= bytes
}

fn keep_buffer(whole: &Bytes) {
    if whole.len() > READ_BYTES_MAX {
        return;
    }
    BUFFERS.with_borrow_mut(|buffers| {
        if buffers.len() == BUFFERS_MAX {
            buffers.pop_front();
        }
        buffers.push_back(whole.clone());
    });
}

/// How a file is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Cached,
    Blocking,
}

enum Found {
    Chunk(Chunk, u64),
    /// All that was read lies below what was asked for; it goes on at this byte.
    Below(u64),
    /// The file ends.
    EndOfSegment,
    /// The first batch needs so many bytes.
    Larger(usize),
    NotABatch(u64),
}

pub(super) fn read(log: &Log, wanted: Wanted, cursor: &mut Option<Cursor>) -> TryRead {
    let end = log.log_end_offset().min(wanted.up_to);
    if log.0.is_offline() || wanted.from < log.log_start_offset() {
        return TryRead::Cold;
    }
    if wanted.from >= end {
        let beyond = wanted.from > log.log_end_offset();
        return if beyond { TryRead::Cold } else { TryRead::Ready(Chunk::empty(wanted.from)) };
    }
    let Wanted { from, up_to, max_bytes, at_least_one } = wanted;
    if let Some(chunk) = lock(&log.0.tail).read(from, up_to, max_bytes, at_least_one) {
        return TryRead::Ready(chunk);
    }
    let Some((segment, position)) = cursor.as_ref().and_then(|cursor| cursor.place(from)) else {
        return TryRead::Cold;
    };
    let Some(file) = Handles::open_file(&segment) else {
        return TryRead::Cold;
    };
    let mut size = max_bytes.min(READ_BYTES_MAX);
    loop {
        match read_file(&*file, &segment, position, size, wanted, Way::Cached) {
            Ok(Found::Chunk(chunk, position)) => {
                *cursor = Some(Cursor::new(&segment, position, chunk.next_offset));
                return TryRead::Ready(chunk);
            }
            Ok(Found::Larger(bytes)) if bytes > size && wanted.takes(bytes) => size = bytes,
            Ok(Found::Larger(bytes)) if !wanted.takes(bytes) => {
                return TryRead::Ready(Chunk::empty(from));
            }
            Ok(Found::Below(_) | Found::EndOfSegment | Found::Larger(_) | Found::NotABatch(_))
            | Err(_) => return TryRead::Cold,
        }
    }
}

/// Does `read` again where it failed while the log's segments changed: a file that was deleted or
/// compacted under a reader's hands is no fault of the disk.
pub(super) fn unless_changed<T>(
    log: &Log,
    mut read: impl FnMut() -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    loop {
        let before = log.0.segments.load_full();
        let result = read();
        let failed = matches!(result, Err(ReadError::Io(_) | ReadError::Corrupt { .. }));
        if !failed || Arc::ptr_eq(&before, &log.0.segments.load_full()) {
            return result;
        }
    }
}

pub(super) fn read_blocking(
    log: &Log,
    wanted: Wanted,
    cursor: &mut Option<Cursor>,
) -> Result<Chunk, ReadError> {
    unless_changed(log, || read_once(log, wanted, cursor))
}

fn read_once(log: &Log, wanted: Wanted, cursor: &mut Option<Cursor>) -> Result<Chunk, ReadError> {
    log.0.check_online()?;
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    if wanted.from < start || wanted.from > end {
        return Err(ReadError::OutOfRange { asked: wanted.from, start, end });
    }
    if wanted.from >= end.min(wanted.up_to) {
        return Ok(Chunk::empty(wanted.from));
    }
    let (mut segment, mut position) = match cursor.as_ref().and_then(|at| at.place(wanted.from)) {
        Some(place) => place,
        None => match seek(log, wanted.from)? {
            Some(found) => found,
            None => return Ok(Chunk::empty(wanted.from)),
        },
    };
    let mut size = wanted.max_bytes.min(READ_BYTES_MAX);
    loop {
        let file = log.0.file(&segment, OpenMode::Existing)?;
        match read_file(&*file, &segment, position, size, wanted, Way::Blocking)? {
            Found::Chunk(chunk, position) => {
                *cursor = Some(Cursor::new(&segment, position, chunk.next_offset));
                return Ok(chunk);
            }
            Found::Larger(bytes) if wanted.takes(bytes) => size = bytes,
            Found::Larger(_) => return Ok(Chunk::empty(wanted.from)),
            Found::Below(next) => position = next,
            Found::EndOfSegment => match segment_after(log, segment.base) {
                Some(next) => (segment, position) = (next, 0),
                None => return Ok(Chunk::empty(wanted.from)),
            },
            Found::NotABatch(position) => {
                return Err(ReadError::Corrupt { log: log.id(), segment: segment.base, position });
            }
        }
    }
}

fn segment_after(log: &Log, base: Offset) -> Option<Arc<Segment>> {
    let segments = log.0.segments.load();
    let at = segments.partition_point(|segment| segment.base <= base);
    segments.get(at).cloned()
}

/// The segment that holds `offset`, or would, and the byte from which to look for it.
pub(super) fn locate(log: &Log, offset: Offset) -> Option<(Arc<Segment>, u64)> {
    let segments = log.0.segments.load();
    let after = segments.partition_point(|segment| segment.base <= offset);
    let segment = segments.get(after.saturating_sub(1))?;
    if let Some(place) = segment.place_for(offset) {
        return Some((Arc::clone(segment), place.position));
    }
    let puid = log.0.puid;
    let key = offset_key(kind::OFFSET, puid, offset);
    let row = log.0.shared.index.last_up_to(Space::Index, &prefix(kind::OFFSET, puid), &key);
    let place = row
        .and_then(|(key, value)| PlaceRow::decode(&key, &value))
        .filter(|place| place.segment == segment.base && place.position < segment.bytes());
    Some((Arc::clone(segment), place.map_or(0, |place| place.position)))
}

/// The exact place of the batch that contains `from`, or of the next one.
fn seek(log: &Log, from: Offset) -> Result<Option<(Arc<Segment>, u64)>, ReadError> {
    let Some((mut segment, mut position)) = locate(log, from) else {
        return Ok(None);
    };
    loop {
        let file = log.0.file(&segment, OpenMode::Existing)?;
        let mut walk = Walk::new(file, Look::Headers, position, segment.bytes());
        loop {
            match walk.step()? {
                Step::Batch { header, position } if header.next_offset() > from => {
                    return Ok(Some((segment, position)));
                }
                Step::Batch { .. } => {}
                Step::Bad => {
                    let position = walk.position();
                    let (log, segment) = (log.id(), segment.base);
                    return Err(ReadError::Corrupt { log, segment, position });
                }
                Step::End => break,
            }
        }
        match segment_after(log, segment.base) {
            Some(next) => (segment, position) = (next, 0),
            None => return Ok(None),
        }
    }
}

fn read_file(
    file: &dyn DiskFile,
    segment: &Segment,
    position: u64,
    size: usize,
    wanted: Wanted,
    way: Way,
) -> io::Result<Found> {
    let left = usize::try_from(segment.bytes().saturating_sub(position)).unwrap_or(usize::MAX);
    if left == 0 {
        return Ok(Found::EndOfSegment);
    }
    let size = size.max(HEADER_BYTES).min(left);
    let mut buffer = buffer(size);
    let into = buffer.get_mut(..size).unwrap_or_default();
    let read = match way {
        Way::Cached => file.read_cached_at(into, position)?,
        Way::Blocking => file.read_at(into, position)?,
    };
    let whole = buffer.freeze();
    keep_buffer(&whole);
    let read = whole.get(..read).unwrap_or_default();
    let mut found = Cut::default();
    loop {
        let rest = read.get(found.to..).unwrap_or_default();
        if rest.is_empty() || (rest.len() < HEADER_BYTES && found.to > 0) {
            break;
        }
        let Ok(header) = BatchHeader::parse(rest) else {
            if found.count > 0 {
                break;
            }
            return Ok(Found::NotABatch(position + found.to as u64));
        };
        if header.next_offset() > wanted.up_to {
            break;
        }
        if header.size_bytes > rest.len() {
            if found.count == 0 && header.size_bytes <= left {
                return Ok(Found::Larger(header.size_bytes));
            }
            break;
        }
        found.take(&header, wanted.from);
    }
    let next_position = position + found.to as u64;
    if found.count == 0 && found.to > 0 {
        return Ok(Found::Below(next_position));
    }
    if found.count == 0 {
        return Ok(Found::Chunk(Chunk::empty(wanted.from), position));
    }
    let bytes = found.to - found.from;
    let parts = vec![whole.slice(found.from..found.to)];
    let (first_offset, next_offset) = (found.first, found.next);
    Ok(Found::Chunk(Chunk { parts, first_offset, next_offset, bytes }, next_position))
}

/// The part of a buffer that is handed out.
#[derive(Default)]
struct Cut {
    from: usize,
    to: usize,
    count: usize,
    first: Offset,
    next: Offset,
}

impl Cut {
    fn take(&mut self, header: &BatchHeader, wanted: Offset) {
        if header.next_offset() <= wanted {
            self.from += header.size_bytes;
            self.to = self.from;
            return;
        }
        if self.count == 0 {
            self.first = Offset::clamped(header.base_offset);
        }
        self.count += 1;
        self.to += header.size_bytes;
        self.next = header.next_offset();
    }
}
