//! How many write-ahead files there are, and how large.

use super::*;
use crate::storage::SimDisk;
use crate::storage::store_test::{batch, id};

const MIB: u64 = 1 << 20;

fn fresh(file_bytes: u64) -> Wal {
    let disk = Arc::new(SimDisk::new());
    let (mut wal, _) = Wal::open(disk, PathBuf::from("wal"), file_bytes, true).unwrap();
    wal.make_first().unwrap();
    make_missing(&mut wal);
    wal
}

/// Makes what is missing; how large those files are.
fn make_missing(wal: &mut Wal) -> Vec<u64> {
    let missing = wal.missing_files();
    for (dir, number, bytes) in &missing {
        let file = make_file(&*wal.disk, dir, *number, *bytes);
        wal.made(file);
    }
    missing.into_iter().map(|(_, _, bytes)| bytes).collect()
}

/// Appends some 300 KiB at `base`; whether there was room.
fn append(wal: &mut Wal, base: i64) -> bool {
    let batches = [batch(base, 1, &["key"], 300 << 10)];
    let end = Offset::clamped(base + 1);
    wal.append(&[WalEntry { log: id(1), cuts: 0, batches: &batches, end }]).unwrap()
}

#[test]
fn a_fresh_folder_has_small_files_and_keeps_them_while_they_suffice() {
    let mut wal = fresh(64 * MIB);

    for base in 0..30 {
        assert!(append(&mut wal, base));
        wal.covered(id(1), Offset::clamped(base + 1));
        assert_eq!(make_missing(&mut wal), []);
    }

    let all = wal.free.iter().chain(&wal.full).chain(&wal.current);
    assert_eq!(all.map(|file| file.bytes).collect::<Vec<_>>(), [MIB, MIB, MIB]);
}

#[test]
fn files_that_run_out_before_their_logs_are_synced_are_followed_by_larger_ones() {
    let mut wal = fresh(8 * MIB);

    let fitted = (0..).take_while(|base| append(&mut wal, *base)).count();

    assert_eq!(fitted, 9, "three to a file");
    assert_eq!(make_missing(&mut wal), [4 * MIB; 3]);
    let fitted = (9..).take_while(|base| append(&mut wal, *base)).count();
    assert_eq!(fitted, 39, "thirteen to a file");
    assert_eq!(make_missing(&mut wal), [8 * MIB; 3], "not beyond their bound");
    wal.covered(id(1), Offset::clamped(1_000));
    assert!(append(&mut wal, 48));
    assert!(wal.free.iter().all(|file| file.bytes == 8 * MIB), "small ones are gone");
}

#[test]
fn a_file_that_is_being_made_is_not_asked_for_again() {
    let mut wal = fresh(MIB);
    while append(&mut wal, 0) {}
    wal.covered(id(1), Offset::clamped(1));
    wal.free.clear();

    let missing = wal.missing_files().len();

    assert_eq!((missing, wal.missing_files().len()), (2, 0));
    wal.made(Err(io::ErrorKind::StorageFull.into()));
    assert_eq!(wal.missing_files().len(), 1, "what failed is tried again");
}

#[test]
fn a_file_that_a_full_disk_refuses_leaves_nothing_behind() {
    let disk = SimDisk::new();
    let dir = PathBuf::from("wal");
    disk.create_dir_all(&dir).unwrap();

    disk.set_room(Some(100 << 10));
    let refused = make_file(&disk, &dir, 0, MIB);

    assert!(refused.is_err());
    assert!(disk.list(&dir).unwrap().is_empty());
}
