//! Requests of real clients, as they came over the socket, without their sizes.

use crate::read::{rewrite, show};
use bytes::Bytes;
use kafka_protocol::messages::{ApiKey, ProduceRequest};
use ottla_actors::types::{Timestamp, TimestampType};
use ottla_actors::wire::{ProduceRules, Records, RequestHead, check_batch, decode};
use std::fs;

/// Frames that `frames/` holds; a name says client, API and version.
const FRAMES: usize = 17;

struct Captured {
    name: String,
    frame: Bytes,
}

fn captured() -> Vec<Captured> {
    let mut all = Vec::new();
    for entry in fs::read_dir("tests/golden/frames").expect("the folder of frames") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let text = fs::read_to_string(&path).expect("a text");
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let byte = |pair: &[u8]| {
            let pair = str::from_utf8(pair).expect("two digits");
            u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
        };
        all.push(Captured { name, frame: digits.chunks(2).map(byte).collect() });
    }
    assert_eq!(all.len(), FRAMES, "frames in the folder");
    all
}

#[test]
fn requests_of_real_clients_are_read_and_lose_nothing() {
    for Captured { name, frame } in captured() {
        let (head, shown) = show(frame.clone()).expect(&name);

        let api = ApiKey::try_from(head.api_key).expect("a known key");
        let expected = format!("{api:?}-v{}", head.api_version).to_lowercase();
        assert!(
            name.replace('-', "").ends_with(&expected.replace('-', "")),
            "{name} is {expected}"
        );
        assert_eq!(head.client_id.as_deref(), Some("app"), "{name}");
        assert_eq!(rewrite(frame.clone()).expect(&name), frame, "{name} is {shown}");
    }
}

#[test]
fn batches_of_real_producers_pass_every_check() {
    let rules = ProduceRules {
        produce_version: 9,
        max_message_bytes: 1_048_588,
        segment_bytes: 1 << 30,
        is_compacted: true,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: 1000,
        after_max_ms: 1000,
        compression_type: None,
        now: Timestamp(1_700_000_000_000),
    };
    let mut seen = 0;
    for Captured { name, frame } in captured() {
        let (head, body) = RequestHead::parse(frame).expect(&name);
        if head.api_key != ApiKey::Produce as i16 {
            continue;
        }
        let request = decode::<ProduceRequest>(0, head.api_version, body).expect(&name);
        let topic = request.topic_data.first().expect("a topic");
        let partition = topic.partition_data.first().expect("a partition");

        let checked = check_batch(partition.records.as_ref(), &rules).expect(&name);

        assert_eq!((checked.header.producer_id, checked.header.base_sequence), (4000, 0), "{name}");
        let records = Records::open(&checked.batch, 1000).expect(&name);
        let placed = records.iter().next().expect("a record").expect(&name);
        assert_eq!((placed.offset, placed.timestamp), (0, 1_700_000_000_000), "{name}");
        assert_eq!(placed.record.key, Some(&b"k"[..]), "{name}");
        assert_eq!(placed.record.value, Some(&b"hello"[..]), "{name}");
        let header = placed.record.headers().next().expect("a header");
        assert_eq!((header.key, header.value), (&b"h"[..], Some(&b"v"[..])), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 2, "producers that were captured");
}
