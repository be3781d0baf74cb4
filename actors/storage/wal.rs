//! The write-ahead files: what was acknowledged before its segment was synced.
//!
//! A file is written once from its front, then waits until all logs in it are synced to their
//! segments, then is written again under a higher generation. One record:
//!
//! | at | field | |
//! |---|---|---|
//! | 0 u32 | magic | `OTWL` |
//! | 4 u32 | CRC-32C of bytes 8 to the end | |
//! | 8 u64 | generation | the same for all records of one use of the file |
//! | 16 | topic id, 16 bytes | |
//! | 32 i32 | partition | |
//! | 36 u32 | cuts | how often the log had been truncated: records of before mean nothing |
//! | 40 u32 | kind | 1 batches, 2 the log was deleted; the highest bit: the first of its group |
//! | 44 i64 | base offset | |
//! | 52 u64 | length of the payload | |
//! | 60 | payload: whole batches | |
//!
//! The first record that is torn, or of another generation than the file's first, ends the file;
//! `wal_read` tells that from damage. Half of a generation is random, so that no payload can pass
//! for a record.

use super::disk::{Disk, DiskFile, OpenMode};
use super::wal_read::{Replayed, generation_of, read_file};
use crate::types::{LogId, Offset, Uuid};
use crate::wire::StampedBatch;
use crc_fast::{CrcAlgorithm, Digest};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const MAGIC: u32 = u32::from_be_bytes(*b"OTWL");
pub(super) const HEADER_BYTES: usize = 60;
pub(super) const KIND_BATCHES: u32 = 1;
pub(super) const KIND_DELETED: u32 = 2;
/// Added to the kind of a group's first record.
pub(super) const FIRST_OF_GROUP: u32 = 1 << 31;
/// Zeroes written at once when a file is made.
const ZEROES: &[u8] = &[0; 64 << 10];
/// Zeroes that go to the disk at once: whoever waits for a sync of its own waits for them too.
const ZEROED_AT_ONCE: u64 = 4 << 20;
/// Files that are kept ready beside the one that is written to.
const READY_FILES: usize = 2;
/// The files of a fresh folder; the first is there at once, the others come in the background.
const FIRST_FILE_BYTES: u64 = 1 << 20;
/// Where files run out before their logs are synced, the next are larger by so much.
const GROWTH: u64 = 4;

/// One file.
#[derive(Debug)]
pub(super) struct WalFile {
    number: u64,
    file: Arc<dyn DiskFile>,
    bytes: u64,
    generation: u64,
    used: u64,
    /// Logs, each with the offset up to which its segments have to be synced.
    waiting: BTreeMap<LogId, Offset>,
}

/// What is to be written for one log.
pub(super) struct WalEntry<'a> {
    pub(super) log: LogId,
    pub(super) cuts: u32,
    /// Empty for a deletion.
    pub(super) batches: &'a [StampedBatch],
    /// The offset after the last.
    pub(super) end: Offset,
}

#[derive(Debug)]
pub(super) struct Wal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// Bytes of the largest files.
    file_bytes: u64,
    /// Bytes of files that are made now: a broker with little to write needs no large ones.
    step_bytes: u64,
    /// Files that are being made.
    making: usize,
    current: Option<WalFile>,
    free: VecDeque<WalFile>,
    full: VecDeque<WalFile>,
    next_generation: u64,
    next_number: u64,
}

fn path_of(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number}.wal"))
}

/// Makes a file that is zeroed and lasts, so that writes into it move no metadata.
pub(super) fn make_file(
    disk: &dyn Disk,
    dir: &Path,
    number: u64,
    bytes: u64,
) -> io::Result<WalFile> {
    let made = try_make_file(disk, dir, number, bytes);
    if made.is_err() {
        // Half a file takes room from a full disk. Where it can't go, the next start finds it.
        disk.remove_file(&path_of(dir, number)).unwrap_or_default();
    }
    made
}

fn try_make_file(disk: &dyn Disk, dir: &Path, number: u64, bytes: u64) -> io::Result<WalFile> {
    let file = disk.open(&path_of(dir, number), OpenMode::Create)?;
    let mut at = 0;
    while at < bytes {
        if at > 0 && at.is_multiple_of(ZEROED_AT_ONCE) {
            file.sync()?;
        }
        let left = usize::try_from(bytes - at).unwrap_or(usize::MAX);
        let zeroes = ZEROES.get(..left.min(ZEROES.len())).unwrap_or(ZEROES);
        file.write_all_at(&mut [IoSlice::new(zeroes)], at)?;
        at += zeroes.len() as u64;
    }
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(WalFile { number, file, bytes, generation: 0, used: 0, waiting: BTreeMap::new() })
}

