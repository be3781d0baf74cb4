//! Storage on the real disk, from outside.

use super::*;
use crate::types::{Codec, CompressionTarget, LeaderEpoch, LogId, MonoTime, NodeId, Now, Offset};
use crate::types::{Timestamp, Uuid};
use crate::wire::{BatchBuilder, BatchHeader, DECOMPRESSED_BYTES_MIN, StampedBatch};
use bytes::Bytes;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

struct Inbox(Mutex<Sender<LogNews>>);

impl LogListener for Inbox {
    fn flushed(&self, news: LogNews) {
        self.0.lock().unwrap().send(news).unwrap();
    }
}

pub(super) fn clock() -> ClockSource {
    Arc::new(|| Now { mono: MonoTime::START, wall: Timestamp(1_000_000) })
}

pub(super) fn options(dir: &Path) -> StorageOptions {
    let mut options = StorageOptions::new(dir.to_owned(), NodeId(1), clock());
    options.wal_file_bytes = 1 << 20;
    options
}

pub(super) fn open(dir: &Path) -> Storage {
    Storage::open(options(dir)).unwrap()
}

pub(super) fn id(number: u128) -> LogId {
    LogId { topic_id: Uuid::from_u128(0xABCD_0000 + number), partition: 0 }
}

/// A batch of one record for each key, at the timestamps from `timestamp` on.
pub(super) fn batch(base: i64, timestamp: i64, keys: &[&str], value_bytes: usize) -> StampedBatch {
    let mut builder = BatchBuilder::new();
    let value = vec![b'v'; value_bytes];
    for (at, key) in keys.iter().enumerate() {
        let value = (value_bytes > 0).then_some(&*value);
        builder.record(timestamp + i64::try_from(at).unwrap(), Some(key.as_bytes()), value);
    }
    stamp(&builder.build(), base, 3)
}

pub(super) fn stamp(bytes: &Bytes, base: i64, epoch: i32) -> StampedBatch {
    let header = BatchHeader::parse(bytes).unwrap();
    StampedBatch::new(header, bytes, Offset::clamped(base), LeaderEpoch(epoch))
}

pub(super) fn listen(log: &Log) -> Receiver<LogNews> {
    let (sender, inbox) = channel();
    log.set_listener(Arc::new(Inbox(Mutex::new(sender))));
    inbox
}

/// Everything that was queued is done; the news until then.
pub(super) fn settle(log: &Log, inbox: &Receiver<LogNews>) -> Vec<LogNews> {
    log.barrier(77);
    inbox.iter().take_while(|news| *news != LogNews::Barrier(77)).collect()
}

pub(super) fn wait(ask: impl FnOnce(Done)) {
    let (sender, done) = channel();
    ask(Box::new(move || sender.send(()).unwrap()));
    done.recv().unwrap();
}

pub(super) fn small_segments() -> LogPolicy {
    LogPolicy { segment_bytes: 4096, ..LogPolicy::default() }
}

/// Base offsets of the batches from `from` on, by cold reads of `max_bytes`.
pub(super) fn bases(log: &Log, from: i64, max_bytes: usize) -> Vec<i64> {
    let mut at = Offset::clamped(from);
    let mut cursor = None;
    let mut found = Vec::new();
    while at < log.log_end_offset() {
        let chunk = log.read_blocking(at, Offset::MAX, max_bytes, true, &mut cursor).unwrap();
        let bytes = chunk.parts.concat();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let header = BatchHeader::parse(rest).unwrap();
            found.push(header.base_offset);
            rest = &rest[header.size_bytes..];
        }
        assert!(chunk.next_offset > at, "a read must get on");
        at = chunk.next_offset;
    }
    found
}

pub(super) fn fill(log: &Log, batches: i64, value_bytes: usize) {
    let from = log.log_end_offset().to_wire();
    log.append(
        (from..from + batches).map(|at| batch(at, 1000 + at, &["k"], value_bytes)).collect(),
    );
}

fn refused(options: StorageOptions) -> String {
    Storage::open(options).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn what_was_appended_is_read_from_memory_and_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), small_segments());
    let inbox = listen(&log);

    fill(&log, 100, 200);
    let news = settle(&log, &inbox);

    assert_eq!(news, [LogNews::Flushed { up_to: Offset::clamped(100) }]);
    let TryRead::Ready(tail) = log.read(Offset::ZERO, Offset::MAX, 1 << 20, true, &mut None) else {
        panic!("the tail cache holds all of it");
    };
    assert_eq!(tail.next_offset, Offset::clamped(100));
    assert_eq!(bases(&log, 0, 1000), (0..100).collect::<Vec<_>>());
    assert!(log.segment_count() > 5);
    let first_only = log.read(Offset::ZERO, Offset::MAX, 1, true, &mut None);
    assert!(matches!(first_only, TryRead::Ready(chunk) if chunk.next_offset == Offset::clamped(1)));
    let bounded = log.read(Offset::ZERO, Offset::clamped(7), 1 << 20, true, &mut None);
    assert!(matches!(bounded, TryRead::Ready(chunk) if chunk.next_offset == Offset::clamped(7)));
}

