//! A fixed rate, whatever the broker does: a record's time counts from when it should have been sent.
//!
//! An open loop: a broker that stalls does not slow the generator down, so every record that should
//! have been sent meanwhile counts its wait.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::ClientContext;
use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;

use crate::broker::Broker;
use crate::report::{figure, milliseconds};
use crate::throughput::{self, Meter};
use crate::{Arguments, consumer};

/// Times in microseconds, up to a minute, with three digits.
pub(crate) fn histogram() -> Histogram<u64> {
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

/// What the generator does, and for how long.
pub(crate) struct Plan {
    /// Records a second.
    pub(crate) rate: u32,
    /// Seconds that count; a tenth of them goes before as a warm-up.
    pub(crate) seconds: u32,
    /// Records a second that another consumer reads from another topic's beginning meanwhile.
    pub(crate) beside: Option<u32>,
}

/// Sends to a plan, reads along, and prints both distributions.
pub(crate) fn run(arguments: &Arguments, broker: &Broker, topic: &str, plan: &Plan) {
    let warm_up = Duration::from_secs(u64::from(plan.seconds)) / 10;
    let records = u64::from(plan.rate) * u64::from(plan.seconds) * 11 / 10;
    let catch_up = plan.beside.map(|rate| CatchUp::prepare(arguments, broker, rate, plan.seconds));
    let reader = reader(broker, topic, arguments.partitions);
    let start = Instant::now();
    let reading = thread::spawn(move || read(&reader, start, warm_up, records));
    let beside = catch_up.map(|reader| thread::spawn(move || reader.run()));

    let context = Acknowledgements { start, warm_up, times: Arc::new(Mutex::new(histogram())) };
    let producer: ThreadedProducer<Acknowledgements> = arguments
        .producer(broker)
        .set("linger.ms", "0")
        .create_with_context(context.clone())
        .expect("a producer");
    let meter = Meter::start(broker);
    send(&producer, arguments, topic, start, Duration::from_secs(1) / plan.rate, records);
    producer.flush(Timeout::Never).expect("all are answered");
    let end_to_end = reading.join().expect("the reader");
    let (seconds, cpu) = meter.read();
    if let Some(beside) = beside {
        let topic = beside.join().expect("the reader beside it");
        broker.delete_topics(&[topic]);
    }

    let sent = f64::from(plan.rate) * f64::from(plan.seconds) * 1.1;
    figure("records_per_s", sent / seconds);
    figure("cpu_percent", cpu * 100.0 / seconds);
    figure("cpu_s_per_million", cpu * 1e6 / sent);
    print("ack", &context.times.lock().expect("no panic while it was held"));
    print("end_to_end", &end_to_end);
}

/// A consumer that works through a backlog at a rate of its own.
struct CatchUp {
    reader: BaseConsumer,
    topic: String,
    pause: Duration,
    records: u64,
}

/// Records that are read without a pause between them: a fetch brings many at once anyhow.
const BURST: u32 = 100;

impl CatchUp {
    /// Fills a topic with what is read later.
    fn prepare(arguments: &Arguments, broker: &Broker, rate: u32, seconds: u32) -> Self {
        let topic = broker.create_topic(arguments.partitions);
        let records = u64::from(rate) * u64::from(seconds);
        throughput::produce(arguments, broker, &topic, records);
        let reader = throughput::reader(broker, &topic, arguments.partitions);
        Self { reader, topic, pause: Duration::from_secs(1) * BURST / rate, records }
    }

    fn run(self) -> String {
        let start = Instant::now();
        let mut due = Duration::ZERO;
        for _ in 0..self.records / u64::from(BURST) {
            throughput::read(&self.reader, u64::from(BURST));
            due += self.pause;
            await_time(start, due);
        }
        self.topic
    }
}

/// Waits until so long after `start`.
pub(crate) fn await_time(start: Instant, due: Duration) {
    while let Some(early) = due.checked_sub(start.elapsed()).filter(|early| !early.is_zero()) {
        thread::park_timeout(early);
    }
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
        await_time(start, due);
        let nanoseconds = u64::try_from(due.as_nanos()).expect("less than 500 years");
        value[..8].copy_from_slice(&nanoseconds.to_be_bytes());
        let record = BaseRecord::<(), _, Box<Duration>>::with_opaque_to(topic, Box::new(due))
            .payload(&value)
            .partition(throughput::in_turn(number, arguments.partitions));
        producer.send(record).map_err(|(error, _)| error).expect("a place in the queue");
        due += pause;
    }
}

fn reader(broker: &Broker, topic: &str, partitions: i32) -> BaseConsumer {
    let reader: BaseConsumer =
        consumer(broker).set("fetch.wait.max.ms", "500").create().expect("a consumer");
    throughput::assign(&reader, topic, partitions);
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

/// Prints the quantiles of times in microseconds.
#[expect(clippy::cast_precision_loss, reason = "times are shown with few digits")]
pub(crate) fn print(what: &str, times: &Histogram<u64>) {
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
        milliseconds(&format!("{what}_{name}"), times.value_at_quantile(quantile) as f64 / 1e6);
    }
}
