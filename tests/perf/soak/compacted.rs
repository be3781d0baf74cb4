//! A compacted topic: what was written last of each key is what must be there at the end.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::verdict::Verdict;
use super::{COMPACTED, Load};
use crate::text::text;

const KEYS: u64 = 2000;
const VALUE_BYTES: usize = 700;
/// One record in so many deletes its key.
const TOMBSTONE_EVERY: u64 = 50;

/// The writer while it runs.
pub(super) struct Compacted(JoinHandle<Written>);

/// The last number written of each key; none where that was a tombstone.
pub(super) struct Written {
    last: HashMap<u64, Option<u64>>,
    records: u64,
    failed: u64,
}

struct Deliveries {
    load: Load,
    failed: Arc<AtomicU64>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counter = if result.is_ok() { &*self.load.records_in } else { &*self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Compacted {
    pub(super) fn start(load: &Load, rate: u32) -> Self {
        let load = load.clone();
        Self(thread::spawn(move || write(&load, rate)))
    }

    pub(super) fn join(self) -> Written {
        self.0.join().expect("the writer of the compacted topic")
    }
}

fn write(load: &Load, rate: u32) -> Written {
    let failed = Arc::<AtomicU64>::default();
    let producer: ThreadedProducer<Deliveries> = ClientConfig::new()
        .set("bootstrap.servers", &load.bootstrap)
        .set("enable.idempotence", "true")
        .set("compression.codec", "lz4")
        .set("linger.ms", "5")
        .create_with_context(Deliveries { load: load.clone(), failed: failed.clone() })
        .expect("a producer");
    let mut value = text(VALUE_BYTES);
    let (mut last, mut records) = (HashMap::new(), 0_u64);
    let (mut due, pause) = (Instant::now(), Duration::from_secs(1) / rate.max(1));
    while load.wait_until(due) {
        due += pause;
        records += 1;
        // Not in turn, so that some keys are old when their segment is cleaned.
        let key = records.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) % KEYS;
        let deletes = records.is_multiple_of(TOMBSTONE_EVERY);
        value[..8].copy_from_slice(&records.to_be_bytes());
        let key_bytes = key.to_be_bytes();
        let mut record =
            BaseRecord::to(COMPACTED.name).key(&key_bytes).partition(partition_of(key));
        if !deletes {
            record = record.payload(&value);
        }
        producer.send(record).map_err(|(error, _)| error).expect("a place in the queue");
        last.insert(key, (!deletes).then_some(records));
    }
    producer.flush(Timeout::After(Duration::from_secs(60))).expect("all are answered");
    Written { last, records, failed: failed.load(Ordering::Relaxed) }
}

fn partition_of(key: u64) -> i32 {
    i32::try_from(key % u64::from(COMPACTED.partitions.unsigned_abs())).expect("a few")
}

impl Written {
    pub(super) fn judge(&self, load: &Load, verdict: &mut Verdict) {
        let (found, count) = read(load);
        let differs = |(key, last): &(&u64, &Option<u64>)| found.get(*key).copied() != **last;
        let wrong = self.last.iter().filter(differs).count();
        let unknown = found.keys().filter(|key| !self.last.contains_key(key)).count();
        let detail = format!(
            "{wrong} of {} keys differ, {unknown} unknown; {} records written, {count} kept",
            self.last.len(),
            self.records
        );
        let right = wrong == 0 && unknown == 0 && self.failed == 0;
        verdict.say("the compacted topic holds the last value of each key", right, detail);
        let compacted = self.records < 20 * KEYS || count < self.records / 2;
        verdict.say("it was compacted", compacted, format!("{count} of {}", self.records));
    }
}

/// The last value of each key, as a reader from the beginning sees it, and how many records it read.
fn read(load: &Load) -> (HashMap<u64, u64>, u64) {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &load.bootstrap)
        .set("group.id", "soak-compacted")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let mut all = TopicPartitionList::new();
    for partition in 0..COMPACTED.partitions {
        all.add_partition_offset(COMPACTED.name, partition, Offset::Beginning).expect("an offset");
    }
    reader.assign(&all).expect("an assignment");
    let (mut found, mut count, mut ended) = (HashMap::new(), 0, 0);
    while ended < COMPACTED.partitions {
        let record = match reader.poll(Duration::from_secs(30)).expect("a record in time") {
            Ok(record) => record,
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => {
                ended += 1;
                continue;
            }
            Err(error) => unreachable!("the compacted topic cannot be read: {error}"),
        };
        count += 1;
        let key = u64::from_be_bytes(*record.key().and_then(<[u8]>::first_chunk).expect("a key"));
        match record.payload() {
            Some(value) => {
                let number = u64::from_be_bytes(*value.first_chunk().expect("its number"));
                found.insert(key, number);
            }
            None => drop(found.remove(&key)),
        }
    }
    (found, count)
}
