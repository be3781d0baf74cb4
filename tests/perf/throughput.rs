//! As much as goes in, then all of it out again: records a second, and what a million cost the broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::broker::Broker;
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

/// Sends `records`, reads them, and prints both rates.
pub(crate) fn run(arguments: &Arguments, broker: &Broker, topic: &str, records: u64) {
    let meter = Meter::start(broker);
    produce(arguments, broker, topic, records);
    meter.print("produce", records, arguments.size);

    let meter = Meter::start(broker);
    consume(broker, topic, arguments.partitions, records);
    meter.print("consume", records, arguments.size);
}

fn produce(arguments: &Arguments, broker: &Broker, topic: &str, records: u64) {
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
        let partition = i32::try_from(number % u64::from(arguments.partitions.unsigned_abs()));
        let mut record = BaseRecord::<(), _>::to(topic)
            .payload(&value)
            .partition(partition.expect("less than the count of partitions"));
        while let Err((error, back)) = producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full, "a record cannot be sent");
            // The queue is what makes the generator as fast as the broker, and no faster.
            std::thread::park_timeout(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(Timeout::Never).expect("all are answered");
    let delivered = counts.delivered.load(Ordering::Relaxed);
    let failed = counts.failed.load(Ordering::Relaxed);
    assert_eq!((delivered, failed), (records, 0), "records delivered and failed");
}

fn consume(broker: &Broker, topic: &str, partitions: i32, records: u64) {
    let reader: BaseConsumer = consumer(broker)
        .set("queued.max.messages.kbytes", "65536")
        .set("check.crcs", "false")
        .create()
        .expect("a consumer");
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    reader.assign(&all).expect("an assignment");
    let mut read = 0;
    while read < records {
        let record = reader.poll(Duration::from_secs(60)).expect("a record within a minute");
        assert!(record.expect("a record").payload().is_some());
        read += 1;
    }
}

/// Wall clock and the broker's processor time over one phase.
struct Meter<'a> {
    broker: &'a Broker,
    cpu: f64,
    began: Instant,
}

impl<'a> Meter<'a> {
    fn start(broker: &'a Broker) -> Self {
        Self { broker, cpu: broker.cpu_seconds(), began: Instant::now() }
    }

    #[expect(clippy::cast_precision_loss, reason = "rates are shown with few digits")]
    fn print(self, what: &str, records: u64, size: u64) {
        let seconds = self.began.elapsed().as_secs_f64();
        let cpu = self.broker.cpu_seconds() - self.cpu;
        let count = records as f64;
        println!(
            "{what}: {records} records in {seconds:.2} s, {:.0} records/s, {:.1} MB/s; broker {:.3} CPU s per million; {}",
            count / seconds,
            count * size as f64 / seconds / 1e6,
            cpu * 1e6 / count,
            self.broker.memory()
        );
    }
}
