//! What comes and goes: topics with a record in each partition, groups with an offset; and a reader
//! that begins from the beginning again and again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::{BY_SIZE, Load};
use crate::admin::Admin;

const PARTITIONS: i32 = 10;
/// Topics that are there at a time.
const ALIVE: u64 = 5;
/// One topic in so many is read by a group of its own.
const GROUP_EVERY: u64 = 5;

/// What came and went.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) topics: AtomicU64,
    pub(super) groups: AtomicU64,
}

/// Starts both threads; they end when the load does.
pub(super) fn start(load: &Load) -> (Vec<JoinHandle<()>>, Arc<Counts>) {
    let counts = Arc::<Counts>::default();
    let (churn_load, churn_counts) = (load.clone(), counts.clone());
    let churn = thread::spawn(move || churn(&churn_load, &churn_counts));
    let lagging_load = load.clone();
    let lagging = thread::spawn(move || read_again_and_again(&lagging_load));
    (vec![churn, lagging], counts)
}

fn churn(load: &Load, counts: &Counts) {
    let admin = Admin::new(&load.bootstrap);
    // A client of its own for each topic would be the larger part of the load.
    let producer: BaseProducer = client(load).create().expect("a producer");
    let mut due = Instant::now();
    for number in 0_u64.. {
        if !load.wait_until(due) {
            return;
        }
        due = Instant::now() + Duration::from_secs(1);
        let name = format!("soak-churn-{number}");
        admin.create(&name, PARTITIONS, &[]);
        for partition in 0..PARTITIONS {
            let record = BaseRecord::<(), _>::to(&name).payload("a record").partition(partition);
            producer.send(record).map_err(|(error, _)| error).expect("a place in the queue");
        }
        producer.flush(Timeout::After(Duration::from_secs(60))).expect("all are answered");
        if number.is_multiple_of(GROUP_EVERY) {
            let group = format!("soak-group-{number}");
            commit(load, &group, &name);
            admin.delete_group(&group);
            counts.groups.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(old) = number.checked_sub(ALIVE) {
            admin.delete(&[&format!("soak-churn-{old}")]);
            counts.topics.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn client(load: &Load) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &load.bootstrap);
    config
}

fn commit(load: &Load, group: &str, topic: &str) {
    let consumer: BaseConsumer = client(load).set("group.id", group).create().expect("a consumer");
    let mut offsets = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        offsets.add_partition_offset(topic, partition, Offset::Offset(1)).expect("an offset");
    }
    consumer.commit(&offsets, CommitMode::Sync).expect("offsets are committed");
}

/// Always far behind: whole partitions, from their beginning to where their end was.
fn read_again_and_again(load: &Load) {
    let reader: BaseConsumer = client(load)
        .set("group.id", "soak-lagging")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    for partition in (0..BY_SIZE.partitions).cycle() {
        if !load.wait_until(Instant::now() + Duration::from_secs(1)) {
            return;
        }
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(BY_SIZE.name, partition, Offset::Beginning).expect("an offset");
        reader.assign(&place).expect("an assignment");
        while load.goes_on() {
            match reader.poll(Duration::from_millis(200)) {
                Some(Ok(_)) => drop(load.records_out.fetch_add(1, Ordering::Relaxed)),
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => unreachable!("a lagging reader failed: {error}"),
                None => {}
            }
        }
    }
}
