//! Clients whose histories are judged: plain and idempotent producers, consumers with partitions of
//! their choice and in a group, while something is done to their broker.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::checker::{Event, Op, Outcome, Seen, check};
use crate::harness::Broker;

const TOPIC: &str = "load";
const PARTITIONS: i32 = 3;
/// Records that a producer has open at once.
const WINDOW: u64 = 40;
/// Acknowledgements between two faults: each hits a broker that works.
const BETWEEN: u64 = 400;
/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What all clients share.
pub(crate) struct Shared {
    address: String,
    history: Mutex<Vec<Event>>,
    processes: AtomicU32,
    values: AtomicU64,
    acknowledged: AtomicU64,
    /// Records that members of the group read.
    read_in_group: AtomicU64,
    stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn new(broker: &Broker) -> Arc<Self> {
        Arc::new(Self {
            address: broker.address().to_string(),
            history: Mutex::default(),
            processes: AtomicU32::new(1),
            values: AtomicU64::new(0),
            acknowledged: AtomicU64::new(0),
            read_in_group: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        })
    }

    fn process(&self) -> u32 {
        self.processes.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, process: u32, op: Op) {
        self.history.lock().expect("no poison").push(Event { process, op });
    }

    fn goes_on(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address).set("reconnect.backoff.max.ms", "200");
        config
    }

    fn client<T: FromClientConfig>(&self, settings: &[(&str, &str)]) -> T {
        let mut config = self.config();
        for (name, value) in settings {
            config.set(*name, *value);
        }
        config.create().expect("a client")
    }
}

/// Sends windows of records until it is told to stop. A producer that got no answer is replaced,
/// as a process that died would be.
fn produce(shared: &Shared, settings: &[(&str, &str)]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    while shared.goes_on() {
        let process = shared.process();
        let producer: FutureProducer = shared.client(settings);
        while shared.goes_on() && send_window(shared, process, &producer, &runtime) {}
    }
}

/// Sends one window and waits for all of its answers; whether each came.
fn send_window(
    shared: &Shared,
    process: u32,
    producer: &FutureProducer,
    runtime: &tokio::runtime::Runtime,
) -> bool {
    let mut open = Vec::new();
    for turn in 0..WINDOW {
        let value = shared.values.fetch_add(1, Ordering::Relaxed);
        let partition = i32::try_from(turn).expect("small") % PARTITIONS;
        let payload =
            format!("{value:010}{}", "x".repeat(usize::try_from(value % 700).expect("small")));
        let record = FutureRecord::<(), _>::to(TOPIC).partition(partition).payload(&payload);
        let delivery = producer.send_result(record).expect("a place in the queue");
        open.push((partition, value, delivery));
    }
    let mut all_answered = true;
    for (partition, value, delivery) in open {
        let outcome = match runtime.block_on(delivery).expect("an outcome") {
            Ok(delivered) => Outcome::At(delivered.offset),
            Err(_) => Outcome::Unknown,
        };
        all_answered &= outcome != Outcome::Unknown;
        let acknowledged = u64::from(outcome != Outcome::Unknown);
        shared.acknowledged.fetch_add(acknowledged, Ordering::Relaxed);
        shared.tell(process, Op::Send { partition, value, outcome });
    }
    all_answered
}

fn seen(record: &impl Message) -> Seen {
    let payload = record.payload().expect("a value");
    let (number, rest) = payload.split_at(10);
    let value = std::str::from_utf8(number).expect("digits").parse().expect("a number");
    assert_eq!(rest.len() as u64, value % 700, "the length of value {value}");
    Seen { partition: record.partition(), offset: record.offset(), value }
}

/// Tells of the next record, if one comes soon.
fn poll(shared: &Shared, process: u32, consumer: &BaseConsumer) -> Option<Seen> {
    // A broker that is gone is an error here, and what the test is about.
    let record = consumer.poll(Duration::from_millis(100))?.ok()?;
    let record = seen(&record);
    shared.tell(process, Op::Poll(vec![record]));
    Some(record)
}

const READER: &[(&str, &str)] = &[
    ("group.id", "readers"),
    ("auto.offset.reset", "earliest"),
    ("enable.auto.commit", "true"),
    ("auto.commit.interval.ms", "200"),
    ("session.timeout.ms", "6000"),
];

fn all_partitions() -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(TOPIC, partition, Offset::Beginning).expect("a position");
    }
    list
}

