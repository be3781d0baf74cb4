//! Reads what the write-ahead files hold, and tells damage from the torn end of a file.
//!
//! A group is synced before the next one is written. So where a record can't be read and a group
//! begins behind it, the record was whole once: it was damaged, and what follows counts. Where
//! none begins, it is of the group that was being written, which nobody was promised.

use super::disk::DiskFile;
use super::wal::{FIRST_OF_GROUP, HEADER_BYTES, KIND_BATCHES, KIND_DELETED, MAGIC, WalFile};
use crate::types::{LogId, Offset, Uuid};
use crate::wire::{BatchHeader, crc_of};
use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use std::io;

/// Behind a record that can't be read the next one is looked for so far: more than any record has,
/// for a log with so many new bytes is synced itself.
const SEARCH_BYTES: usize = 256 << 10;

/// What was found in the files.
pub(super) enum Replayed {
    Batches { log: LogId, cuts: u32, payload: Bytes },
    Deleted(LogId),
    Damaged(DamagedRecord),
}

/// A record that was synced and can't be read any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DamagedRecord {
    /// Number of its file.
    pub(super) file: u64,
    pub(super) position: u64,
    /// What it held, as far as that can be told.
    pub(super) held: Option<Held>,
}

/// Batches that a damaged record held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) log: LogId,
    pub(super) cuts: u32,
    /// A batch began here, the last that can be told of.
    pub(super) base: Offset,
}

/// The fixed part of a record.
#[derive(Clone, Copy)]
struct Header([u8; HEADER_BYTES]);

impl Header {
    fn read(file: &dyn DiskFile, at: u64) -> io::Result<Self> {
        let mut header = [0; HEADER_BYTES];
        file.read_at(&mut header, at)?;
        Ok(Self(header))
    }

    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut field = [0; N];
        if let Some(bytes) = self.0.get(at..at + N) {
            field.copy_from_slice(bytes);
        }
        field
    }

    fn has_magic(&self) -> bool {
        u32::from_be_bytes(self.field(0)) == MAGIC
    }

    fn generation(&self) -> u64 {
        u64::from_be_bytes(self.field(8))
    }

    fn log(&self) -> LogId {
        let topic_id = Uuid::from_bytes(self.field(16));
        LogId { topic_id, partition: i32::from_be_bytes(self.field(32)) }
    }

    fn cuts(&self) -> u32 {
        u32::from_be_bytes(self.field(36))
    }

    fn kind(&self) -> u32 {
        u32::from_be_bytes(self.field(40)) & !FIRST_OF_GROUP
    }

    fn begins_a_group(&self) -> bool {
        u32::from_be_bytes(self.field(40)) & FIRST_OF_GROUP != 0
    }

    fn base(&self) -> Offset {
        Offset::clamped(i64::from_be_bytes(self.field(44)))
    }

    fn payload_bytes(&self) -> u64 {
        u64::from_be_bytes(self.field(52))
    }

    /// Whether the sum is that of this header, as one of `generation`, and of `payload`.
    fn fits(&self, generation: u64, payload: &[u8]) -> bool {
        let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
        digest.update(&generation.to_be_bytes());
        digest.update(self.0.get(16..).unwrap_or_default());
        digest.update(payload);
        digest.finalize() == u64::from(u32::from_be_bytes(self.field(4)))
    }
}

/// A record that is whole.
struct Record {
    header: Header,
    payload: Bytes,
}

impl Record {
    /// The record at byte `at`; `None` where there is none that is whole and of `generation`.
    fn read(file: &WalFile, at: u64, generation: u64) -> io::Result<Option<Self>> {
        let header = Header::read(file.disk_file(), at)?;
        if header.generation() != generation {
            return Ok(None);
        }
        let payload = payload(file, at, header)?;
        let whole = payload.filter(|payload| header.fits(generation, payload));
        Ok(whole.map(|payload| Self { header, payload: payload.into() }))
    }

    fn bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.payload.len() as u64
    }

    /// `None` for what a newer release wrote; the format version keeps that from happening.
    fn replayed(self) -> Option<Replayed> {
        let (log, cuts) = (self.header.log(), self.header.cuts());
        match self.header.kind() {
            KIND_BATCHES => Some(Replayed::Batches { log, cuts, payload: self.payload }),
            KIND_DELETED => Some(Replayed::Deleted(log)),
            _ => None,
        }
    }
}

/// What a header at byte `at` says is its payload; `None` where the file has no room for it.
fn payload(file: &WalFile, at: u64, header: Header) -> io::Result<Option<Vec<u8>>> {
    let room = file.bytes().saturating_sub(at).saturating_sub(HEADER_BYTES as u64);
    let Some(bytes) = Some(header.payload_bytes()).filter(|bytes| *bytes <= room) else {
        return Ok(None);
    };
    let mut payload = vec![0; usize::try_from(bytes).unwrap_or(0)];
    let read = file.disk_file().read_at(&mut payload, at + HEADER_BYTES as u64)?;
    Ok((read == payload.len()).then_some(payload))
}

