//! Clients that ask for much and take nothing.

use std::io::Write;
use std::time::Instant;

use ottla_actors::types::Codec;

use crate::bystander::Bystander;
use crate::client::{Client, batch, fetch_frame};
use crate::harness::{PATIENCE, broker_with_page, samples, value};
use crate::memory::{BATCH_BYTES_MAX, Bounds, assert_calm};

/// Clients that never read. What each asks for is `fetch.max.bytes`, 55 MiB, and what it gets as much
/// as one answer has; all of them together more than there is for answers.
const DEAF: usize = 12;
/// More than the newest data that is in memory anyway, so that reading takes memory of its own.
const BATCHES: usize = 24 << 20 >> 16;
/// As often is looked at what they hold.
const LOOKS: usize = 20;
/// A request names the partition as often as it takes to fill `fetch.max.bytes`.
const TIMES: usize = 60;

#[test]
fn clients_that_never_read_their_answers_take_no_more_than_answers_may() {
    let settings = Bounds::SMALL.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let (mut broker, page) = broker_with_page(&settings);
    let mut writer = Client::connect(broker.address());
    writer.create_topic("much", 1);
    let value_bytes = vec![7; 60 * 1024];
    assert!(u64::try_from(value_bytes.len()).is_ok_and(|bytes| bytes < BATCH_BYTES_MAX));
    for _ in 0..BATCHES {
        assert_eq!(writer.produce("much", &batch(&value_bytes, Codec::None)).0, 0);
    }
    let bystander = Bystander::start(broker.address());

    let mut deaf: Vec<Client> = (0..DEAF).map(|_| Client::connect(broker.address())).collect();
    for _ in 0..4 {
        for client in &mut deaf {
            client.socket.write_all(&fetch_frame("much", TIMES)).expect("a request is sent");
        }
        // A round of its own for whoever else wants an answer, large or not.
        assert!(!writer.fetch("much", 0).is_empty(), "a fetch brought nothing");
    }

    // Until the deaf hold all that there is, or nearly: the last batches do not fit. What others
    // hold for a moment does not count.
    let held = || value(&samples(page), "ottla_connection_answer_memory_bytes");
    let deadline = Instant::now() + PATIENCE;
    while (0..LOOKS).map(|_| held()).fold(f64::MAX, f64::min) < Bounds::SMALL.answers as f64 * 0.8 {
        assert!(Instant::now() < deadline, "{} bytes are held", held());
    }
    bystander.finish("clients that never read");
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "clients that never read");
    assert_calm(&broker, 1, "clients that never read");
    drop(deaf);
    assert!(!writer.fetch("much", 0).is_empty());
}
