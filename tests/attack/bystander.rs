//! A well-behaved client beside an attack: it produces, waits for the acknowledgement, reads the
//! record back, and notes how long that took: first alone, then under the attack.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use ottla_actors::types::Codec;
use ottla_actors::wire::Records;
use rustix::process::setpriority_process;

use crate::client::{Client, batch};
use crate::random::setting;

const TOPIC: &str = "bystander";
/// Between the starts of two rounds.
const PACE: Duration = Duration::from_millis(2);
/// What a record may hold once it is read back.
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Rounds alone, before the attack begins.
const ALONE: usize = 50;
/// Rounds alone where times are held against each other.
const ALONE_TO_COMPARE: usize = 1000;
/// Priorities of a thread, as `nice` counts them.
const LOWEST: i32 = 19;
const USUAL: i32 = 0;
/// A 99th percentile of fewer rounds is a single one of them.
const ROUNDS_TO_COMPARE: u64 = 100;

/// A client at work in a thread of its own.
pub(crate) struct Bystander {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    work: JoinHandle<Served>,
}

/// What became of its rounds.
struct Served {
    /// Offsets, in the order of the records.
    acknowledged: Vec<i64>,
    /// Microseconds of each round before the attack, and of each beside it.
    alone: Histogram<u64>,
    beside: Histogram<u64>,
}

impl Bystander {
    /// Returns once it has measured how long its rounds take without any attack. From then on the
    /// calling thread, and those that it starts, give way to others: attackers have machines of
    /// their own.
    pub(crate) fn start(address: SocketAddr) -> Self {
        Client::connect(address).create_topic(TOPIC, 1);
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let (measured, is_measured) = mpsc::channel();
        let work = thread::spawn(move || serve_itself(address, &measured, &seen));
        is_measured.recv().expect("a client that is served without an attack");
        setpriority_process(None, LOWEST).expect("anyone may give way");
        Self { address, stop, work }
    }

    /// Ends it: it was served to the end, and everything that was acknowledged is there. Prints
    /// how long its rounds took.
    pub(crate) fn finish(self, attack: &str) {
        // Only root may; else what comes after this test gives way as a whole.
        setpriority_process(None, USUAL).unwrap_or_default();
        // At least one whole round lies behind the attack.
        self.stop.store(true, Ordering::Release);
        let served = self.work.join().expect("a client that was served");
        let Served { acknowledged, alone, beside } = served;
        let mut reader = Client::connect(self.address);
        for (number, offset) in acknowledged.iter().enumerate() {
            assert_eq!(i64::try_from(number).ok(), Some(*offset), "{attack}: an offset twice");
        }
        let mut next = 0;
        while next < acknowledged.len() {
            next = read_from(&mut reader, next);
        }
        let ms = |took: &Histogram<u64>, quantile| took.value_at_quantile(quantile) as f64 / 1000.0;
        let ratio = ms(&beside, 0.99) / ms(&alone, 0.99);
        println!(
            "{attack}: {} rounds beside it, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms; alone p50 \
             {:.2} ms, p99 {:.2} ms; p99 is {ratio:.1} times as long",
            beside.len(),
            ms(&beside, 0.5),
            ms(&beside, 0.99),
            ms(&beside, 1.0),
            ms(&alone, 0.5),
            ms(&alone, 0.99),
        );
        let ratio_max = ratio_max();
        let is_held = ratio_max > 0 && beside.len() >= ROUNDS_TO_COMPARE;
        assert!(!is_held || ratio <= ratio_max as f64, "{attack}: p99 is {ratio:.1} times as long");
    }
}

/// How many times as long the slowest hundredth may take; 0 where times are only shown, for on a
/// machine that others use as well they say little.
fn ratio_max() -> u64 {
    setting("ATTACK_LATENCY", 0)
}

fn serve_itself(address: SocketAddr, measured: &Sender<()>, stop: &AtomicBool) -> Served {
    let rounds = if ratio_max() > 0 { ALONE_TO_COMPARE } else { ALONE };
    let mut client = Client::connect(address);
    let mut acknowledged = Vec::new();
    let histogram = || Histogram::new(3).expect("a histogram");
    let (mut alone, mut beside) = (histogram(), histogram());
    for _ in 0..rounds {
        round(&mut client, &mut acknowledged, &mut alone);
    }
    measured.send(()).expect("a test that waits");
    loop {
        let is_last = stop.load(Ordering::Acquire);
        round(&mut client, &mut acknowledged, &mut beside);
        if is_last {
            return Served { acknowledged, alone, beside };
        }
    }
}

/// One record there and back, and the rest of its time slice.
fn round(client: &mut Client, acknowledged: &mut Vec<i64>, took: &mut Histogram<u64>) {
    let begun = Instant::now();
    let value = acknowledged.len().to_string();
    let (error, offset) = client.produce(TOPIC, &batch(value.as_bytes(), Codec::None));
    assert_eq!(error, 0, "the acknowledgement of record {value}");
    acknowledged.push(offset);
    assert!(!client.fetch(TOPIC, offset).is_empty(), "record {offset} is not there");
    took.record(u64::try_from(begun.elapsed().as_micros()).expect("a time")).expect("a bucket");
    // Rounds at a steady pace: an attack that delays one is not measured less for it.
    thread::sleep(PACE.saturating_sub(begun.elapsed()));
}

/// Reads what one fetch gives from record `next` on; the number of the record behind it.
fn read_from(reader: &mut Client, mut next: usize) -> usize {
    let data = reader.fetch(TOPIC, i64::try_from(next).expect("an offset"));
    assert!(!data.is_empty(), "record {next} was acknowledged and is not there");
    let mut rest = &data[..];
    while let Some(length) = rest.get(8..12) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
        let size = usize::try_from(length).expect("a size") + 12;
        let Some(one) = rest.get(..size) else { break };
        let one = Bytes::copy_from_slice(one);
        let records = Records::open(&one, RECORD_BYTES_MAX).expect("a batch");
        for record in records.iter() {
            let value = record.expect("a record").record.value.expect("a value");
            assert_eq!(value, next.to_string().as_bytes(), "another record stands at its offset");
            next += 1;
        }
        rest = &rest[size..];
    }
    next
}