/// Generations of the headers behind byte `at`, with the place of each, nearest first.
fn headers_behind(file: &WalFile, at: u64) -> io::Result<Vec<(u64, u64)>> {
    let mut window = vec![0; SEARCH_BYTES];
    let read = file.disk_file().read_at(&mut window, at + 1)?;
    window.truncate(read);
    let magic = MAGIC.to_be_bytes();
    let begins = window.windows(HEADER_BYTES).enumerate().filter(|(_, it)| it.starts_with(&magic));
    let generation = |it: &[u8]| it.get(8..16).and_then(|it| it.try_into().ok());
    let found = begins.filter_map(|(offset, it)| {
        Some((at + 1 + offset as u64, u64::from_be_bytes(generation(it)?)))
    });
    Ok(found.collect())
}

/// The generation of a file's records; 0 where there are none.
pub(super) fn generation_of(file: &WalFile) -> io::Result<u64> {
    let first = Header::read(file.disk_file(), 0)?;
    let said = first.generation();
    if Record::read(file, 0, said)?.is_some() {
        return Ok(said);
    }
    // Its first record is damaged or torn. The one behind it tells which: what a former use of the
    // file left has another generation, and the first one's sum does not fit that. A torn record
    // leaves what was there before, so where nothing is, there was no former use.
    let is_blank = first.0 == [0; HEADER_BYTES];
    for (at, generation) in headers_behind(file, 0)? {
        if Record::read(file, at, generation)?.is_none() {
            continue;
        }
        let payload = payload(file, 0, first)?;
        let fits = payload.is_some_and(|payload| first.fits(generation, &payload));
        if is_blank || generation == said || fits {
            return Ok(generation);
        }
    }
    Ok(if first.has_magic() { said } else { 0 })
}

/// Adds what `file` holds to `found`; whether any of it is damaged.
pub(super) fn read_file(file: &WalFile, found: &mut Vec<Replayed>) -> io::Result<bool> {
    let mut at = 0;
    let mut is_damaged = false;
    // What lies behind a record that can't be read, until a group begins.
    let mut doubtful: Option<Vec<Replayed>> = None;
    while at + HEADER_BYTES as u64 <= file.bytes() {
        let Some(record) = Record::read(file, at, file.generation())? else {
            let Some(next) = next_record(file, at)? else {
                break;
            };
            let position = at;
            let held = held(file, at, next)?;
            let damaged = DamagedRecord { file: file.number(), position, held };
            doubtful.get_or_insert_default().push(Replayed::Damaged(damaged));
            at = next;
            continue;
        };
        if record.header.begins_a_group()
            && let Some(mut proved) = doubtful.take()
        {
            is_damaged = true;
            found.append(&mut proved);
        }
        at += record.bytes();
        let Some(replayed) = record.replayed() else {
            break;
        };
        doubtful.as_mut().unwrap_or(found).push(replayed);
    }
    Ok(is_damaged)
}

/// Where the next whole record begins behind one at byte `at` that can't be read.
fn next_record(file: &WalFile, at: u64) -> io::Result<Option<u64>> {
    for (next, generation) in headers_behind(file, at)? {
        if generation == file.generation() && Record::read(file, next, generation)?.is_some() {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// What the record at byte `at` held, which can't be read; the next one begins at `next`.
fn held(file: &WalFile, at: u64, next: u64) -> io::Result<Option<Held>> {
    let header = Header::read(file.disk_file(), at)?;
    let is_sound = at + HEADER_BYTES as u64 + header.payload_bytes() == next
        && header.kind() == KIND_BATCHES
        && header.generation() == file.generation();
    let Some(payload) = payload(file, at, header)?.filter(|_| is_sound) else {
        return Ok(None);
    };
    // The first batch says it as well; where they differ, neither is to be believed.
    let mut base = header.base();
    if !payload.starts_with(&base.to_wire().to_be_bytes()) {
        return Ok(None);
    }
    let mut rest = &payload[..];
    // Behind a batch that is damaged itself nothing can be told.
    while let Ok(batch) = BatchHeader::parse(rest) {
        let Some((whole, behind)) = rest.split_at_checked(batch.size_bytes) else {
            break;
        };
        if behind.is_empty() || crc_of(whole) != batch.crc {
            break;
        }
        base = batch.next_offset();
        rest = behind;
    }
    Ok(Some(Held { log: header.log(), cuts: header.cuts(), base }))
}
