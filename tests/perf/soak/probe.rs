//! How long a record waits beside all the rest: an open loop at a modest rate.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use super::{Load, PROBED};
use crate::text::text;

/// Ten thousand records a minute and more, so that p99.9 of a minute is made of ten.
const PAUSE: Duration = Duration::from_millis(5);
const VALUE_BYTES: usize = 1024;

/// Times since the last sample, in microseconds.
pub(super) struct Times {
    pub(super) acknowledged: Histogram<u64>,
    pub(super) end_to_end: Histogram<u64>,
}

impl Default for Times {
    fn default() -> Self {
        let times = || Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds");
        Self { acknowledged: times(), end_to_end: times() }
    }
}

#[derive(Clone)]
struct Clock {
    start: Instant,
    times: Arc<Mutex<Times>>,
}

impl Clock {
    fn note(&self, due: Duration, of: impl FnOnce(&mut Times) -> &mut Histogram<u64>) {
        let waited = self.start.elapsed().saturating_sub(due);
        let waited = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        let mut times = self.times.lock().expect("no panic while it was held");
        of(&mut times).saturating_record(waited);
    }
}

impl ClientContext for Clock {}

impl ProducerContext for Clock {
    type DeliveryOpaque = Box<Duration>;
    fn delivery(&self, result: &DeliveryResult<'_>, due: Box<Duration>) {
        assert!(result.is_ok(), "a record of the probe was not delivered: {result:?}");
        self.note(*due, |times| &mut times.acknowledged);
    }
}

/// The probe while it runs.
pub(super) struct Probe {
    times: Arc<Mutex<Times>>,
    threads: [JoinHandle<()>; 2],
}

impl Probe {
    pub(super) fn start(load: &Load) -> Self {
        let clock = Clock { start: Instant::now(), times: Arc::default() };
        let times = clock.times.clone();
        let reader = reader(load);
        let (read_load, read_clock) = (load.clone(), clock.clone());
        let reading = thread::spawn(move || read(&reader, &read_load, &read_clock));
        let load = load.clone();
        let sending = thread::spawn(move || send(&load, clock));
        Self { times, threads: [reading, sending] }
    }

    /// What was measured since the last call.
    pub(super) fn take(&self) -> Times {
        std::mem::take(&mut self.times.lock().expect("no panic while it was held"))
    }

    pub(super) fn join(self) {
        self.threads.into_iter().for_each(|thread| thread.join().expect("the probe"));
    }
}

fn send(load: &Load, clock: Clock) {
    let start = clock.start;
    let producer: ThreadedProducer<Clock> = ClientConfig::new()
        .set("bootstrap.servers", &load.bootstrap)
        .set("acks", "all")
        .set("linger.ms", "0")
        .create_with_context(clock)
        .expect("a producer");
    let mut value = text(VALUE_BYTES);
    let mut due = Duration::ZERO;
    while load.wait_until(start + due) {
        let nanoseconds = u64::try_from(due.as_nanos()).expect("less than 500 years");
        value[..8].copy_from_slice(&nanoseconds.to_be_bytes());
        let record = BaseRecord::<(), _, _>::with_opaque_to(PROBED.name, Box::new(due))
            .payload(&value)
            .partition(0);
        producer.send(record).map_err(|(error, _)| error).expect("a place in the queue");
        due += PAUSE;
    }
    producer.flush(Timeout::After(Duration::from_secs(60))).expect("all are answered");
}

fn reader(load: &Load) -> BaseConsumer {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &load.bootstrap)
        .set("group.id", "soak-probe")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(PROBED.name, 0, Offset::Beginning).expect("an offset");
    reader.assign(&place).expect("an assignment");
    reader
}

fn read(reader: &BaseConsumer, load: &Load, clock: &Clock) {
    while load.goes_on() {
        let Some(record) = reader.poll(Duration::from_millis(200)) else { continue };
        let record = record.expect("a record");
        let due = record.payload().and_then(|value| value.first_chunk()).expect("its time");
        clock.note(Duration::from_nanos(u64::from_be_bytes(*due)), |times| &mut times.end_to_end);
    }
}
