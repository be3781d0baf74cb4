//! As much as goes in, then all of it out again: records a second, and what a million cost the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::broker::Broker;
use crate::report::figure;
use crate::{Arguments, consumer};

/// Counts what was acknowledged and what was not.
#[derive(Clone, Default)]
struct Counts {
    delivered: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
}

impl ClientContext for Counts {}

impl ProducerContext for Counts {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = if result.is_ok() { &self.delivered } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends `records` from so many producers, reads them, and prints both rates.
pub(crate) fn run(arguments: &Arguments, broker: &Broker, topic: &str, records: u64, many: u64) {
    let meter = Meter::start(broker);
    thread::scope(|scope| {
        for _ in 0..many {
            scope.spawn(|| produce(arguments, broker, topic, records / many));
        }
    });
    meter.print("produce", records / many * many, arguments.size);

    let meter = Meter::start(broker);
    let reader = reader(broker, topic, arguments.partitions);
    read(&reader, records / many * many);
    meter.print("consume", records / many * many, arguments.size);
}

/// Sends `records` in turn to all partitions, and returns when all of them are acknowledged.
pub(crate) fn produce(arguments: &Arguments, broker: &Broker, topic: &str, records: u64) {
    let counts = Counts::default();
    let producer: ThreadedProducer<Counts> = arguments
        .producer(broker)
        .set("linger.ms", "5")
        .set("queue.buffering.max.kbytes", "262144")
        .create_with_context(counts.clone())
        .expect("a producer");
    let mut value = arguments.value();
    for number in 0..records {
        value[..8].copy_from_slice(&number.to_be_bytes());
        let mut record = BaseRecord::<(), _>::to(topic)
            .payload(&value)
            .partition(in_turn(number, arguments.partitions));
        while let Err((error, back)) = producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full, "a record cannot be sent");
            // The queue is what makes the generator as fast as the broker, and no faster.
            thread::park_timeout(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(Timeout::Never).expect("all are answered");
    let delivered = counts.delivered.load(Ordering::Relaxed);
    let failed = counts.failed.load(Ordering::Relaxed);
    assert_eq!((delivered, failed), (records, 0), "records delivered and failed");
}

/// A reader of a whole topic from its beginning, which never waits because it has read ahead enough.
pub(crate) fn reader(broker: &Broker, topic: &str, partitions: i32) -> BaseConsumer {
    let reader: BaseConsumer = consumer(broker)
        .set("queued.min.messages", "10000000")
        .set("queued.max.messages.kbytes", "65536")
        .set("check.crcs", "false")
        .create()
        .expect("a consumer");
    assign(&reader, topic, partitions);
    reader
}

/// Lets a consumer read all partitions from their beginning.
pub(crate) fn assign(reader: &BaseConsumer, topic: &str, partitions: i32) {
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    reader.assign(&all).expect("an assignment");
}

/// Takes so many records.
pub(crate) fn read(reader: &BaseConsumer, records: u64) {
    for _ in 0..records {
        let record = reader.poll(Duration::from_secs(60)).expect("a record within a minute");
        assert!(record.expect("a record").payload().is_some());
    }
}

/// The partition whose turn it is.
pub(crate) fn in_turn(number: u64, partitions: i32) -> i32 {
    i32::try_from(number % u64::from(partitions.unsigned_abs())).expect("less than their count")
}

/// Wall clock and the broker's processor time over one phase.
pub(crate) struct Meter<'a> {
    broker: &'a Broker,
    cpu: f64,
    began: Instant,
}

impl<'a> Meter<'a> {
    pub(crate) fn start(broker: &'a Broker) -> Self {
        Self { broker, cpu: broker.cpu_seconds(), began: Instant::now() }
    }

    /// Seconds since its start, and what the broker worked meanwhile.
    pub(crate) fn read(&self) -> (f64, f64) {
        (self.began.elapsed().as_secs_f64(), self.broker.cpu_seconds() - self.cpu)
    }

    #[expect(clippy::cast_precision_loss, reason = "rates are shown with few digits")]
    pub(crate) fn print(&self, what: &str, records: u64, size: u64) {
        let (seconds, cpu) = self.read();
        let count = records as f64;
        figure(&format!("{what}_records_per_s"), count / seconds);
        figure(&format!("{what}_mb_per_s"), count * size as f64 / seconds / 1e6);
        figure(&format!("{what}_cpu_s_per_million"), cpu * 1e6 / count);
        figure(&format!("{what}_resident_mib"), self.broker.memory().0);
    }
}
