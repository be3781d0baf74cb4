//! Files that were damaged between two starts: bits flipped at places that seeds name.

use super::store_test::{bases, fill, id, listen, open, settle};
use super::*;
use crate::wire::BatchHeader;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Batches of the log that is damaged.
const BATCHES: i64 = 8;
/// Places that are tried.
const SEEDS: u64 = 40;
/// Of a batch's header neither the base offset nor the leader epoch is covered by its sum.
const COVERED_FROM: u64 = 16;
/// The header of a record in a write-ahead file, and what it begins with.
const RECORD_HEADER_BYTES: u64 = 60;
const MAGIC_BYTES: u64 = 4;

/// A folder with one log, each batch acknowledged for itself, and its copy as of a killed process.
fn killed() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("first"));
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    for _ in 0..BATCHES {
        fill(&log, 1, 100);
        settle(&log, &inbox);
    }
    let copy = dir.path().join("copy");
    copy_dir(&dir.path().join("first"), &copy);
    drop(storage);
    (dir, copy)
}

/// Copies a folder that is in use: the index makes and removes files meanwhile.
fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let gone = |error: std::io::Error| assert_eq!(error.kind(), ErrorKind::NotFound);
    let entries = fs::read_dir(from).map_err(gone);
    for entry in entries.into_iter().flatten() {
        let (entry, target) = (entry.unwrap().path(), to);
        let target = target.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy_dir(&entry, &target);
        } else {
            fs::copy(&entry, target).map_err(gone).unwrap_or_default();
        }
    }
}

fn segment(dir: &Path) -> PathBuf {
    let folder = fs::read_dir(dir.join("topics")).unwrap().next().unwrap().unwrap().path();
    folder.join("00000000000000000000.log")
}

/// The file that holds the acknowledged records: others were made in advance.
fn write_ahead_file(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    let mut written = files.filter(|path| fs::read(path).unwrap().starts_with(b"OTWL"));
    written.next().unwrap()
}

fn flip(path: &Path, position: u64, bit: u64) {
    let mut content = fs::read(path).unwrap();
    content[usize::try_from(position).unwrap()] ^= 1 << bit;
    fs::write(path, content).unwrap();
}

fn batch_bytes(path: &Path) -> u64 {
    BatchHeader::parse(&fs::read(path).unwrap()).unwrap().size_bytes as u64
}

/// A place in a batch whose change its sum has to show.
fn covered_place(dice: &mut Dice, path: &Path) -> u64 {
    let size = batch_bytes(path);
    let batch = dice.below(u64::try_from(BATCHES).unwrap());
    batch * size + COVERED_FROM + dice.below(size - COVERED_FROM)
}

#[test]
fn damage_in_a_log_that_was_closed_in_order_is_never_cut_away() {
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let storage = open(dir.path());
        let log = storage.create(id(1), LogPolicy::default());
        let inbox = listen(&log);
        fill(&log, BATCHES, 100);
        settle(&log, &inbox);
        drop((log, storage));
        fs::remove_dir_all(dir.path().join("index")).unwrap();
        let path = segment(dir.path());
        let before = fs::metadata(&path).unwrap().len();
        flip(&path, covered_place(&mut dice, &path), dice.below(8));

        let storage = open(dir.path());

        let log = storage.log(id(1)).unwrap();
        assert!(
            log.offline().is_some(),
            "seed {seed}: the log goes on to {}",
            log.log_end_offset()
        );
        assert_eq!(fs::metadata(&path).unwrap().len(), before, "seed {seed}: it was cut");
    }
}

#[test]
fn damage_behind_the_last_sync_is_made_good_from_the_write_ahead_file() {
    let (_dir, copy) = killed();
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let dir = tempfile::tempdir().unwrap();
        copy_dir(&copy, dir.path());
        if dice.below(2) == 0 {
            fs::remove_dir_all(dir.path().join("index")).unwrap();
        }
        let path = segment(dir.path());
        flip(&path, covered_place(&mut dice, &path), dice.below(8));

        let storage = open(dir.path());

        let log = storage.log(id(1)).unwrap();
        assert_eq!(log.offline(), None, "seed {seed}");
        let all: Vec<i64> = (0..BATCHES).collect();
        assert_eq!(bases(&log, 0, 700), all, "seed {seed}");
    }
}

/// A copy of `copy` as after a power loss that took all segments along, with one bit of its
/// write-ahead file flipped.
fn without_segments(copy: &Path, position: u64, bit: u64) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy_dir(copy, dir.path());
    fs::remove_dir_all(dir.path().join("topics")).unwrap();
    flip(&write_ahead_file(dir.path()), position, bit);
    dir
}

