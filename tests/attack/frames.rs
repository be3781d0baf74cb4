//! Damaged and generated frames of every request and version, sent to a running broker.
//!
//! Frames that a decoder takes are pipelined, so that they do what they say; the last one of a
//! connection is one that closes it, or that may wait. `ATTACK_FRAMES` and `ATTACK_SEED` make it
//! more, or others; the README of this folder has the long run.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use ottla_actors::types::Codec;
use ottla_actors::wire::crc_of;

use crate::bystander::Bystander;
use crate::client::{Client, batch, produce_frame};
use crate::examples::{Example, all};
use crate::harness::{broker_with_page, samples, sized};
use crate::memory::{Bounds, assert_calm};
use crate::random::{Random, setting};
use crate::read::read;

/// Of the ordinary run; a few seconds.
const FRAMES: u64 = 30_000;
/// Connections that send at once.
const SENDERS: u64 = 48;
/// Frames of one connection.
const BURST: usize = 64;
/// One in so many of the frames that would end a connection is sent: most that are damaged would,
/// and little but connecting would be tested.
const CLOSING_SHARE: usize = 32;
/// Fetch, JoinGroup and SyncGroup: they may wait for longer than anybody wants to.
const WAITING: [i16; 3] = [1, 11, 14];

/// What became of the frames.
#[derive(Default)]
struct Sent {
    frames: u64,
    /// Frames that end their connection, or may wait.
    closing: u64,
    connections: u64,
    answer_bytes: u64,
    of_kind: BTreeMap<(i16, i16), u64>,
}

/// A produce request for the topic of the examples whose batch is damaged, with its length and
/// checksum right again.
fn damaged_batch(random: &mut Random) -> Vec<u8> {
    let codec = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
    let good = batch(&b"value".repeat(40), *random.one_of(&codec));
    let mut body = good.get(21..).expect("a batch").to_vec();
    random.damage(&mut body, &[]);
    let mut batch = [good.get(..21).expect("a batch"), &body].concat();
    let length = i32::try_from(batch.len() - 12).expect("a small batch");
    batch.splice(8..12, length.to_be_bytes());
    if batch.len() > 21 {
        let crc = crc_of(&batch);
        batch.splice(17..21, crc.to_be_bytes());
    }
    produce_frame("orders", &batch.into()).to_vec()
}

/// A frame with its size in front, and whether a connection survives it without waiting.
fn frame(
    random: &mut Random,
    examples: &[Example],
    others: &[Bytes],
    sent: &mut Sent,
) -> (Vec<u8>, bool) {
    if random.below(16) == 0 {
        return (damaged_batch(random), true);
    }
    let example = random.one_of(examples);
    let mut body = example.frame.to_vec();
    for _ in 0..=random.below(2) {
        random.damage(&mut body, others);
    }
    *sent.of_kind.entry((example.key, example.version)).or_default() += 1;
    let frame = Bytes::from(body);
    let is_read = read(frame.clone()).is_ok();
    let key = frame.first_chunk().map_or(-1, |key| i16::from_be_bytes(*key));
    let mut whole = [&[0; 4], &frame[..]].concat();
    sized(&mut whole);
    (whole, is_read && !WAITING.contains(&key))
}

/// Sends so many frames, connection by connection.
fn send(address: SocketAddr, seed: u64, count: u64) -> Sent {
    let mut random = Random::new(seed);
    let examples = all();
    let others: Vec<Bytes> = examples.iter().map(|example| example.frame.clone()).collect();
    let mut sent = Sent::default();
    let mut answers = vec![0; 64 * 1024];
    while sent.frames < count {
        let mut burst = Vec::new();
        for _ in 0..BURST {
            let (frame, goes_on) = frame(&mut random, &examples, &others, &mut sent);
            if !goes_on && random.below(CLOSING_SHARE) > 0 {
                continue;
            }
            burst.extend_from_slice(&frame);
            sent.frames += 1;
            if !goes_on {
                sent.closing += 1;
                break;
            }
        }
        sent.connections += 1;
        let mut socket = TcpStream::connect(address).expect("a connection");
        // The broker may have closed it by now, for one of the frames.
        let is_sent = socket.write_all(&burst).and_then(|()| socket.shutdown(Shutdown::Write));
        while is_sent.is_ok()
            && let Ok(bytes @ 1..) = socket.read(&mut answers)
        {
            sent.answer_bytes += u64::try_from(bytes).expect("a count");
        }
    }
    sent
}

#[test]
fn damaged_frames_cost_their_sender_the_connection_and_nobody_else() {
    let count = setting("ATTACK_FRAMES", FRAMES);
    let seed = setting("ATTACK_SEED", 1);
    let settings = Bounds::SMALL.settings();
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    let (mut broker, page) = broker_with_page(&settings);
    let address = broker.address();
    Client::connect(address).create_topic("orders", 4);
    let bystander = Bystander::start(address);
    let begun_at = Instant::now();

    let mut senders = Vec::new();
    for at in 0..SENDERS {
        let seed = seed.wrapping_mul(SENDERS).wrapping_add(at);
        senders.push(thread::spawn(move || send(address, seed, count / SENDERS)));
    }
    let sent: Vec<Sent> =
        senders.into_iter().map(|sender| sender.join().expect("a sender")).collect();

    bystander.finish("damaged frames");
    broker.assert_alive();
    let total = |of: fn(&Sent) -> u64| sent.iter().map(of).sum::<u64>();
    let (frames, closing) = (total(|sent| sent.frames), total(|sent| sent.closing));
    let seen = samples(page);
    let begun: f64 = seen
        .iter()
        .filter(|(name, _)| name.starts_with("ottla_dispatch_requests_total"))
        .map(|(_, count)| count)
        .sum();
    println!(
        "{frames} frames on {} connections, {closing} of them the last of one, {begun} begun, {} bytes of answers",
        total(|sent| sent.connections),
        total(|sent| sent.answer_bytes),
    );
    println!("{} topics", seen["ottla_registry_topics"]);
    Bounds::SMALL.assert_kept(&broker, "damaged frames");
    // Each of the three kinds of closings is told of once a minute.
    let minutes = usize::try_from(begun_at.elapsed().as_secs() / 60).expect("some minutes");
    assert_calm(&broker, 20 + 3 * minutes, "damaged frames");
    // Frames that never get past the socket would find nothing.
    assert!(begun * 2.0 > frames as f64, "{begun} of {frames} frames were begun");
    let kinds = sent.iter().flat_map(|sent| sent.of_kind.keys());
    let kinds = kinds.collect::<std::collections::BTreeSet<_>>().len();
    assert!(count < FRAMES || kinds == all().len(), "{kinds} kinds of {}", all().len());
}
