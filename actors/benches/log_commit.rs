//! Batches through the journal until they may be acknowledged, on the disk that `target` is on.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use ottla_actors::storage::{
    FLUSH_MESSAGES_NEVER, Log, LogListener, LogNews, LogPolicy, Storage, StorageOptions,
};
use ottla_actors::types::{
    Codec, LeaderEpoch, LogId, MonoTime, NodeId, Now, Offset, Timestamp, Uuid,
};
use ottla_actors::wire::{BatchHeader, StampedBatch};

use crate::samples::{self, TIMESTAMP, length};

/// Bytes of a segment: small, so that what is deleted gives its room back soon.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes that a log may have before all of it is deleted.
const LOG_BYTES_MAX: u64 = 256 << 20;

/// One batch after the other, and many that share a commit; with an fsync before it and without.
pub(crate) fn run(criterion: &mut Criterion) {
    let (batch, records) = samples::batch(1024, Codec::None);
    let mut group = criterion.benchmark_group("append and commit");
    for (name, flush_messages) in [("fsync", 1), ("page cache", FLUSH_MESSAGES_NEVER)] {
        for batches in [1_usize, 64] {
            let appender = Appender::new(&batch, flush_messages);
            group.throughput(Throughput::ElementsAndBytes {
                elements: records * length(batches),
                bytes: length(batch.len() * batches),
            });
            group.bench_function(BenchmarkId::new(name, batches), |bencher| {
                let next = || appender.next(batches);
                bencher.iter_batched(next, |next| appender.commit(next), BatchSize::PerIteration);
            });
            appender.storage.close();
        }
    }
    group.finish();
}

/// A log of its own, and the news of it.
struct Appender {
    batch: Bytes,
    header: BatchHeader,
    log: Log,
    news: Receiver<LogNews>,
    storage: Storage,
    _folder: tempfile::TempDir,
}

struct Inbox(Sender<LogNews>);

impl LogListener for Inbox {
    fn flushed(&self, news: LogNews) {
        self.0.send(news).expect("the benchmark listens");
    }
}

impl Appender {
    fn new(batch: &Bytes, flush_messages: u64) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let clock = Arc::new(|| Now { mono: MonoTime::START, wall: Timestamp(TIMESTAMP) });
        let options = StorageOptions::new(folder.path().to_owned(), NodeId(1), clock);
        let storage = Storage::open(options).expect("an empty folder");
        let id = LogId { topic_id: Uuid::from_u128(0xBE), partition: 0 };
        let policy =
            LogPolicy { segment_bytes: SEGMENT_BYTES, flush_messages, ..LogPolicy::default() };
        let log = storage.create(id, policy);
        let (sender, news) = channel();
        log.set_listener(Arc::new(Inbox(sender)));
        let header = BatchHeader::parse(batch).expect("a header");
        Self { batch: batch.clone(), header, log, news, storage, _folder: folder }
    }

    /// The batches that come next; makes room for them, outside of what is measured.
    fn next(&self, batches: usize) -> Vec<StampedBatch> {
        let mut base = self.log.log_end_offset();
        if self.log.size_bytes() > LOG_BYTES_MAX {
            let (sender, done) = channel();
            self.log.delete_before(
                base,
                Box::new(move || sender.send(()).expect("the benchmark waits")),
            );
            done.recv().expect("the journal runs");
        }
        let stamped = |_| {
            let batch = StampedBatch::new(self.header, &self.batch, base, LeaderEpoch(0));
            base = batch.header.next_offset();
            batch
        };
        (0..batches).map(stamped).collect()
    }

    /// Appends them and waits until the last of them may be acknowledged.
    fn commit(&self, batches: Vec<StampedBatch>) {
        let end = batches.last().map(|last| last.header.next_offset()).expect("a batch");
        self.log.append(batches);
        while self.flushed() < end {}
    }

    fn flushed(&self) -> Offset {
        let news = self.news.recv().expect("the journal runs");
        let LogNews::Flushed { up_to } = news else {
            unreachable!("nothing else was asked for than appends: {news:?}")
        };
        up_to
    }
}