#[test]
fn a_reader_that_knows_its_place_reads_from_the_page_cache_without_blocking() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.tail_cache_bytes = 0;
    let storage = Storage::open(options).unwrap();
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    fill(&log, 100, 200);
    settle(&log, &inbox);
    let read = |from: i64, cursor: &mut Option<Cursor>| {
        log.read(Offset::clamped(from), Offset::MAX, 1000, true, cursor)
    };
    let mut cursor = None;
    assert!(matches!(read(10, &mut cursor), TryRead::Cold), "the index is never asked here");

    let first =
        log.read_blocking(Offset::clamped(10), Offset::MAX, 1000, true, &mut cursor).unwrap();
    let next = first.next_offset.to_wire();
    let second = read(next, &mut cursor);

    assert_eq!(first.first_offset, Offset::clamped(10));
    let TryRead::Ready(second) = second else { panic!("what was just written is in memory") };
    assert_eq!(second.first_offset, Offset::clamped(next));
    assert!(second.bytes <= 1000 && second.next_offset > second.first_offset);
    assert!(matches!(read(next + 50, &mut cursor), TryRead::Cold), "the place is another");
}

#[test]
fn a_batch_larger_than_a_read_comes_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.tail_cache_bytes = 0;
    let storage = Storage::open(options).unwrap();
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    log.append(vec![batch(0, 0, &["a"], 3 << 20), batch(1, 0, &["b"], 10)]);
    settle(&log, &inbox);

    let read = |max_bytes, at_least_one| {
        log.read_blocking(Offset::ZERO, Offset::MAX, max_bytes, at_least_one, &mut None).unwrap()
    };

    assert_eq!(read(100, true).next_offset, Offset::clamped(1));
    assert_eq!(read(100, false).bytes, 0);
    assert_eq!(read(4 << 20, false).next_offset, Offset::clamped(1));
}

#[test]
fn a_log_lasts_over_an_orderly_stop() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), small_segments());
    let inbox = listen(&log);
    fill(&log, 50, 200);
    settle(&log, &inbox);
    assert!(storage.is_alive());
    storage.close();
    assert!(!storage.is_alive());

    let storage = open(dir.path());
    let log = storage.log(id(1)).unwrap();

    assert!(storage.was_clean() && storage.is_alive());
    assert_eq!(storage.meta().boot_count, 2);
    assert_eq!(log.log_end_offset(), Offset::clamped(50));
    assert_eq!(log.max_timestamp(), 1049);
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(3)));
    assert_eq!(bases(&log, 17, 700), (17..50).collect::<Vec<_>>());
}

#[test]
fn a_lost_index_is_made_again_from_the_segments() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), small_segments());
    let inbox = listen(&log);
    fill(&log, 50, 200);
    settle(&log, &inbox);
    wait(|done| log.delete_before(Offset::clamped(20), done));
    storage.close();
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();

    let storage = open(dir.path());
    let log = storage.log(id(1)).unwrap();

    assert_eq!(log.log_start_offset(), Offset::clamped(20), "deleted records must not come back");
    assert_eq!(log.latest_epoch(), Some(LeaderEpoch(3)));
    assert_eq!(bases(&log, 20, 700), (20..50).collect::<Vec<_>>());
}

#[test]
fn batches_that_do_not_continue_the_log_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);

    log.append(vec![batch(0, 0, &["a"], 1), batch(5, 0, &["b"], 1)]);
    let news = settle(&log, &inbox);

    let error = AppendError::OutOfOrder;
    assert_eq!(
        news,
        [
            LogNews::Flushed { up_to: Offset::clamped(1) },
            LogNews::Refused { from: Offset::clamped(5), error }
        ]
    );
}

#[test]
fn records_are_found_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), small_segments());
    let inbox = listen(&log);
    let keys = ["a", "b", "c"];
    log.append((0..40).map(|at| batch(at * 3, 1000 + at * 10, &keys, 200)).collect());
    settle(&log, &inbox);

    let find = |target| log.find_by_timestamp(target, Offset::MAX).unwrap();

    assert_eq!(find(0), Some((Offset::ZERO, 1000, LeaderEpoch(3))));
    assert_eq!(find(1201), Some((Offset::clamped(61), 1201, LeaderEpoch(3))));
    assert_eq!(find(1203), Some((Offset::clamped(63), 1210, LeaderEpoch(3))));
    assert_eq!(find(1393), None);
    let last = Some((Offset::clamped(119), 1392, LeaderEpoch(3)));
    assert_eq!(log.max_timestamp_record(Offset::MAX).unwrap(), last);
}

/// Of a topic whose `max.message.bytes` is, or was, above the default.
#[test]
fn a_small_batch_that_holds_very_much_is_found_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    let mut builder = BatchBuilder::new();
    builder.record(1000, None, Some(&vec![0; 2 * DECOMPRESSED_BYTES_MIN]));
    builder.record(1001, None, None);
    let packed = builder.build_compressed(CompressionTarget::with_default_level(Codec::Zstd));
    log.append(vec![stamp(&packed.unwrap(), 0, 3)]);
    settle(&log, &inbox);

    let found = log.find_by_timestamp(1001, Offset::MAX);

    assert_eq!(found.unwrap(), Some((Offset::clamped(1), 1001, LeaderEpoch(3))));
}

