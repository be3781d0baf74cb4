//! What changes the shape of a log, and what goes wrong with disks.

use super::store_test::{
    bases, batch, fill, id, listen, open, options, settle, small_segments, wait,
};
use super::*;
use crate::types::Offset;
use crate::wire::BatchHeader;
use std::path::Path;
use std::sync::{Arc, Mutex};

fn keys_and_offsets(log: &Log) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    let mut at = log.log_start_offset();
    let mut cursor = None;
    while at < log.log_end_offset() {
        let chunk = log.read_blocking(at, Offset::MAX, 1 << 20, true, &mut cursor).unwrap();
        let bytes = chunk.parts.concat();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).unwrap();
            let records = crate::wire::Records::open(rest, 1 << 20).unwrap();
            for record in records.iter().map(Result::unwrap) {
                let key = String::from_utf8(record.record.key.unwrap().to_vec()).unwrap();
                found.push((key, record.offset));
            }
            rest = &rest[header.size_bytes..];
        }
        at = chunk.next_offset;
    }
    found
}

#[test]
fn a_failed_sync_is_told_to_the_hook_and_nothing_is_acknowledged_any_more() {
    let disk = SimDisk::new();
    let told = Arc::new(Mutex::new(String::new()));
    let mut options = options(Path::new("/data"));
    let tell = Arc::clone(&told);
    options.fatal = Arc::new(move |what| tell.lock().unwrap().push_str(what));
    let (storage, mut driver) =
        Storage::open_simulated(options, Arc::new(disk.clone()), Arc::new(MemoryIndex::default()))
            .unwrap();
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    fill(&log, 1, 10);
    driver.commit();

    // The write of the segment and of the write-ahead file succeed, the sync does not.
    disk.crash_after(2);
    fill(&log, 1, 10);
    driver.commit();
    disk.restart();
    fill(&log, 1, 10);

    assert!(told.lock().unwrap().contains("could not be synced"));
    let offline = AppendError::Offline;
    let news: Vec<_> = inbox.try_iter().collect();
    assert!(matches!(news[0], LogNews::Flushed { .. }));
    let refused =
        |news: &LogNews| matches!(news, LogNews::Refused { error, .. } if *error == offline);
    assert!(news.len() == 3 && news[1..].iter().all(refused));
}

#[test]
fn a_full_disk_refuses_and_resumes_by_itself() {
    let disk = SimDisk::new();
    let (storage, mut driver) = Storage::open_simulated(
        options(Path::new("/data")),
        Arc::new(disk.clone()),
        Arc::new(MemoryIndex::default()),
    )
    .unwrap();
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    fill(&log, 1, 10);
    driver.commit();

    disk.set_room(Some(50));
    fill(&log, 1, 1000);
    driver.commit();
    disk.set_room(None);
    fill(&log, 1, 1000);
    driver.commit();

    let flushed = |up_to| LogNews::Flushed { up_to: Offset::clamped(up_to) };
    let refused = LogNews::Refused { from: Offset::clamped(1), error: AppendError::DiskFull };
    assert_eq!(inbox.try_iter().collect::<Vec<_>>(), [flushed(1), refused, flushed(2)]);
    assert_eq!(bases(&log, 0, 100), [0, 1]);
}

#[test]
fn truncation_drops_the_end_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), small_segments());
    let inbox = listen(&log);
    fill(&log, 60, 200);
    settle(&log, &inbox);

    wait(|done| log.truncate(Offset::clamped(25), done));
    fill(&log, 5, 100);
    settle(&log, &inbox);

    assert_eq!(log.log_end_offset(), Offset::clamped(30));
    assert_eq!(bases(&log, 0, 700), (0..30).collect::<Vec<_>>());
    drop(storage);
    let storage = open(dir.path());
    assert_eq!(bases(&storage.log(id(1)).unwrap(), 0, 700), (0..30).collect::<Vec<_>>());
}

#[test]
fn a_deleted_log_is_gone_and_stays_gone() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    fill(&log, 5, 100);
    settle(&log, &inbox);

    wait(|done| storage.delete(&log, done));

    assert!(storage.log(id(1)).is_none());
    fill(&log, 1, 1);
    assert!(matches!(settle(&log, &inbox)[..], [LogNews::Refused { .. }]));
    drop(storage);
    assert!(open(dir.path()).logs().is_empty());
}

#[test]
fn logs_that_are_deleted_together_share_their_syncs() {
    const LOGS: u64 = 100;
    let disk = SimDisk::new();
    let options = options(Path::new("/data"));
    let index = Arc::new(MemoryIndex::default());
    let (storage, mut driver) =
        Storage::open_simulated(options.clone(), Arc::new(disk.clone()), index.clone()).unwrap();
    for number in 0..LOGS {
        let log = storage.create(id(number.into()), LogPolicy::default());
        fill(&log, 1, 10);
    }
    driver.commit();

    let before = disk.operations();
    for log in storage.logs() {
        storage.delete(&log, Box::new(|| ()));
    }
    driver.commit();

    let each = disk.operations() - before;
    // A name and a folder each; a write and two syncs for all.
    assert!(each <= 2 * LOGS + 3, "{each} operations");
    drop((storage, driver));
    disk.crash(1);
    let (storage, _driver) = Storage::open_simulated(options, Arc::new(disk), index).unwrap();
    assert!(storage.logs().is_empty(), "a deleted log came back");
}

