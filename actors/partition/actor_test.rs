//! The partition's shell over a simulated disk whose journal is driven by hand.

use super::{ActiveProducer, PartitionActor, ProduceError};
use super::{Appended, FetchWait, Origin, Partition, PartitionSettings, PartitionStart};
use crate::runtime::{Clock, start_local};
use crate::storage::{Driver, LogPolicy, MemoryIndex, SimDisk, Storage, StorageOptions};
use crate::types::{LeaderEpoch, LogId, NodeId, Offset, ProducerEpoch, ProducerId, Uuid};
use crate::wire::{BatchBuilder, BatchHeader, CheckedBatch};
use std::sync::Arc;
use tokio::sync::oneshot;

struct Bench {
    disk: SimDisk,
    driver: Driver,
    partition: Partition,
    _storage: Arc<Storage>,
}

type Answer = oneshot::Receiver<Result<Appended, ProduceError>>;

fn bench() -> Bench {
    let disk = SimDisk::new();
    let clock = Clock::start();
    let options = StorageOptions::new("/data".into(), NodeId(1), Arc::new(move || clock.now()));
    let index = Arc::new(MemoryIndex::default());
    let (storage, driver) =
        Storage::open_simulated(options, Arc::new(disk.clone()), index).unwrap();
    let storage = Arc::new(storage);
    let id = LogId { topic_id: Uuid::from_u128(1000), partition: 0 };
    let log = storage.create(id, LogPolicy::default());
    let start = PartitionStart {
        storage: storage.clone(),
        log,
        leader_epoch: LeaderEpoch(0),
        settings: PartitionSettings { producer_id_expiration_ms: 86_400_000 },
        clock,
    };
    let partition = Partition::start_with(start, |start, view| {
        start_local(move |_| PartitionActor::new(start, view))
    });
    Bench { disk, driver, partition, _storage: storage }
}

impl Bench {
    fn produce(&self, value_bytes: usize) -> Answer {
        self.produce_as(value_bytes, |header| header)
    }

    fn produce_as(
        &self,
        value_bytes: usize,
        from: impl FnOnce(BatchHeader) -> BatchHeader,
    ) -> Answer {
        let mut builder = BatchBuilder::new();
        builder.record(1, None, Some(&vec![7; value_bytes]));
        let batch = builder.build();
        let header = from(BatchHeader::parse(&batch).unwrap());
        let batch =
            CheckedBatch { header, batch, max_timestamp_offset_delta: 0, log_append_time: None };
        self.partition.produce(batch, None, Origin::Client)
    }

    /// Lets the actor take its messages, the journal commit, and the actor hear of it.
    async fn turn(&mut self) {
        settle().await;
        self.driver.commit();
        settle().await;
    }
}

/// Actors run between two polls of the test: on this one thread nothing else is ready then.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

fn base(answer: &mut Answer) -> Option<Result<i64, ProduceError>> {
    answer.try_recv().ok().map(|result| result.map(|appended| appended.base_offset))
}

#[actix_rt::test]
async fn a_batch_is_answered_and_readable_after_the_journal_has_it() {
    let mut bench = bench();
    let mut answer = bench.produce(10);
    settle().await;
    assert_eq!(base(&mut answer), None, "answered before it was on disk");

    bench.turn().await;

    assert_eq!(base(&mut answer), Some(Ok(0)));
    assert_eq!(bench.partition.view().high_watermark(), Offset::clamped(1));
}

#[actix_rt::test]
async fn a_waiting_fetch_is_woken_once_enough_is_committed() {
    let mut bench = bench();
    let (wait, mut woken) = FetchWait::new(1_000);
    bench.partition.wait(bench.partition.view().committed_bytes(), wait);

    let first = bench.produce(500);
    bench.turn().await;
    assert!(woken.try_recv().is_err(), "woken by too little");
    let second = bench.produce(500);
    bench.turn().await;

    assert!(woken.try_recv().is_ok());
    drop((first, second));
}

#[actix_rt::test]
async fn a_full_disk_refuses_and_room_lets_it_go_on_without_a_gap() {
    let mut bench = bench();
    let mut stored = bench.produce(10);
    bench.turn().await;
    bench.disk.set_room(Some(0));
    let mut refused = bench.produce(10_000);
    bench.turn().await;
    let mut behind = bench.produce(10);
    bench.turn().await;

    bench.disk.set_room(None);
    for _ in 0..3 {
        bench.turn().await;
    }
    let mut later = bench.produce(10);
    for _ in 0..3 {
        bench.turn().await;
    }

    assert_eq!(base(&mut stored), Some(Ok(0)));
    assert_eq!(base(&mut refused), Some(Err(ProduceError::DiskFull)));
    let behind = base(&mut behind).expect("an answer");
    let next = if behind.is_ok() { 2 } else { 1 };
    assert_eq!(base(&mut later), Some(Ok(next)), "behind the refused one: {behind:?}");
}

#[actix_rt::test]
async fn closing_waits_for_what_is_with_the_journal() {
    let mut bench = bench();
    let mut answer = bench.produce(10);
    let mut closed = bench.partition.close();
    settle().await;
    assert!(closed.try_recv().is_err(), "closed with a batch in flight");

    bench.turn().await;

    assert!(closed.try_recv().is_ok());
    assert_eq!(base(&mut answer), Some(Ok(0)));
    let mut late = bench.produce(10);
    settle().await;
    assert!(!matches!(base(&mut late), Some(Ok(_))), "taken after the close");
}

#[actix_rt::test]
async fn producers_are_told_of_with_the_batches_sent_before_the_question() {
    let bench = bench();
    let sequenced = |first| {
        move |header| BatchHeader {
            producer_id: 7,
            producer_epoch: 3,
            base_sequence: first,
            max_timestamp: 100 + i64::from(first),
            ..header
        }
    };
    let sent = (bench.produce_as(10, sequenced(0)), bench.produce_as(10, sequenced(1)));

    let mut told = bench.partition.active_producers();
    settle().await;

    let expected = ActiveProducer {
        producer_id: ProducerId(7),
        epoch: ProducerEpoch(3),
        last_sequence: Some(1),
        last_timestamp: 101,
        open_transaction: None,
    };
    assert_eq!(told.try_recv().unwrap(), Ok(vec![expected]));
    drop(sent);
}

#[actix_rt::test]
async fn who_asks_for_producers_waits_while_they_are_read_from_the_log() {
    let mut bench = bench();
    bench.disk.set_room(Some(0));
    let refused = bench.produce(10_000);
    bench.turn().await;
    let mut told = bench.partition.active_producers();
    settle().await;
    assert!(told.try_recv().is_err(), "told before the log was read");

    for _ in 0..3 {
        bench.turn().await;
    }

    assert_eq!(told.try_recv().unwrap(), Ok(Vec::new()));
    drop(refused);
}