fn consume_assigned(shared: &Shared) {
    let process = shared.process();
    let consumer: BaseConsumer = shared.client(READER);
    consumer.assign(&all_partitions()).expect("an assignment");
    shared.tell(process, Op::Assign);
    while shared.goes_on() {
        poll(shared, process, &consumer);
    }
}

fn consume_in_group(shared: &Shared) {
    let process = shared.process();
    let consumer: BaseConsumer = shared.client(READER);
    consumer.subscribe(&[TOPIC]).expect("a subscription");
    shared.tell(process, Op::Subscribe);
    while shared.goes_on() {
        let read = u64::from(poll(shared, process, &consumer).is_some());
        shared.read_in_group.fetch_add(read, Ordering::Relaxed);
    }
}

/// Reads each partition from its start to its end of now.
fn read_everything(shared: &Shared) {
    let process = shared.process();
    let consumer: BaseConsumer = shared.client(READER);
    let ends: Vec<i64> = (0..PARTITIONS)
        .map(|partition| {
            let bounds = consumer.fetch_watermarks(TOPIC, partition, PATIENCE);
            bounds.expect("the bounds of a partition").1
        })
        .collect();
    consumer.assign(&all_partitions()).expect("an assignment");
    shared.tell(process, Op::Assign);
    let mut left = ends.iter().filter(|end| **end > 0).count();
    let deadline = Instant::now() + PATIENCE;
    while left > 0 {
        assert!(Instant::now() < deadline, "{left} partitions are not read to their ends {ends:?}");
        if let Some(seen) = poll(shared, process, &consumer) {
            let end = ends[usize::try_from(seen.partition).expect("an index")];
            left -= usize::from(seen.offset + 1 == end);
        }
    }
}

/// Waits until so many more records are acknowledged, and the group has read on.
pub(crate) fn await_progress(shared: &Shared, broker: &mut Broker) {
    let counts = || {
        let acknowledged = shared.acknowledged.load(Ordering::Relaxed);
        (acknowledged, shared.read_in_group.load(Ordering::Relaxed))
    };
    let (acknowledged, read) = counts();
    let deadline = Instant::now() + PATIENCE;
    while counts().0 < acknowledged + BETWEEN || counts().1 <= read {
        broker.assert_alive();
        assert!(Instant::now() < deadline, "nothing goes on any more:\n{}", broker.log());
        // Looking is paced by the clients' own work.
        thread::park_timeout(Duration::from_millis(5));
    }
}

/// All clients at work until `nemesis` is through; fails where no one log explains what they saw.
pub(crate) fn judge(shared: &Shared, seed: u64, nemesis: impl FnOnce()) {
    let plain = [("acks", "all"), ("retries", "0"), ("message.timeout.ms", "5000")];
    let idempotent = [("enable.idempotence", "true"), ("message.timeout.ms", "60000")];
    thread::scope(|scope| {
        scope.spawn(|| produce(shared, &plain));
        scope.spawn(|| produce(shared, &idempotent));
        scope.spawn(|| consume_assigned(shared));
        scope.spawn(|| consume_in_group(shared));
        scope.spawn(|| consume_in_group(shared));
        // However the nemesis ends, the clients have to.
        let _stop = Stop(shared);
        nemesis();
    });
    read_everything(shared);

    let history = shared.history.lock().expect("no poison");
    let found = check(&history);
    let wrong: Vec<_> = found.iter().filter(|anomaly| !anomaly.kind.is_allowed()).collect();
    let first: Vec<_> = wrong.iter().take(10).collect();
    assert!(wrong.is_empty(), "CONSISTENCY_SEED={seed}: {} anomalies: {first:#?}", wrong.len());
}

/// What a run was asked to be, by a variable.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Tells the clients to stop when it goes.
struct Stop<'a>(&'a Shared);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}

/// Makes the topic that all clients use.
pub(crate) fn create_topic(shared: &Shared, configs: &[(&str, &str)]) {
    let admin: AdminClient<DefaultClientContext> = shared.client(&[]);
    let mut topic = NewTopic::new(TOPIC, PARTITIONS, TopicReplication::Fixed(1));
    for (name, value) in configs {
        topic = topic.set(name, value);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let made = runtime
        .expect("a runtime")
        .block_on(async { admin.create_topics(&[topic], &AdminOptions::new()).await });
    assert_eq!(made.expect("an answer"), [Ok(String::from(TOPIC))]);
}