#[test]
fn a_damaged_write_ahead_record_with_others_behind_it_is_not_taken_for_a_torn_end() {
    let (_dir, copy) = killed();
    let record_bytes = RECORD_HEADER_BYTES + batch_bytes(&segment(&copy));
    for seed in 0..SEEDS / 2 {
        let mut dice = Dice::new(seed);
        // The magic only helps to find a record: without it, it is whole.
        let at = MAGIC_BYTES + dice.below(record_bytes - MAGIC_BYTES);
        let record = dice.below(u64::try_from(BATCHES).unwrap() - 1);
        let dir = without_segments(&copy, record * record_bytes + at, dice.below(8));

        let storage = open(dir.path());

        let log = storage.log(id(1)).unwrap();
        assert!(log.offline().is_some(), "seed {seed}: it goes on to {}", log.log_end_offset());
    }
}

#[test]
fn a_blank_front_of_a_write_ahead_file_does_not_hide_the_rest() {
    let (_dir, copy) = killed();
    fs::remove_dir_all(copy.join("topics")).unwrap();
    let path = write_ahead_file(&copy);
    let mut content = fs::read(&path).unwrap();
    content[..512].fill(0);
    fs::write(&path, content).unwrap();

    let storage = open(&copy);

    let log = storage.log(id(1)).unwrap();
    assert!(log.offline().is_some(), "it goes on to {}", log.log_end_offset());
}

#[test]
fn a_write_ahead_file_ends_at_the_torn_record_of_its_last_group() {
    let (_dir, copy) = killed();
    let record_bytes = RECORD_HEADER_BYTES + batch_bytes(&segment(&copy));
    let last = u64::try_from(BATCHES).unwrap() - 1;
    for seed in 0..SEEDS / 2 {
        let mut dice = Dice::new(seed);
        let at = MAGIC_BYTES + dice.below(record_bytes - MAGIC_BYTES);
        let dir = without_segments(&copy, last * record_bytes + at, dice.below(8));

        let storage = open(dir.path());

        let log = storage.log(id(1)).unwrap();
        assert_eq!(log.offline(), None, "seed {seed}");
        assert_eq!(bases(&log, 0, 700), (0..BATCHES - 1).collect::<Vec<i64>>(), "seed {seed}");
    }
}

#[test]
fn damage_in_a_write_ahead_file_does_no_harm_where_segments_have_all_of_it() {
    let (_dir, copy) = killed();
    let record_bytes = RECORD_HEADER_BYTES + batch_bytes(&segment(&copy));
    for seed in 0..SEEDS / 2 {
        let mut dice = Dice::new(seed);
        let dir = tempfile::tempdir().unwrap();
        copy_dir(&copy, dir.path());
        let position = dice.below(record_bytes * u64::try_from(BATCHES).unwrap());
        flip(&write_ahead_file(dir.path()), position, dice.below(8));

        let storage = open(dir.path());

        let log = storage.log(id(1)).unwrap();
        assert_eq!(log.offline(), None, "seed {seed}");
        assert_eq!(bases(&log, 0, 700), (0..BATCHES).collect::<Vec<i64>>(), "seed {seed}");
    }
}

#[test]
fn a_log_whose_last_write_ahead_record_is_damaged_is_told_by_the_group_of_another() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("first"));
    for number in [1, 2] {
        let log = storage.create(id(number), LogPolicy::default());
        let inbox = listen(&log);
        fill(&log, 1, 100);
        settle(&log, &inbox);
    }
    let copy = dir.path().join("copy");
    copy_dir(&dir.path().join("first"), &copy);
    drop(storage);
    let payload_bytes = batch_bytes(&segment(&copy));
    for seed in 0..SEEDS / 2 {
        let mut dice = Dice::new(seed);
        let in_payload = COVERED_FROM + dice.below(payload_bytes - COVERED_FROM);
        let position = RECORD_HEADER_BYTES + in_payload;
        let damaged = without_segments(&copy, position, dice.below(8));

        let storage = open(damaged.path());

        let (damaged, whole) = (storage.log(id(1)).unwrap(), storage.log(id(2)).unwrap());
        assert!(damaged.offline().is_some(), "seed {seed}: its end was cut off silently");
        assert_eq!(bases(&whole, 0, 700), [0], "seed {seed}");
    }
}

#[test]
fn damage_below_a_sync_of_the_segment_itself_is_never_cut_away() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(&dir.path().join("first"));
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    // So much at once goes past the write-ahead file.
    fill(&log, BATCHES, 200 << 10);
    settle(&log, &inbox);
    log.0.shared.index.flush();
    let copy = dir.path().join("copy");
    copy_dir(&dir.path().join("first"), &copy);
    drop((log, storage));
    for seed in 0..SEEDS / 4 {
        let mut dice = Dice::new(seed);
        let damaged = tempfile::tempdir().unwrap();
        copy_dir(&copy, damaged.path());
        let path = segment(damaged.path());
        let before = fs::metadata(&path).unwrap().len();
        flip(&path, covered_place(&mut dice, &path), dice.below(8));

        drop(open(damaged.path()));

        assert_eq!(fs::metadata(&path).unwrap().len(), before, "seed {seed}: it was cut");
    }
}
