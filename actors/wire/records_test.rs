//! Batches built, walked and rewritten.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "numbers of a test are small"
)]

use super::*;
use crate::types::{Codec, CompressionTarget, LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use crate::wire::{BatchBuilder, crc_of};
use bytes::Bytes;
use kafka_protocol::records::RecordBatchDecoder;

const BUDGET: usize = 1 << 20;

fn header<'a>(key: &'a str, value: Option<&'a [u8]>) -> Header<'a> {
    Header { key: key.as_bytes(), value }
}

fn three() -> BatchBuilder {
    let mut builder = BatchBuilder::new()
        .with_base_offset(Offset::clamped(100))
        .with_leader_epoch(LeaderEpoch(7))
        .with_producer(ProducerId(4000), ProducerEpoch(2), 30);
    builder.record(1_000, Some(b"a"), Some(b"first"));
    let headers = [header("h", Some(b"1")), header("h", None), header("\u{e4}", Some(b""))];
    builder.record_with_headers(900, None, Some(b""), &headers);
    builder.record(2_000, Some(b""), None);
    builder
}

type Seen = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);

fn seen(batch: &[u8]) -> Vec<Seen> {
    let records = Records::open(batch, BUDGET).unwrap();
    let of = |placed: Result<PlacedRecord<'_>, RecordsError>| {
        let PlacedRecord { offset, timestamp, record } = placed.unwrap();
        (offset, timestamp, record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec))
    };
    records.iter().map(of).collect()
}

fn expected() -> Vec<Seen> {
    vec![
        (100, 1_000, Some(b"a".to_vec()), Some(b"first".to_vec())),
        (101, 900, None, Some(vec![])),
        (102, 2_000, Some(vec![]), None),
    ]
}

#[test]
fn a_built_batch_says_of_itself_what_was_put_in() {
    let batch = three().build();

    let header = BatchHeader::parse(&batch).unwrap();
    assert_eq!(header.size_bytes, batch.len());
    assert_eq!(header.crc, crc_of(&batch));
    assert_eq!((header.base_offset, header.last_offset()), (100, 102));
    assert_eq!((header.base_timestamp, header.max_timestamp), (1_000, 2_000));
    assert_eq!((header.leader_epoch, header.record_count, header.attributes), (7, 3, 0));
    assert_eq!((header.producer_id, header.producer_epoch), (4000, 2));
    assert_eq!((header.base_sequence, header.last_sequence()), (30, 32));
}

#[test]
fn records_of_every_codec_come_out_as_they_went_in() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let target = CompressionTarget::with_default_level(codec);

        let batch = three().build_compressed(target).unwrap();

        assert_eq!(BatchHeader::parse(&batch).unwrap().codec(), codec.id());
        assert_eq!(seen(&batch), expected(), "{codec}");
    }
}

#[test]
fn another_decoder_reads_built_batches() {
    let mut batch = three().build();

    let set = RecordBatchDecoder::decode(&mut batch).unwrap();

    let offsets: Vec<_> = set.records.iter().map(|record| record.offset).collect();
    assert_eq!(offsets, [100, 101, 102]);
    assert_eq!(set.records[0].value.as_deref(), Some(&b"first"[..]));
    assert_eq!(set.records[1].timestamp, 900);
    assert_eq!(set.records[2].sequence, 32);
}

#[test]
fn headers_keep_their_order_and_their_doubles() {
    let batch = three().build();
    let records = Records::open(&batch, BUDGET).unwrap();
    let second = records.iter().nth(1).unwrap().unwrap().record;

    let headers: Vec<_> = second.headers().collect();

    let expected = [header("h", Some(b"1")), header("h", None), header("\u{e4}", Some(b""))];
    assert_eq!(headers, expected);
}

#[test]
fn log_append_time_gives_all_records_the_max_timestamp() {
    let mut builder = BatchBuilder::new().with_log_append_time(5_555);
    builder.record(1, None, None);
    builder.record(9_999, None, None);
    let batch = builder.build();

    let timestamps: Vec<_> = seen(&batch).into_iter().map(|seen| seen.1).collect();

    assert_eq!(timestamps, [5_555, 5_555]);
    assert!(BatchHeader::parse(&batch).unwrap().is_log_append_time());
}

