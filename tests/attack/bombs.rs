//! Batches that grow when they are opened: by a producer, and later by the cleaner.

use std::time::Instant;

use bytes::Bytes;
use ottla_actors::types::{Codec, CompressionTarget};
use ottla_actors::wire::{BatchBuilder, HEADER_BYTES, RECORD_BYTES_MIN, compress};

use crate::bystander::Bystander;
use crate::client::{Client, batch, now_ms, with_records};
use crate::harness::PATIENCE;
use crate::memory::{BATCH_BYTES_MAX, Bounds, MIB, assert_calm};

/// MESSAGE_TOO_LARGE, CORRUPT_MESSAGE, INVALID_RECORD.
const REFUSALS: [i16; 3] = [10, 2, 87];
const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn assert_refused(client: &mut Client, what: &str, bomb: &Bytes) {
    let bytes = bomb.len();
    let (error, _) = client.produce("bomb", bomb);
    let fits = u64::try_from(bytes).is_ok_and(|bytes| bytes <= BATCH_BYTES_MAX);
    assert!(REFUSALS.contains(&error), "{what}: error {error}");
    println!("{what}: {bytes} bytes, within the size of a batch: {fits}");
}

#[test]
fn batches_that_grow_a_thousandfold_are_refused_within_bounds() {
    let (mut broker, _) = Bounds::SMALL.broker(&[]);
    let mut client = Client::connect(broker.address());
    client.create_topic("bomb", 1);
    let bystander = Bystander::start(broker.address());
    let value = vec![0; 60 << 20];

    for codec in CODECS {
        assert_refused(&mut client, codec.name(), &batch(&value, codec));
    }
    // Snappy is framed in two ways, and says in front how much will come: 60 MiB, truly, and then
    // 4 GiB where nothing is behind it.
    let small = batch(b"", Codec::None);
    let raw = with_records(&small, Codec::Snappy, &raw_snappy(60 << 20));
    assert_refused(&mut client, "raw snappy", &raw);
    let lie = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    assert_refused(&mut client, "a lie in raw snappy", &with_records(&small, Codec::Snappy, &lie));
    let framed = compress(Codec::Snappy, 0, &small[HEADER_BYTES..]).expect("a frame");
    let framed = [&framed[..16], &[0, 0, 0, 7], &lie].concat();
    let framed = with_records(&small, Codec::Snappy, &framed);
    assert_refused(&mut client, "a lie in framed snappy", &framed);

    bystander.finish("decompression bombs");
    broker.assert_alive();
    Bounds::SMALL.assert_kept(&broker, "decompression bombs");
    assert_calm(&broker, 1, "decompression bombs");
}

/// A raw snappy block of so many zeros: one as it is, the rest as copies of 64 bytes each.
fn raw_snappy(zeros: usize) -> Vec<u8> {
    let mut block = Vec::new();
    let mut length = zeros + 1;
    while length >= 0x80 {
        block.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    block.push(u8::try_from(length).expect("seven bits"));
    block.extend_from_slice(&[0, 0]);
    block.extend_from_slice(&[0xfe, 1, 0].repeat(zeros / 64));
    block
}

/// What a batch may hold here: sixteen times `max.message.bytes` of the topic.
const HELD_BYTES_MAX: usize = 16 * (2 << 20);
/// More than what any topic's batch may hold by default.
const VALUE_BYTES: usize = HELD_BYTES_MAX - HEADER_BYTES - 100 * RECORD_BYTES_MIN;

#[test]
fn batches_that_grow_as_far_as_they_may_are_compacted_within_bounds() {
    // Two threads take batches and one cleans; each may hold a batch as it was and as it will be.
    let besides = 3 * 2 * u64::try_from(HELD_BYTES_MAX).expect("a size");
    let bounds = Bounds { connections: 50, requests: 8 * MIB, besides, ..Bounds::SMALL };
    let settings = ["num.network.threads=2", "log.cleaner.backoff.ms=50"];
    let (mut broker, _) = bounds.broker(&settings);
    let mut client = Client::connect(broker.address());
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "1"),
        ("min.cleanable.dirty.ratio", "0"),
        ("max.message.bytes", "2097152"),
    ];
    client.create_topic_with("compacted", 1, &configs);
    let bystander = Bystander::start(broker.address());

    let value = vec![0; VALUE_BYTES];
    for (at, codec) in (0..).zip(CODECS) {
        assert_eq!(client.produce("compacted", &keyed(&value, codec)), (0, at), "{codec:?}");
    }
    let (error, last) = client.produce("compacted", &keyed(b"small", Codec::None));
    assert_eq!(error, 0);

    let deadline = Instant::now() + PATIENCE;
    while first_offset(&mut client) < last {
        assert!(Instant::now() < deadline, "bombs stay:\n{}", broker.log());
        // The newest segment is never cleaned; the next batch closes it.
        client.produce("compacted", &keyed(b"small", Codec::None));
    }
    bystander.finish("bombs that are compacted");
    broker.assert_alive();
    bounds.assert_kept(&broker, "bombs that are compacted");
    assert_calm(&broker, 1, "bombs that are compacted");
}

fn keyed(value: &[u8], codec: Codec) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.record(now_ms(), Some(b"key"), Some(value));
    builder.build_compressed(CompressionTarget::with_default_level(codec)).expect("a batch")
}

/// Of what is left in the log.
fn first_offset(client: &mut Client) -> i64 {
    let batches = client.fetch("compacted", 0);
    i64::from_be_bytes(*batches.first_chunk().expect("a batch"))
}
