//! Many partitions on one broker: what they take, whether others notice, how fast it is back.

use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Runtime;

use crate::broker::{Broker, Ending};
use crate::disk::allocated_bytes;
use crate::raw::{Connection, batch, now_ms};

/// Partitions of one topic: what a produce request of this workload names at a time.
const TOPIC_PARTITIONS: i32 = 1000;
/// Records of a latency measurement, and the time between two.
const PROBES: u32 = 2000;
const PROBE_PAUSE: Duration = Duration::from_millis(2);
/// How long the disk may take until it is given back.
const GIVEN_BACK_MAX: Duration = Duration::from_secs(60);

/// One run.
struct Scale<'a> {
    broker: &'a mut Broker,
    runtime: Runtime,
    connection: Connection,
}

/// Prints what `partitions` partitions cost a broker, and what of it they give back.
pub(crate) fn run(broker: &mut Broker, partitions: i32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let connection = runtime.block_on(Connection::ready(broker.bootstrap()));
    Scale { broker, runtime, connection }.run(partitions);
}

impl Scale<'_> {
    fn run(mut self, partitions: i32) {
        let lone = String::from("scale-lone");
        self.first_thousand();
        self.create(std::slice::from_ref(&lone), 1);
        self.produce(&lone, 1);
        let idle_mib = self.broker.memory().0;
        let idle_bytes = self.disk_bytes();
        show("resident before, MiB", idle_mib);
        self.probe("one partition", &lone, 1);

        let count = (partitions / TOPIC_PARTITIONS).max(1);
        let topics: Vec<String> = (0..count).map(|number| format!("scale-{number}")).collect();
        let began = Instant::now();
        for topic in &topics {
            self.create(std::slice::from_ref(topic), TOPIC_PARTITIONS);
        }
        let count = topics.len() * usize::try_from(TOPIC_PARTITIONS).expect("a few");
        println!("{count} partitions in {} topics", topics.len());
        show("made, s", began.elapsed().as_secs_f64());
        self.memory("resident more once they are made, MiB", idle_mib);
        let began = Instant::now();
        for topic in &topics {
            self.produce(topic, TOPIC_PARTITIONS);
        }
        show("a record to each, s", began.elapsed().as_secs_f64());
        self.memory("resident more once they are in use, MiB", idle_mib);
        self.probe("the lone partition beside them", &lone, 1);
        self.probe("a thousand of them in turn", &topics[0], TOPIC_PARTITIONS);

        for (what, ending) in [
            ("kill -9", Ending::Killed),
            ("kill -9 at once again", Ending::Killed),
            ("an orderly stop", Ending::Orderly),
        ] {
            self.restart(what, ending, &topics, idle_mib);
        }
        self.probe("a thousand of them after that", &topics[0], TOPIC_PARTITIONS);
        self.delete(&topics, idle_bytes, idle_mib);
        self.probe("the lone partition after that", &lone, 1);
    }

    /// A topic of a thousand partitions: made, led, in use.
    fn first_thousand(&mut self) {
        let topic = String::from("scale-first");
        let began = Instant::now();
        self.create(std::slice::from_ref(&topic), TOPIC_PARTITIONS);
        let made = began.elapsed();
        let led = self.runtime.block_on(self.connection.leaders(&topic));
        assert_eq!(i32::try_from(led), Ok(TOPIC_PARTITIONS), "partitions with a leader");
        let led = began.elapsed();
        self.produce(&topic, TOPIC_PARTITIONS);
        let used = began.elapsed();
        println!(
            "1000 partitions: made in {:.1} ms, led in {:.1} ms, a record in each in {:.1} ms",
            made.as_secs_f64() * 1e3,
            led.as_secs_f64() * 1e3,
            used.as_secs_f64() * 1e3
        );
        self.runtime.block_on(self.connection.delete_topics(&[topic]));
    }

    fn create(&mut self, names: &[String], partitions: i32) {
        self.runtime.block_on(self.connection.create_topics(names, partitions));
    }

    fn produce(&mut self, topic: &str, partitions: i32) {
        let batch = batch(1, &[b'x'; 100], now_ms());
        self.runtime.block_on(self.connection.produce(topic, partitions, &batch));
    }

    fn memory(&self, what: &str, before_mib: f64) {
        show(what, self.broker.memory().0 - before_mib);
    }

    fn disk_bytes(&self) -> u64 {
        self.broker.folder().map_or(0, allocated_bytes)
    }

    /// An open loop of records to the partitions of `topic` in turn: time to the acknowledgement.
    fn probe(&mut self, what: &str, topic: &str, partitions: i32) {
        let mut times = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).expect("bounds");
        let bootstrap = self.broker.bootstrap().to_owned();
        self.runtime.block_on(async {
            let mut connection = Connection::open(&bootstrap).await;
            let batch = batch(1, &[b'x'; 1024], now_ms());
            let start = Instant::now();
            for number in 0..PROBES {
                let due = start + PROBE_PAUSE * number;
                tokio::time::sleep_until(due.into()).await;
                let partition = i32::try_from(number).expect("a few") % partitions;
                connection.produce_one(topic, partition, &batch).await;
                let waited = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
                times.saturating_record(waited);
            }
        });
        let at = |quantile| milliseconds(times.value_at_quantile(quantile));
        let largest = milliseconds(times.max());
        println!(
            "acknowledged, {what}, ms: p50 {:.2}, p99 {:.2}, p99.9 {:.2}, max {largest:.2}",
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }

    /// Ends and starts the broker: time to the first answer, to all leaders, to a record in each.
    fn restart(&mut self, what: &str, ending: Ending, topics: &[String], before_mib: f64) {
        let stop = self.broker.restart(ending);
        let began = Instant::now();
        let bootstrap = self.broker.bootstrap().to_owned();
        self.connection = self.runtime.block_on(Connection::ready(&bootstrap));
        let answered = began.elapsed();
        let mut led = 0;
        for topic in topics {
            led += self.runtime.block_on(self.connection.leaders(topic));
        }
        let partitions = usize::try_from(TOPIC_PARTITIONS).expect("a few");
        assert_eq!(led, topics.len() * partitions, "partitions with a leader after {what}");
        let led = began.elapsed();
        for topic in topics {
            self.produce(topic, TOPIC_PARTITIONS);
        }
        println!(
            "after {what} (which took {:.2} s): first answer {:.2} s, all led {:.2} s, a record in each {:.2} s",
            stop.as_secs_f64(),
            answered.as_secs_f64(),
            led.as_secs_f64(),
            began.elapsed().as_secs_f64()
        );
        self.memory("resident more then, MiB", before_mib);
    }

    fn delete(&mut self, topics: &[String], idle_bytes: u64, idle_mib: f64) {
        show("disk with all of them, MiB", mebibytes(self.disk_bytes()));
        let began = Instant::now();
        for topic in topics {
            self.runtime.block_on(self.connection.delete_topics(std::slice::from_ref(topic)));
        }
        show("deleted, s", began.elapsed().as_secs_f64());
        let logs =
            |folder: &Path| std::fs::read_dir(folder.join("topics")).map_or(0, Iterator::count);
        let left = |broker: &Broker| broker.folder().map_or(0, logs);
        while left(self.broker) > LOGS_LEFT && began.elapsed() < GIVEN_BACK_MAX {
            std::thread::park_timeout(Duration::from_millis(20));
        }
        show("their folders are gone after, s", began.elapsed().as_secs_f64());
        show(
            "disk more than before them, MiB",
            mebibytes(self.disk_bytes()) - mebibytes(idle_bytes),
        );
        self.memory("resident more than before them, MiB", idle_mib);
        let left = left(self.broker);
        assert!(left <= LOGS_LEFT, "{left} folders of logs are left");
    }
}

/// The lone partition's.
const LOGS_LEFT: usize = 1;

fn show(what: &str, value: f64) {
    println!("{what}: {value:.2}");
}

#[expect(clippy::cast_precision_loss, reason = "times are shown with few digits")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "sizes are shown with few digits")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