#[test]
fn flags_of_markers_stand_in_the_attributes() {
    let mut builder = BatchBuilder::new().transactional().control();
    builder.record(1, Some(&[0, 0, 0, 1]), Some(&[0; 6]));

    let header = BatchHeader::parse(&builder.build()).unwrap();

    assert!(header.is_transactional() && header.is_control());
}

/// A batch of one record whose bytes are `record`, length included.
fn batch_of(record: &[u8], count: i32) -> Bytes {
    let mut batch = BatchBuilder::new().build().to_vec();
    batch.extend_from_slice(record);
    let length = batch.len() as i32 - 12;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    batch[57..61].copy_from_slice(&count.to_be_bytes());
    batch.into()
}

fn first_error(batch: &[u8]) -> Option<RecordsError> {
    Records::open(batch, BUDGET).unwrap().iter().find_map(Result::err)
}

#[test]
fn records_that_lie_about_their_lengths_are_refused() {
    use Malformed::{Beyond, Negative, Short};
    use RecordsError::{BytesLeft, EarlyEnd, Record as Bad};
    // length, attributes, timestamp delta, offset delta, key, value, headers
    let cases: &[(&str, &[u8], RecordsError)] = &[
        ("none there", &[], EarlyEnd),
        ("length beyond the batch", &[14, 0, 0, 0, 1, 1], EarlyEnd),
        ("negative length", &[1, 0, 0, 0, 1, 1, 0], Bad(Negative(-1))),
        ("key beyond the record", &[12, 0, 0, 0, 8, 1, 0], Bad(Beyond { announced: 4, left: 2 })),
        ("key length -2", &[12, 0, 0, 0, 3, 1, 0], Bad(Negative(-2))),
        ("headers below zero", &[12, 0, 0, 0, 1, 1, 1], Bad(Negative(-1))),
        ("a header too many", &[12, 0, 0, 0, 1, 1, 2], Bad(Short)),
        ("a header's key null", &[16, 0, 0, 0, 1, 1, 2, 1, 1], Bad(Negative(-1))),
        ("bytes in the record", &[14, 0, 0, 0, 1, 1, 0, 9], Bad(Beyond { announced: 8, left: 1 })),
        ("bytes behind the last record", &[12, 0, 0, 0, 1, 1, 0, 9], BytesLeft(1)),
    ];
    for (what, record, expected) in cases {
        assert_eq!(first_error(&batch_of(record, 1)).as_ref(), Some(expected), "{what}");
    }
}

#[test]
fn counts_of_2_billion_cost_nothing() {
    let headers = [22, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0];

    let too_many_headers = first_error(&batch_of(&headers, 1));
    let too_many_records = first_error(&batch_of(&[12, 0, 0, 0, 1, 1, 0], i32::MAX));

    assert!(matches!(too_many_headers, Some(RecordsError::Record(_))));
    assert_eq!(too_many_records, Some(RecordsError::EarlyEnd));
}

#[test]
fn timestamps_beyond_64_bits_are_an_error() {
    let mut batch = batch_of(&[12, 0, 2, 0, 1, 1, 0], 1).to_vec();
    batch[27..35].copy_from_slice(&i64::MAX.to_be_bytes());

    assert_eq!(first_error(&batch), Some(RecordsError::Overflow));
}

#[test]
fn nothing_follows_an_error() {
    let batch = batch_of(&[1, 0, 0, 0, 1, 1, 0], 5);

    let records = Records::open(&batch, BUDGET).unwrap();

    assert_eq!(records.iter().count(), 1);
}

#[test]
fn a_batch_cut_short_does_not_open() {
    let batch = three().build();

    for end in 0..batch.len() {
        assert!(Records::open(&batch[..end], BUDGET).is_err(), "cut at {end}");
    }
}
