//! Records with numbers: producers that count, members of a group that check the count.
//!
//! Each producer numbers its records in each partition. A member may read a record twice after a
//! rebalance, but then at the same offset; a number that comes back at another offset was stored
//! twice, a number that is left out while offsets go on was lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, ClientContext};

use crate::text::text;

use super::verdict::Verdict;
use super::{BY_SIZE, BY_TIME, Load, Topic};

/// Producers that differ in what matters to a log: topic, idempotence, acks, codec, largest value.
const PRODUCERS: [(&Topic, bool, &str, &str, usize); 6] = [
    (&BY_SIZE, true, "all", "none", 10_240),
    (&BY_SIZE, true, "all", "lz4", 2_048),
    (&BY_SIZE, false, "1", "none", 1_024),
    (&BY_SIZE, false, "all", "gzip", 10_240),
    (&BY_TIME, true, "all", "snappy", 1_024),
    (&BY_TIME, false, "1", "none", 256),
];
/// Smallest value: the numbers and some filling.
const VALUE_BYTES_MIN: usize = 100;
/// How long a passing member stays, and stays away.
const MEMBER_STAYS: Duration = Duration::from_secs(10);

type Place = (&'static str, i32);

/// What was acknowledged, and what was read of it.
#[derive(Default)]
pub(super) struct Ledger {
    /// Highest number acknowledged, by producer and partition.
    acknowledged: Mutex<HashMap<(u32, Place), u64>>,
    read: Mutex<HashMap<Place, Reading>>,
    failed: AtomicU64,
    lost: AtomicU64,
    doubled: AtomicU64,
    expired: AtomicU64,
    read_again: AtomicU64,
}

/// How far one partition was read.
#[derive(Default)]
struct Reading {
    next_offset: i64,
    numbers: HashMap<u32, u64>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no panic while it was held")
}

impl Ledger {
    fn acknowledge(&self, producer: u32, place: Place, number: u64) {
        lock(&self.acknowledged).insert((producer, place), number);
    }

    fn take(&self, place: Place, offset: i64, producer: u32, number: u64) {
        let mut read = lock(&self.read);
        let reading = read.entry(place).or_default();
        if offset < reading.next_offset {
            self.read_again.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let skipped = u64::try_from(offset - reading.next_offset).expect("not negative");
        reading.next_offset = offset + 1;
        if skipped > 0 {
            // Retention was faster than the group; what went unread cannot be counted.
            self.expired.fetch_add(skipped, Ordering::Relaxed);
            reading.numbers.clear();
        }
        let Some(last) = reading.numbers.insert(producer, number) else { return };
        if number <= last {
            self.doubled.fetch_add(1, Ordering::Relaxed);
        }
        self.lost.fetch_add(number.saturating_sub(last + 1), Ordering::Relaxed);
    }

    /// Records acknowledged and not read yet.
    pub(super) fn behind(&self) -> String {
        format!("{} behind", self.count_behind())
    }

    fn count_behind(&self) -> u64 {
        let read = lock(&self.read);
        let acknowledged = lock(&self.acknowledged);
        let behind = |(&(producer, place), &number): (&(u32, Place), &u64)| {
            let last = read.get(&place).and_then(|reading| reading.numbers.get(&producer));
            number.saturating_sub(last.copied().unwrap_or(0))
        };
        acknowledged.iter().map(behind).sum()
    }

    /// Whether the members read everything within `limit`.
    pub(super) fn wait_until_read(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.count_behind() > 0 && Instant::now() < end {
            thread::park_timeout(Duration::from_millis(100));
        }
        self.count_behind() == 0
    }

    pub(super) fn judge(&self, verdict: &mut Verdict) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let none = |what: &str, counter: &AtomicU64, verdict: &mut Verdict| {
            verdict.say(what, count(counter) == 0, format!("{}", count(counter)));
        };
        none("records not acknowledged", &self.failed, verdict);
        none("records lost", &self.lost, verdict);
        none("records stored twice", &self.doubled, verdict);
        none("records expired before the group read them", &self.expired, verdict);
        println!("read again after rebalances: {}", count(&self.read_again));
    }
}

/// Hears what became of the records of one producer.
struct Deliveries {
    ledger: Arc<Ledger>,
    load: Load,
    producer: u32,
    topic: &'static str,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<u64>;
    fn delivery(&self, result: &DeliveryResult<'_>, number: Box<u64>) {
        match result {
            Ok(record) => {
                self.load.records_in.fetch_add(1, Ordering::Relaxed);
                let place = (self.topic, record.partition());
                self.ledger.acknowledge(self.producer, place, *number);
            }
            Err(_) => drop(self.ledger.failed.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

/// All producers, `rate` records a second together.
pub(super) fn start_producers(load: &Load, ledger: &Arc<Ledger>, rate: u32) -> Vec<JoinHandle<()>> {
    let count = u32::try_from(PRODUCERS.len()).expect("a few");
    let pause = Duration::from_secs(1) * count / rate.max(1);
    let start = |(producer, row): (u32, (&'static Topic, bool, &str, &str, usize))| {
        let (topic, idempotent, acks, codec, size_max) = row;
        let context =
            Deliveries { ledger: ledger.clone(), load: load.clone(), producer, topic: topic.name };
        let client: ThreadedProducer<Deliveries> = ClientConfig::new()
            .set("bootstrap.servers", &load.bootstrap)
            .set("enable.idempotence", idempotent.to_string())
            .set("acks", acks)
            .set("compression.codec", codec)
            .set("linger.ms", "5")
            .create_with_context(context)
            .expect("a producer");
        let load = load.clone();
        thread::spawn(move || produce(&client, &load, topic, producer, size_max, pause))
    };
    (0..).zip(PRODUCERS).map(start).collect()
}

fn produce(
    client: &ThreadedProducer<Deliveries>,
    load: &Load,
    topic: &Topic,
    producer: u32,
    size_max: usize,
    pause: Duration,
) {
    let filling = text(size_max);
    let mut numbers = HashMap::new();
    let mut due = Instant::now();
    let mut dice = u64::from(producer) + 1;
    while load.wait_until(due) {
        due += pause;
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let range = u64::try_from(size_max - VALUE_BYTES_MIN + 1).expect("a small size");
        let extra = usize::try_from((dice >> 33) % range).expect("a small size");
        let partition = i32::try_from((dice >> 20) % u64::from(topic.partitions.unsigned_abs()));
        let partition = partition.expect("a few");
        let number = numbers.entry(partition).or_insert(0_u64);
        *number += 1;
        let mut value = filling[..VALUE_BYTES_MIN + extra].to_vec();
        value[..4].copy_from_slice(&producer.to_be_bytes());
        value[4..12].copy_from_slice(&number.to_be_bytes());
        let record = BaseRecord::<(), _, _>::with_opaque_to(topic.name, Box::new(*number))
            .payload(&value)
            .partition(partition);
        client.send(record).map_err(|(error, _)| error).expect("a place in the queue");
    }
    client.flush(Timeout::After(Duration::from_secs(60))).expect("all are answered");
}

/// Two members that stay, and one that comes and goes: a rebalance every few seconds.
pub(super) fn start_members(load: &Load, ledger: &Arc<Ledger>) -> Vec<JoinHandle<()>> {
    let start = |stays: bool| {
        let (load, ledger) = (load.clone(), ledger.clone());
        thread::spawn(move || {
            while load.goes_on() {
                member(&load, &ledger, stays);
                load.wait_until(Instant::now() + MEMBER_STAYS);
            }
        })
    };
    [true, true, false].into_iter().map(start).collect()
}

fn member(load: &Load, ledger: &Ledger, stays: bool) {
    let member: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &load.bootstrap)
        .set("group.id", "soak")
        .set("auto.offset.reset", "earliest")
        .set("auto.commit.interval.ms", "1000")
        // Stored once it is in the ledger, so that whoever takes over leaves nothing out.
        .set("enable.auto.offset.store", "false")
        .create()
        .expect("a consumer");
    member.subscribe(&[BY_SIZE.name, BY_TIME.name]).expect("a subscription");
    let end = Instant::now() + MEMBER_STAYS;
    while load.goes_on() && (stays || Instant::now() < end) {
        let Some(record) = member.poll(Duration::from_millis(200)) else { continue };
        let record = record.expect("a record");
        check(ledger, &record);
        load.records_out.fetch_add(1, Ordering::Relaxed);
        // Refused where the partition was taken away meanwhile; its next owner reads it again.
        drop(member.store_offset_from_message(&record));
    }
}

fn check(ledger: &Ledger, record: &BorrowedMessage<'_>) {
    let topic = if record.topic() == BY_SIZE.name { BY_SIZE.name } else { BY_TIME.name };
    let value = record.payload().expect("a value");
    let producer = u32::from_be_bytes(*value.first_chunk().expect("its producer"));
    let number = u64::from_be_bytes(*value[4..].first_chunk().expect("its number"));
    ledger.take((topic, record.partition()), record.offset(), producer, number);
}