impl WalFile {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn disk_file(&self) -> &dyn DiskFile {
        &*self.file
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }
}

/// A generation above `generation`: counted in its upper half, random in its lower.
fn generation_after(generation: u64) -> u64 {
    let [.., a, b, c, d] = *Uuid::new_v4().as_bytes();
    ((generation >> 32) + 1) << 32 | u64::from(u32::from_be_bytes([a, b, c, d]))
}

impl Wal {
    /// Opens the folder and reads what must be replayed, oldest first.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        file_bytes: u64,
        clean: bool,
    ) -> io::Result<(Self, Vec<Replayed>)> {
        disk.create_dir_all(&dir)?;
        // A killed process may have left entries that only the system's memory holds.
        disk.sync_dir(&dir)?;
        disk.sync_dir(dir.parent().unwrap_or(&dir))?;
        let mut files = Vec::new();
        for entry in disk.list(&dir)? {
            let Some(number) = entry.name.strip_suffix(".wal").and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let file = disk.open(&path_of(&dir, number), OpenMode::Existing)?;
            let bytes = entry.bytes;
            let waiting = BTreeMap::new();
            let mut file = WalFile { number, file, bytes, generation: 0, used: 0, waiting };
            file.generation = generation_of(&file)?;
            files.push(file);
        }
        files.sort_by_key(|file| (file.generation, file.number));
        let newest = files.iter().map(|file| file.generation).max().unwrap_or(0);
        let next_generation = generation_after(newest);
        let next_number = files.iter().map(|file| file.number + 1).max().unwrap_or(0);
        let largest = files.iter().map(|file| file.bytes).max().unwrap_or(0);
        let mut replayed = Vec::new();
        let mut free = VecDeque::with_capacity(files.len());
        for file in files {
            // A damaged one stays as it is until the folder was closed in order.
            if clean || !read_file(&file, &mut replayed)? {
                free.push_back(file);
            }
        }
        let wal = Self {
            disk,
            dir,
            file_bytes,
            step_bytes: largest.max(FIRST_FILE_BYTES).min(file_bytes),
            making: 0,
            current: None,
            free,
            full: VecDeque::new(),
            next_generation,
            next_number,
        };
        Ok((wal, replayed))
    }

    /// Makes the first small file where there is none. The start waits for it.
    pub(super) fn make_first(&mut self) -> io::Result<()> {
        if self.free.is_empty() {
            let bytes = self.file_bytes.min(FIRST_FILE_BYTES);
            self.free.push_back(make_file(&*self.disk, &self.dir, self.next_number, bytes)?);
            self.next_number += 1;
        }
        Ok(())
    }

    /// Leaves all that is there for the next start: not everything could be replayed.
    pub(super) fn keep_for_later(&mut self) {
        self.free.clear();
    }

    /// Files that had better be made now: where, number, bytes. Each is to be told of by `made`.
    pub(super) fn missing_files(&mut self) -> Vec<(PathBuf, u64, u64)> {
        let missing = (READY_FILES + 1).saturating_sub(self.large_enough() + self.making);
        self.making += missing;
        (0..missing)
            .map(|_| {
                self.next_number += 1;
                (self.dir.clone(), self.next_number - 1, self.step_bytes)
            })
            .collect()
    }

    fn large_enough(&self) -> usize {
        let all = self.free.iter().chain(&self.full).chain(&self.current);
        all.filter(|file| file.bytes >= self.step_bytes).count()
    }

    /// Takes a file that was made, or learns that it could not be.
    pub(super) fn made(&mut self, file: io::Result<WalFile>) {
        self.making = self.making.saturating_sub(1);
        match file {
            Ok(file) => self.free.push_back(file),
            Err(error) => log::warn!(error:%; "a write-ahead file could not be made"),
        }
    }

    /// Writes and syncs one group; `false` where there was no room for it. An error is that of the
    /// sync.
    pub(super) fn append(&mut self, entries: &[WalEntry<'_>]) -> io::Result<bool> {
        let bytes: u64 = entries.iter().map(WalEntry::bytes).sum();
        if !self.make_room(bytes) {
            return Ok(false);
        }
        let Some(current) = &mut self.current else {
            return Ok(false);
        };
        let headers: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| entry.header(current.generation, at == 0))
            .collect();
        let batches: usize = entries.iter().map(|entry| entry.batches.len()).sum();
        let mut slices = Vec::with_capacity(entries.len() + batches * 2);
        for (entry, header) in entries.iter().zip(&headers) {
            slices.push(IoSlice::new(header));
            for batch in entry.batches {
                slices.push(IoSlice::new(batch.prefix()));
                slices.push(IoSlice::new(batch.rest()));
            }
        }
        // What a failed write leaves is no whole record, or one that says what is in the segments.
        if let Err(error) = current.file.write_all_at(&mut slices, current.used) {
            log::warn!(error:%; "a write-ahead file can't be written; segments are synced instead");
            return Ok(false);
        }
        current.file.sync()?;
        current.used += bytes;
        for entry in entries.iter().filter(|entry| !entry.batches.is_empty()) {
            current.waiting.insert(entry.log, entry.end);
        }
        Ok(true)
    }

    /// Makes `current` a file with so much room; whether there is one.
    fn make_room(&mut self, bytes: u64) -> bool {
        if self.current.as_ref().is_some_and(|file| file.used + bytes <= file.bytes) {
            return true;
        }
        let Some(at) = self.free.iter().position(|file| bytes <= file.bytes) else {
            self.grow();
            return false;
        };
        // Smaller ones before it go, so that files are used again in the order of their age.
        for small in self.free.drain(..at) {
            self.disk.remove_file(&path_of(&self.dir, small.number)).unwrap_or_else(|error| {
                log::warn!(error:%; "a small write-ahead file could not be removed");
            });
        }
        let Some(mut next) = self.free.pop_front() else {
            return false;
        };
        next.generation = self.next_generation;
        next.used = 0;
        self.next_generation = generation_after(self.next_generation);
        self.full.extend(self.current.replace(next));
        self.recycle();
        if self.free.is_empty() {
            self.grow();
        }
        true
    }

    /// Has larger files made from now on, if it was not for want of those that are on their way.
    fn grow(&mut self) {
        if self.large_enough() > READY_FILES {
            self.step_bytes = self.step_bytes.saturating_mul(GROWTH).min(self.file_bytes);
        }
    }

    /// The segments of `log` are synced up to `end`.
    pub(super) fn covered(&mut self, log: LogId, end: Offset) {
        for file in self.full.iter_mut().chain(&mut self.current) {
            if file.waiting.get(&log).is_some_and(|needed| *needed <= end) {
                file.waiting.remove(&log);
            }
        }
        self.recycle();
    }

    /// Frees files strictly in their order, so that no older record outlives a younger one.
    fn recycle(&mut self) {
        while self.full.front().is_some_and(|file| file.waiting.is_empty()) {
            let Some(file) = self.full.pop_front() else {
                return;
            };
            if file.bytes >= self.step_bytes || self.free.is_empty() {
                self.free.push_back(file);
            } else if let Err(error) = self.disk.remove_file(&path_of(&self.dir, file.number)) {
                log::warn!(error:%; "a small write-ahead file could not be removed");
            }
        }
    }

    /// Logs to sync now, because files run out.
    pub(super) fn pressing(&self) -> Vec<LogId> {
        if !self.free.is_empty() {
            return Vec::new();
        }
        self.full.front().map(|file| file.waiting.keys().copied().collect()).unwrap_or_default()
    }
}

