//! A well-behaved client beside an attack: it produces, waits for the acknowledgement, reads the
//! record back, and notes how long that took.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use ottla_actors::types::Codec;
use ottla_actors::wire::Records;

use crate::client::{Client, batch};

const TOPIC: &str = "bystander";
/// Between the starts of two rounds.
const PACE: Duration = Duration::from_millis(2);
/// What a record may hold once it is read back.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// A client at work in a thread of its own.
pub(crate) struct Bystander {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    work: JoinHandle<(Vec<i64>, Histogram<u64>)>,
}

impl Bystander {
    pub(crate) fn start(address: SocketAddr) -> Self {
        Client::connect(address).create_topic(TOPIC, 1);
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let work = thread::spawn(move || serve_itself(address, &seen));
        Self { address, stop, work }
    }

    /// Ends it: it was served to the end, and everything that was acknowledged is there. Prints
    /// how long its rounds took.
    pub(crate) fn finish(self, attack: &str) {
        // At least one whole round lies behind the attack.
        self.stop.store(true, Ordering::Release);
        let (acknowledged, took) = self.work.join().expect("a client that was served");
        assert!(!acknowledged.is_empty(), "{attack}: the client beside it was never served");
        let mut reader = Client::connect(self.address);
        for (number, offset) in acknowledged.iter().enumerate() {
            assert_eq!(i64::try_from(number).ok(), Some(*offset), "{attack}: an offset twice");
        }
        let mut next = 0;
        while next < acknowledged.len() {
            next = read_from(&mut reader, next);
        }
        let ms = |quantile| took.value_at_quantile(quantile) as f64 / 1000.0;
        println!(
            "{attack}: {} rounds beside it, p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
            took.len(),
            ms(0.5),
            ms(0.99),
            ms(1.0)
        );
    }
}

fn serve_itself(address: SocketAddr, stop: &AtomicBool) -> (Vec<i64>, Histogram<u64>) {
    let mut client = Client::connect(address);
    let mut took = Histogram::new(3).expect("a histogram");
    let mut acknowledged = Vec::new();
    loop {
        let is_last = stop.load(Ordering::Acquire);
        let begun = Instant::now();
        let value = acknowledged.len().to_string();
        let (error, offset) = client.produce(TOPIC, batch(value.as_bytes(), Codec::None));
        assert_eq!(error, 0, "the acknowledgement of record {value}");
        acknowledged.push(offset);
        assert!(!client.fetch(TOPIC, offset).is_empty(), "record {offset} is not there");
        took.record(u64::try_from(begun.elapsed().as_micros()).expect("a time")).expect("a bucket");
        if is_last {
            return (acknowledged, took);
        }
        // Rounds at a steady pace: an attack that delays one is not measured less for it.
        thread::sleep(PACE.saturating_sub(begun.elapsed()));
    }
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