#[test]
fn a_thousand_logs_are_made_without_touching_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());

    for number in 0..1000 {
        storage.create(id(number), LogPolicy::default());
    }

    let folders = std::fs::read_dir(dir.path().join("topics")).unwrap().count();
    assert_eq!((storage.logs().len(), folders), (1000, 0));
}

#[test]
fn producers_are_known_from_snapshot_and_headers() {
    use crate::types::{ProducerEpoch, ProducerId};
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let log = storage.create(id(1), LogPolicy::default());
    let inbox = listen(&log);
    let produce = |at: i64| {
        let sequence = i32::try_from(at).unwrap();
        let mut builder =
            BatchBuilder::new().with_producer(ProducerId(9), ProducerEpoch(1), sequence);
        builder.record(at, None, Some(b"v"));
        log.append(vec![stamp(&builder.build(), at, 0)]);
    };
    (0..4).for_each(produce);
    settle(&log, &inbox);
    let snapshot = log.recovered().unwrap().producers;
    assert_eq!(snapshot[0].batches.len(), 4);

    log.store_producers(Offset::clamped(4), snapshot);
    (4..8).for_each(produce);
    settle(&log, &inbox);
    drop(storage);

    let storage = open(dir.path());
    let recovered = storage.log(id(1)).unwrap().recovered().unwrap();
    let sequences: Vec<_> =
        recovered.producers[0].batches.iter().map(|batch| batch.first_sequence).collect();
    assert_eq!(sequences, [3, 4, 5, 6, 7]);
}

#[test]
fn a_folder_of_someone_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut mine = options(dir.path());
    mine.cluster_id = Some("mine".to_owned());
    let storage = Storage::open(mine).unwrap();
    assert!(refused(options(dir.path())).contains("in use by another process"));
    drop(storage);

    let mut other = options(dir.path());
    other.cluster_id = Some("other".to_owned());
    assert!(refused(other).contains("belongs to cluster 'mine', not 'other'"));
    let mut other = options(dir.path());
    other.node_id = NodeId(2);
    assert!(refused(other).contains("belongs to node.id 1, not 2"));
    let path = dir.path().join("meta.properties");
    let newer =
        std::fs::read_to_string(&path).unwrap().replace("format.version=1", "format.version=9");
    std::fs::write(&path, newer).unwrap();
    assert!(refused(options(dir.path())).contains("written by a newer release"));
    std::fs::write(&path, "version=1\n").unwrap();
    assert!(refused(options(dir.path())).contains("meta.properties"));
    assert!(refused(options(&path)).contains("not a folder"));
}

#[test]
fn a_group_that_was_made_durable_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let storage = open(dir.path());
    let synced = storage.create(id(1), LogPolicy::default());
    let unsynced = LogPolicy { flush_messages: FLUSH_MESSAGES_NEVER, ..LogPolicy::default() };
    let unsynced = storage.create(id(2), unsynced);
    let bytes = batch(0, 1000, &["a"], 100).header.size_bytes;

    for log in [&synced, &unsynced] {
        let inbox = listen(log);
        log.append(vec![batch(0, 1000, &["a"], 100)]);
        settle(log, &inbox);
    }

    let journal = &storage.metrics().journal;
    assert_eq!(journal.flush.image().count(), 1);
    assert_eq!(journal.logs.image().sum, 1);
    assert_eq!(journal.bytes.image().sum, u64::try_from(bytes).unwrap());
    let space = storage.disk_space().unwrap();
    assert!(space.free_bytes > 0 && space.free_bytes <= space.size_bytes, "{space:?}");
}

#[test]
fn what_the_write_ahead_files_hold_of_a_log_is_synced_in_small_steps() {
    const STEP_BYTES: i64 = 2 << 20;
    let (disk, index) = (Arc::new(SimDisk::new()), Arc::new(MemoryIndex::default()));
    let mut options = options(Path::new("/data"));
    options.wal_file_bytes = 64 << 20;
    let (storage, mut driver) = Storage::open_simulated(options, disk, index).unwrap();
    let log = storage.create(id(1), LogPolicy::default());
    let size = i64::try_from(batch(0, 1000, &["k"], 60_000).header.size_bytes).unwrap();

    let mut unsynced = Vec::new();
    for base in 0..200 {
        log.append(vec![batch(base, 1000, &["k"], 60_000)]);
        driver.commit();
        driver.tick();
        let writer = segment::lock(&log.0.writer);
        unsynced.push((writer.end.to_wire() - writer.synced.to_wire()) * size);
    }

    assert!(unsynced.iter().all(|bytes| *bytes < STEP_BYTES + 2 * size), "{unsynced:?}");
    let steps = unsynced.windows(2).filter(|pair| pair[1] < pair[0]).count();
    assert!((3..=6).contains(&steps), "{steps} syncs for 12 MB");
}
