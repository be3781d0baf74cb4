//! A fixed rate, whatever the broker does: a record's time counts from when it should have been sent.
//!
//! An open loop: a broker that stalls does not slow the generator down, so every record that should
//! have been sent meanwhile counts its wait.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Offset, TopicPartitionList};

use crate::broker::Broker;
use crate::{Arguments, consumer};

/// Times in microseconds, up to a minute, with three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds that make sense")
}

/// Notes how long each acknowledgement took from the time its record was due.
#[derive(Clone)]
struct Acknowledgements {
    start: Instant,
    warm_up: Duration,
    times: Arc<Mutex<Histogram<u64>>>,
}

impl Acknowledgements {
    fn note(&self, due: Duration) {
        note(
            &mut self.times.lock().expect("no panic while it was held"),
            self.start,
            self.warm_up,
            due,
        );
    }
}

fn note(times: &mut Histogram<u64>, start: Instant, warm_up: Duration, due: Duration) {
    if due >= warm_up {
        let waited = start.elapsed().saturating_sub(due);
        times.saturating_record(u64::try_from(waited.as_micros()).unwrap_or(u64::MAX));
    }
}

impl ClientContext for Acknowledgements {}

impl ProducerContext for Acknowledgements {
    type DeliveryOpaque = Box<Duration>;
    fn delivery(&self, result: &DeliveryResult<'_>, due: Box<Duration>) {
        assert!(result.is_ok(), "a record was not delivered: {result:?}");
        self.note(*due);
    }
}

/// Sends at `rate` for `seconds` and a warm-up before, reads along, and prints both distributions.
pub(crate) fn run(arguments: &Arguments, broker: &Broker, topic: &str, rate: u32, seconds: u32) {
    let warm_up = Duration::from_secs(u64::from(seconds)) / 10;
    let records = u64::from(rate) * u64::from(seconds) * 11 / 10;
    let reader = reader(broker, topic, arguments.partitions);
    let start = Instant::now();
    let reading = thread::spawn(move || read(&reader, start, warm_up, records));

    let context = Acknowledgements { start, warm_up, times: Arc::new(Mutex::new(histogram())) };
    let producer: ThreadedProducer<Acknowledgements> = arguments
        .producer(broker)
        .set("linger.ms", "0")
        .create_with_context(context.clone())
        .expect("a producer");
    let cpu = broker.cpu_seconds();
    send(&producer, arguments, topic, start, Duration::from_secs(1) / rate, records);
    producer.flush(Timeout::Never).expect("all are answered");
    let end_to_end = reading.join().expect("the reader");
    let cpu = broker.cpu_seconds() - cpu;

    println!(
        "{rate} records/s for {seconds} s, broker {:.1}% of a core",
        cpu * 100.0 / start.elapsed().as_secs_f64()
    );
    print("acknowledged", &context.times.lock().expect("no panic while it was held"));
    print("end to end", &end_to_end);
}

fn send(
    producer: &ThreadedProducer<Acknowledgements>,
    arguments: &Arguments,
    topic: &str,
    start: Instant,
    pause: Duration,
    records: u64,
) {
    let mut value = arguments.value();
    let mut due = Duration::ZERO;
    for number in 0..records {
        while let Some(early) = due.checked_sub(start.elapsed()).filter(|early| !early.is_zero()) {
            thread::park_timeout(early);
        }
        let nanoseconds = u64::try_from(due.as_nanos()).expect("less than 500 years");
        value[..8].copy_from_slice(&nanoseconds.to_be_bytes());
        let partition = i32::try_from(number % u64::from(arguments.partitions.unsigned_abs()));
        let record = BaseRecord::<(), _, Box<Duration>>::with_opaque_to(topic, Box::new(due))
            .payload(&value)
            .partition(partition.expect("less than the count of partitions"));
        producer.send(record).map_err(|(error, _)| error).expect("a place in the queue");
        due += pause;
    }
}

fn reader(broker: &Broker, topic: &str, partitions: i32) -> BaseConsumer {
    let reader: BaseConsumer =
        consumer(broker).set("fetch.wait.max.ms", "500").create().expect("a consumer");
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset");
    }
    reader.assign(&all).expect("an assignment");
    reader
}

fn read(reader: &BaseConsumer, start: Instant, warm_up: Duration, records: u64) -> Histogram<u64> {
    let mut times = histogram();
    for _ in 0..records {
        let record = reader.poll(Duration::from_secs(60)).expect("a record within a minute");
        let record = record.expect("a record");
        let due = record.payload().and_then(|value| value.first_chunk::<8>()).expect("its time");
        note(&mut times, start, warm_up, Duration::from_nanos(u64::from_be_bytes(*due)));
    }
    times
}

#[expect(clippy::cast_precision_loss, reason = "times are shown with few digits")]
fn print(what: &str, times: &Histogram<u64>) {
    let at = |quantile: f64| times.value_at_quantile(quantile) as f64 / 1000.0;
    println!(
        "{what}, ms: p50 {:.2}, p90 {:.2}, p99 {:.2}, p99.9 {:.2}, max {:.2} ({} records)",
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        times.max() as f64 / 1000.0,
        times.len()
    );
}