impl WalEntry<'_> {
    fn payload_bytes(&self) -> u64 {
        self.batches.iter().map(|batch| batch.header.size_bytes as u64).sum()
    }

    fn bytes(&self) -> u64 {
        HEADER_BYTES as u64 + self.payload_bytes()
    }

    fn header(&self, generation: u64, is_first: bool) -> [u8; HEADER_BYTES] {
        let base = self.batches.first().map_or(0, |batch| batch.header.base_offset);
        let kind = if self.batches.is_empty() { KIND_DELETED } else { KIND_BATCHES };
        let kind = if is_first { kind | FIRST_OF_GROUP } else { kind };
        let mut header = [0; HEADER_BYTES];
        put(&mut header, 0, &MAGIC.to_be_bytes());
        put(&mut header, 8, &generation.to_be_bytes());
        put(&mut header, 16, self.log.topic_id.as_bytes());
        put(&mut header, 32, &self.log.partition.to_be_bytes());
        put(&mut header, 36, &self.cuts.to_be_bytes());
        put(&mut header, 40, &kind.to_be_bytes());
        put(&mut header, 44, &base.to_be_bytes());
        put(&mut header, 52, &self.payload_bytes().to_be_bytes());
        let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
        digest.update(header.get(8..).unwrap_or_default());
        for batch in self.batches {
            digest.update(batch.prefix());
            digest.update(batch.rest());
        }
        put(&mut header, 4, &crc(&digest).to_be_bytes());
        header
    }
}

fn crc(digest: &Digest) -> u32 {
    u32::try_from(digest.finalize()).unwrap_or(u32::MAX)
}

fn put(header: &mut [u8; HEADER_BYTES], at: usize, field: &[u8]) {
    if let Some(place) = header.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}

#[cfg(test)]
#[path = "wal_test.rs"]
mod tests;