#[test]
fn a_start_with_many_unclean_logs_syncs_the_disk_once() {
    const LOGS: u64 = 300;
    let disk = SimDisk::new();
    let options = options(Path::new("/data"));
    let index = Arc::new(MemoryIndex::default());
    let (storage, mut driver) =
        Storage::open_simulated(options.clone(), Arc::new(disk.clone()), index.clone()).unwrap();
    for number in 0..LOGS {
        fill(&storage.create(id(number.into()), LogPolicy::default()), 1, 10);
    }
    driver.commit();
    drop((storage, driver));

    let before = disk.operations();
    disk.restart();
    let (storage, driver) =
        Storage::open_simulated(options.clone(), Arc::new(disk.clone()), index.clone()).unwrap();

    let each = disk.operations() - before;
    assert!(each < 20, "{each} operations for {LOGS} logs");
    assert_eq!(storage.logs().len(), usize::try_from(LOGS).unwrap());
    drop((storage, driver));
    // What it took for synced must outlast a power loss.
    disk.crash(1);
    let (storage, _driver) = Storage::open_simulated(options, Arc::new(disk), index).unwrap();
    assert!(storage.logs().iter().all(|log| log.log_end_offset() == Offset::clamped(1)));
}

#[test]
fn files_with_unsynced_content_do_not_use_up_all_handles() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    (options.segment_handles_max, options.dirty_handles_max) = (4, 8);
    let storage = Storage::open(options).unwrap();
    let topics = dir.path().join("topics");
    let open = || {
        let entries = std::fs::read_dir("/proc/self/fd").unwrap();
        let paths = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        paths.filter(|path| path.starts_with(&topics)).count()
    };

    let mut most = 0;
    for number in 0..100 {
        let log = storage.create(id(number), LogPolicy::default());
        let inbox = listen(&log);
        fill(&log, 1, 10);
        settle(&log, &inbox);
        most = most.max(open());
    }

    assert!(most <= 4 + 8, "{most} segment files were open");
}

#[test]
fn retention_drops_old_segments_and_rolls_the_active_one() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let policy = LogPolicy { retention_ms: Some(1000), ..small_segments() };
    let log = storage.create(id(1), policy);
    let inbox = listen(&log);
    fill(&log, 60, 200);
    settle(&log, &inbox);

    log.set_clean_bound(Offset::clamped(30));
    storage.maintain();
    let bounded = log.log_start_offset();
    log.set_clean_bound(Offset::MAX);
    storage.maintain();

    assert!(bounded > Offset::ZERO && bounded <= Offset::clamped(30));
    assert_eq!(log.log_start_offset(), Offset::clamped(60));
    assert_eq!((log.segment_count(), log.size_bytes()), (1, 0));
    drop(storage);
    let log = open(dir.path()).log(id(1)).unwrap();
    assert_eq!((log.log_start_offset(), log.log_end_offset()).0, Offset::clamped(60));
    assert_eq!(log.log_end_offset(), Offset::clamped(60), "offsets are never given twice");
}

#[test]
fn compaction_keeps_the_newest_of_each_key_and_all_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let policy = LogPolicy {
        compact: true,
        delete: false,
        retention_ms: None,
        min_cleanable_dirty_ratio: 0.0,
        ..small_segments()
    };
    let log = storage.create(id(1), policy);
    let inbox = listen(&log);
    let keys = ["a", "b", "c", "d", "e"];
    log.append(
        (0..100).map(|at| batch(at, at, &[keys[usize::try_from(at).unwrap() % 5]], 300)).collect(),
    );
    settle(&log, &inbox);
    let active_base = log.0.active().unwrap().base.to_wire();
    let before = log.size_bytes();

    storage.maintain();

    let sealed: Vec<_> =
        keys_and_offsets(&log).into_iter().filter(|(_, offset)| *offset < active_base).collect();
    let newest = (active_base - 5..active_base)
        .map(|at| (keys[usize::try_from(at).unwrap() % 5].to_owned(), at))
        .collect::<Vec<_>>();
    assert_eq!(sealed, newest);
    assert!(log.size_bytes() < before / 2);
    assert_eq!(log.log_end_offset(), Offset::clamped(100));
    let all = keys_and_offsets(&log);
    drop(storage);
    let storage = open(dir.path());
    assert_eq!(keys_and_offsets(&storage.log(id(1)).unwrap()), all);
}

#[test]
fn damage_before_the_last_segment_takes_the_log_offline_and_cuts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), small_segments());
    let inbox = listen(&log);
    fill(&log, 60, 200);
    settle(&log, &inbox);
    let first = log.0.segments.load()[0].path().to_owned();
    drop(storage);
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let mut content = std::fs::read(&first).unwrap();
    content[16] = 9;
    std::fs::write(&first, &content).unwrap();

    let storage = open(dir.path());
    let log = storage.log(id(1)).unwrap();

    assert!(log.offline().unwrap().contains("damaged at byte 0"));
    assert_eq!(std::fs::read(&first).unwrap(), content);
    let read = log.read_blocking(Offset::ZERO, Offset::MAX, 100, true, &mut None);
    assert!(matches!(read, Err(ReadError::Offline(_))));
}
