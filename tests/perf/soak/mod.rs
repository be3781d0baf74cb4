//! A long day in a few minutes: mixed load on a broker that deletes and compacts all the time.
//!
//! What should stay flat is sampled once a minute; what was sent is counted, so that at the end it is
//! known whether anything was lost or doubled, or whether a compacted topic forgot a key.

mod churn;
mod compacted;
mod ledger;
mod probe;
mod verdict;
mod vitals;

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::admin::Admin;
use crate::broker::Broker;
use compacted::Compacted;
use ledger::Ledger;
use probe::Probe;
use vitals::{Sample, Vitals};

/// Settings with which retention and compaction have something to do every few seconds. Without
/// automatic creation: a producer asks now and then for all topics that it ever knew, and those that
/// were deleted would be there again.
pub(crate) const BROKER_SETTINGS: [&str; 4] = [
    "auto.create.topics.enable=false",
    "log.retention.check.interval.ms=2000",
    "log.cleaner.backoff.ms=1000",
    "offsets.topic.segment.bytes=1048576",
];

const MIB: u64 = 1 << 20;

/// One topic of the soak, and the disk that its configs allow it.
struct Topic {
    name: &'static str,
    partitions: i32,
    configs: &'static [(&'static str, &'static str)],
    /// Kept by retention, and what comes in between two looks at it.
    allowed_bytes: u64,
}

/// Read by groups and by a reader that lags; bounded by size.
const BY_SIZE: Topic = Topic {
    name: "soak-by-size",
    partitions: 4,
    configs: &[("segment.bytes", "8388608"), ("retention.bytes", "67108864")],
    allowed_bytes: 4 * (64 + 2 * 8) * MIB,
};
/// Bounded by time: half a minute, looked at by whole segments of ten seconds.
const BY_TIME: Topic = Topic {
    name: "soak-by-time",
    partitions: 2,
    configs: &[("segment.ms", "10000"), ("retention.ms", "60000")],
    allowed_bytes: 128 * MIB,
};
const COMPACTED: Topic = Topic {
    name: "soak-compacted",
    partitions: 2,
    configs: &[
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.2"),
        ("delete.retention.ms", "30000"),
    ],
    allowed_bytes: 32 * MIB,
};
const PROBED: Topic = Topic {
    name: "soak-probe",
    partitions: 1,
    configs: &[("segment.bytes", "1048576"), ("retention.bytes", "8388608")],
    allowed_bytes: 10 * MIB,
};
const TOPICS: [&Topic; 4] = [&BY_SIZE, &BY_TIME, &COMPACTED, &PROBED];
/// Write-ahead files, index, metadata, offsets, and topics of the churn.
const ALLOWED_BESIDE_BYTES: u64 = 512 * MIB;

/// What all threads of the load share.
#[derive(Clone)]
struct Load {
    bootstrap: String,
    stop: Arc<AtomicBool>,
    records_in: Arc<AtomicU64>,
    records_out: Arc<AtomicU64>,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Waits until `due`; false if the load ends before.
    fn wait_until(&self, due: Instant) -> bool {
        while self.goes_on() {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            thread::park_timeout(left.min(Duration::from_millis(200)));
        }
        false
    }
}

/// Runs the load for `minutes`, writes a line a minute to `out`, and checks at the end.
pub(crate) fn run(broker: &Broker, minutes: u32, rate: u32, out: Option<&str>) {
    let admin = Admin::new(broker.bootstrap());
    for topic in TOPICS {
        admin.create(topic.name, topic.partitions, topic.configs);
    }
    let load = Load {
        bootstrap: broker.bootstrap().to_owned(),
        stop: Arc::default(),
        records_in: Arc::default(),
        records_out: Arc::default(),
    };
    let ledger = Arc::new(Ledger::default());
    let mut writers = ledger::start_producers(&load, &ledger, rate);
    let compacted = Compacted::start(&load, rate / 2);
    let readers_load = Load { stop: Arc::default(), ..load.clone() };
    let readers = ledger::start_members(&readers_load, &ledger);
    let (churning, churned) = churn::start(&load);
    writers.extend(churning);
    let probe = Probe::start(&load);

    let samples = sample(broker, &load, &probe, minutes, out);
    load.stop.store(true, Ordering::Relaxed);
    join(writers);
    probe.join();
    let compacted = compacted.join();
    let caught_up = ledger.wait_until_read(Duration::from_secs(60));
    readers_load.stop.store(true, Ordering::Relaxed);
    join(readers);

    let mut verdict = verdict::Verdict::default();
    verdict.say("the group read all that was acknowledged", caught_up, ledger.behind());
    ledger.judge(&mut verdict);
    compacted.judge(&load, &mut verdict);
    let allowed = TOPICS.iter().map(|topic| topic.allowed_bytes).sum::<u64>();
    verdict::judge_samples(&samples, allowed + ALLOWED_BESIDE_BYTES, &mut verdict);
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let (topics, groups) = (count(&churned.topics), count(&churned.groups));
    println!("made and deleted: {topics} topics, {groups} groups");
    verdict.finish();
}

fn join(threads: Vec<JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().expect("a thread of the load"));
}

/// A sample at the end of each minute.
fn sample(
    broker: &Broker,
    load: &Load,
    probe: &Probe,
    minutes: u32,
    out: Option<&str>,
) -> Vec<Sample> {
    let mut file = out.map(|path| File::create(path).expect("a file for the samples"));
    let mut write = |line: &str| {
        println!("{line}");
        if let Some(file) = &mut file {
            writeln!(file, "{line}").expect("a line in the file of samples");
        }
    };
    write(Sample::HEADER);
    let start = Instant::now();
    let mut vitals = Vitals::new(broker);
    let mut samples = Vec::new();
    for minute in 1..=minutes {
        load.wait_until(start + Duration::from_secs(60) * minute);
        let records =
            (load.records_in.load(Ordering::Relaxed), load.records_out.load(Ordering::Relaxed));
        let sample = vitals.sample(minute, records, probe.take());
        write(&sample.line());
        samples.push(sample);
    }
    samples
}
