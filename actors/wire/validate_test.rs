//! What a leader refuses, with which code, and what it makes of what it takes.

use super::*;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use kafka_protocol::ResponseError::{
    CorruptMessage, InvalidRecord, InvalidTimestamp, MessageTooLarge, RecordListTooLarge,
    UnknownServerError, UnsupportedCompressionType,
};

const NOW: i64 = 1_700_000_000_000;
const HOUR: i64 = 3_600_000;

const RULES: ProduceRules = ProduceRules {
    produce_version: 9,
    max_message_bytes: 1_048_588,
    segment_bytes: 1 << 30,
    is_compacted: false,
    timestamp_type: TimestampType::CreateTime,
    before_max_ms: i64::MAX,
    after_max_ms: HOUR,
    compression_type: None,
    now: Timestamp(NOW),
};

fn of(timestamps: &[i64]) -> BatchBuilder {
    let mut builder = BatchBuilder::new();
    for timestamp in timestamps {
        builder.record(*timestamp, Some(b"k"), Some(b"value"));
    }
    builder
}

/// A good batch of `count` records with `change` made to its bytes and the CRC made right again.
fn changed(count: usize, change: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut batch = of(&vec![NOW; count]).build().to_vec();
    change(&mut batch);
    seal(&mut batch);
    batch.into()
}

fn put<const N: usize>(at: usize, value: [u8; N]) -> impl FnOnce(&mut Vec<u8>) {
    move |batch| batch[at..at + N].copy_from_slice(&value)
}

fn check(batch: &Bytes) -> Result<CheckedBatch, Refused> {
    check_batch(Some(batch), &RULES)
}

fn code(result: &Result<CheckedBatch, Refused>) -> (ErrorCode, bool) {
    let refused = result.as_ref().expect_err("a refusal");
    (refused.code(), refused.by_log)
}

#[test]
fn a_good_batch_is_not_copied() {
    let sent = of(&[NOW, NOW + 1, NOW]).build();

    let checked = check(&sent).unwrap();

    assert_eq!(checked.batch.as_ptr(), sent.as_ptr());
    assert_eq!(checked.header, BatchHeader::parse(&sent).unwrap());
    assert_eq!(checked.max_timestamp_offset_delta, 1);
    assert_eq!(checked.log_append_time, None);
}

#[test]
fn batches_broken_in_one_way_get_the_code_that_kafka_gives() {
    let two = || [of(&[NOW]).build(), of(&[NOW]).build()].concat().into();
    let cases: Vec<(&str, Bytes, ErrorCode, bool)> = vec![
        ("magic 0", changed(1, put(16, [0])), InvalidRecord, false),
        ("magic 1", changed(1, put(16, [1])), InvalidRecord, false),
        ("magic 3", changed(1, put(16, [3])), CorruptMessage, false),
        ("magic -1", changed(1, put(16, [0xff])), CorruptMessage, false),
        ("two batches", two(), InvalidRecord, false),
        ("no bytes", Bytes::new(), InvalidRecord, false),
        ("length 13", changed(1, put(8, 13_i32.to_be_bytes())), CorruptMessage, false),
        ("length below zero", changed(1, put(8, [0xff; 4])), CorruptMessage, false),
        (
            "length of half a header",
            changed(1, put(8, 30_i32.to_be_bytes())),
            CorruptMessage,
            false,
        ),
        ("count 2 of 1", changed(1, put(57, 2_i32.to_be_bytes())), InvalidRecord, true),
        ("last offset delta 5", changed(1, put(23, 5_i32.to_be_bytes())), InvalidRecord, true),
        ("last offset delta -1", changed(1, put(23, [0xff; 4])), InvalidRecord, true),
        ("count 0", changed(1, put(57, [0; 4])), InvalidRecord, true),
        (
            "both 2, holds 1",
            changed(1, |batch| {
                put(57, 2_i32.to_be_bytes())(batch);
                put(23, 1_i32.to_be_bytes())(batch);
            }),
            InvalidRecord,
            true,
        ),
        (
            "both 1, holds 2",
            changed(2, |batch| {
                put(57, 1_i32.to_be_bytes())(batch);
                put(23, 0_i32.to_be_bytes())(batch);
            }),
            InvalidRecord,
            true,
        ),
        ("empty batch", BatchBuilder::new().build(), InvalidRecord, true),
        ("control batch", changed(1, put(21, [0, 32])), InvalidRecord, true),
        ("base offset 5", changed(1, put(0, 5_i64.to_be_bytes())), InvalidRecord, true),
        ("codec 5", changed(1, put(21, [0, 5])), UnknownServerError, true),
        ("codec 6", changed(1, put(21, [0, 6])), UnknownServerError, true),
        ("no gzip at all", changed(1, put(21, [0, 1])), UnknownServerError, true),
        ("producer id, no sequence", changed(1, put(43, 9_i64.to_be_bytes())), InvalidRecord, true),
        ("transaction of nobody", changed(1, put(21, [0, 16])), InvalidRecord, true),
        ("second offset delta 0", changed(2, put(61 + 13 + 3, [0])), InvalidRecord, true),
    ];
    for (what, batch, expected, by_log) in cases {
        assert_eq!(code(&check(&batch)), (expected, by_log), "{what}");
    }
    assert_eq!(code(&check_batch(None, &RULES)), (InvalidRecord, false), "null");
}

#[test]
fn a_batch_cut_short_is_no_batch_wherever_it_ends() {
    let batch = of(&[NOW]).build();
    for end in 0..batch.len() {
        assert_eq!(code(&check(&batch.slice(..end))), (InvalidRecord, false), "cut at {end}");
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_crc() {
    let mut batch = of(&[NOW]).build().to_vec();
    *batch.last_mut().unwrap() ^= 1;

    let refused = check(&batch.into());

    assert_eq!(code(&refused), (CorruptMessage, false));
}

#[test]
fn bytes_behind_a_batch_are_trimmed_unless_they_look_like_another() {
    let batch = of(&[NOW]).build();
    let with = |tail: &[u8]| Bytes::from([&batch, tail].concat());
    let zeros = with(&[0; 12]);

    for tail in [&b"junk"[..], &[0; 11], b"\0\0\0\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0\x02 cut"] {
        assert_eq!(check(&with(tail)).unwrap().batch, batch, "{tail:?}");
    }
    assert_eq!(code(&check(&zeros)), (CorruptMessage, false));
}

#[test]
fn a_leader_epoch_from_the_client_does_not_matter() {
    let batch = {
        let mut builder = BatchBuilder::new().with_leader_epoch(LeaderEpoch(9));
        builder.record(NOW, None, None);
        builder.build()
    };

    assert!(check(&batch).is_ok());
}

#[test]
fn an_idempotent_batch_needs_no_more_than_a_sequence() {
    let idempotent = || {
        let builder = BatchBuilder::new().with_producer(ProducerId(0), ProducerEpoch(0), 0);
        builder.with_base_offset(Offset::ZERO)
    };
    let mut plain = idempotent();
    plain.record(NOW, None, None);
    let mut transactional = idempotent().transactional();
    transactional.record(NOW, None, None);

    assert!(check(&plain.build()).is_ok());
    assert!(check(&transactional.build()).is_ok());
}

#[test]
fn the_size_limits_are_those_of_the_batch_as_it_is_stored() {
    let batch = of(&[NOW]).build();
    let size = i32::try_from(batch.len()).unwrap();
    let fits = ProduceRules { max_message_bytes: size, segment_bytes: size, ..RULES };
    let message = ProduceRules { max_message_bytes: size - 1, ..fits };
    let segment = ProduceRules { segment_bytes: size - 1, ..fits };

    assert!(check_batch(Some(&batch), &fits).is_ok());
    assert_eq!(code(&check_batch(Some(&batch), &message)), (MessageTooLarge, false));
    assert_eq!(code(&check_batch(Some(&batch), &segment)), (RecordListTooLarge, false));
}

#[test]
fn the_base_offset_is_looked_at_before_the_size_and_the_size_before_the_crc() {
    let mut batch = of(&[NOW]).build().to_vec();
    *batch.last_mut().unwrap() ^= 1;
    let rules = ProduceRules { max_message_bytes: 10, ..RULES };
    let damaged = Bytes::from(batch.clone());
    put(0, 5_i64.to_be_bytes())(&mut batch);

    assert_eq!(code(&check_batch(Some(&damaged), &rules)), (MessageTooLarge, false));
    assert_eq!(code(&check_batch(Some(&batch.into()), &rules)), (InvalidRecord, true));
}

fn packed(codec: Codec, timestamps: &[i64]) -> Bytes {
    of(timestamps).build_compressed(CompressionTarget::with_default_level(codec)).unwrap()
}

#[test]
fn compressed_batches_are_taken_as_they_are() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let sent = packed(codec, &[NOW, NOW]);

        let checked = check(&sent).unwrap();

        assert_eq!(checked.batch.as_ptr(), sent.as_ptr(), "{codec} was copied");
    }
}

#[test]
fn zstd_needs_produce_version_7() {
    let batch = packed(Codec::Zstd, &[NOW]);
    let v6 = ProduceRules { produce_version: 6, ..RULES };
    let v7 = ProduceRules { produce_version: 7, ..RULES };

    let refused = check_batch(Some(&batch), &v6);

    assert_eq!(code(&refused), (UnsupportedCompressionType, false));
    assert!(check_batch(Some(&batch), &v7).is_ok());
    assert!(check_batch(Some(&packed(Codec::Gzip, &[NOW])), &v6).is_ok());
}

#[test]
fn a_bomb_is_too_large_and_stops_at_its_budget() {
    let mut builder = BatchBuilder::new();
    builder.record(NOW, None, Some(&vec![0; DECOMPRESSED_BYTES_MIN]));
    let target = CompressionTarget::with_default_level(Codec::Zstd);
    let bomb = builder.build_compressed(target).unwrap();
    let rules = ProduceRules { max_message_bytes: 100_000, ..RULES };

    let refused = check_batch(Some(&bomb), &rules);

    assert_eq!(
        refused.as_ref().unwrap_err().error,
        BatchError::HoldsTooMuch { max: DECOMPRESSED_BYTES_MIN }
    );
    assert_eq!(code(&refused), (MessageTooLarge, false));
}

#[test]
fn timestamps_out_of_bounds_are_named_by_their_index() {
    let rules = ProduceRules { before_max_ms: HOUR, ..RULES };
    let bounds = [NOW - HOUR, NOW + HOUR, -1, NOW];
    let beyond = [NOW, NOW - HOUR - 1, -1, NOW + HOUR + 1];

    for codec in [Codec::None, Codec::Gzip] {
        assert!(check_batch(Some(&packed(codec, &bounds)), &rules).is_ok());
        let refused = check_batch(Some(&packed(codec, &beyond)), &rules);

        assert_eq!(code(&refused), (InvalidTimestamp, true));
        let indices: Vec<_> = refused.unwrap_err().record_errors.iter().map(|e| e.0).collect();
        assert_eq!(indices, [1, 3]);
    }
}

#[test]
fn a_batch_without_timestamps_has_none() {
    let checked = check(&of(&[-1, -1]).build()).unwrap();

    assert_eq!((checked.header.max_timestamp, checked.max_timestamp_offset_delta), (-1, -1));
}

#[test]
fn keyless_records_of_a_compacted_topic_are_named_by_their_index() {
    let rules = ProduceRules { is_compacted: true, ..RULES };
    let mut builder = of(&[NOW]);
    builder.record(NOW, None, Some(b"x"));
    builder.record(NOW, Some(b""), None);
    builder.record(NOW + 2 * HOUR, None, None);
    let batch = builder.build();

    let refused = check_batch(Some(&batch), &rules).unwrap_err();

    assert_eq!((refused.code(), refused.by_log), (InvalidRecord, true));
    let indices: Vec<_> = refused.record_errors.iter().map(|error| error.0).collect();
    assert_eq!(indices, [1, 3]);
    assert!(check_batch(Some(&batch), &RULES).is_err(), "the last is too far ahead");
}

#[test]
fn a_bad_timestamp_decides_the_code_where_keys_are_missing_too() {
    let rules = ProduceRules { is_compacted: true, ..RULES };
    let mut builder = of(&[NOW + 2 * HOUR]);
    builder.record(NOW, None, None);

    let refused = check_batch(Some(&builder.build()), &rules).unwrap_err();

    assert_eq!(refused.code(), InvalidTimestamp);
    assert_eq!(refused.record_errors.len(), 2);
}

#[test]
fn an_answer_lists_no_more_record_errors_than_it_may() {
    let rules = ProduceRules { is_compacted: true, ..RULES };
    let mut builder = BatchBuilder::new();
    for _ in 0..RECORD_ERRORS_MAX + 5 {
        builder.record(NOW, None, None);
    }

    let refused = check_batch(Some(&builder.build()), &rules).unwrap_err();

    assert_eq!(refused.record_errors.len(), RECORD_ERRORS_MAX);
    let count = u32::try_from(RECORD_ERRORS_MAX + 5).unwrap();
    assert_eq!(refused.error, BatchError::Records { count, bad_timestamp: false });
}

/// The batch is whole: header, CRC and records agree.
fn timestamps(checked: &CheckedBatch) -> Vec<i64> {
    assert_eq!(checked.header, BatchHeader::parse(&checked.batch).unwrap());
    assert_eq!(checked.header.size_bytes, checked.batch.len());
    assert_eq!(checked.header.crc, crc_of(&checked.batch), "the CRC is wrong");
    let records = Records::open(&checked.batch, 1 << 20).unwrap();
    records.iter().map(|placed| placed.unwrap().timestamp).collect()
}

#[test]
fn log_append_time_is_stamped_whatever_the_producer_says() {
    let rules = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..RULES };
    for codec in [Codec::None, Codec::Lz4] {
        let sent = packed(codec, &[NOW + 500 * HOUR, -1]);

        let checked = check_batch(Some(&sent), &rules).unwrap();

        assert_eq!(timestamps(&checked), [NOW, NOW]);
        assert_eq!(checked.header.attributes, attribute::LOG_APPEND_TIME | codec.id());
        assert_eq!(checked.header.base_timestamp, NOW + 500 * HOUR);
        assert_eq!(checked.log_append_time, Some(NOW));
    }
}

#[test]
fn a_log_append_time_bit_from_the_client_is_struck_out_where_producers_set_the_time() {
    let mut builder = BatchBuilder::new().with_log_append_time(NOW - 7);
    builder.record(NOW, None, None);
    let batch = builder.build();
    let broker_time = ProduceRules { timestamp_type: TimestampType::LogAppendTime, ..RULES };

    let checked = check(&batch).unwrap();

    assert_eq!(checked.header.attributes, 0);
    assert_eq!(checked.header.max_timestamp, NOW - 7);
    timestamps(&checked);
    assert_eq!(code(&check_batch(Some(&batch), &broker_time)), (InvalidTimestamp, true));
}

#[test]
fn a_wrong_max_timestamp_is_put_right() {
    let sent = changed(2, put(35, 5_i64.to_be_bytes()));

    let checked = check(&sent).unwrap();

    assert_eq!(checked.header.max_timestamp, NOW);
    assert_eq!(timestamps(&checked), [NOW, NOW]);
}

#[test]
fn another_codec_than_the_topics_is_packed_anew() {
    let from_to = [
        (Codec::None, Codec::Zstd),
        (Codec::Gzip, Codec::Snappy),
        (Codec::Snappy, Codec::Gzip),
        (Codec::Zstd, Codec::Lz4),
        (Codec::Lz4, Codec::None),
    ];
    for (from, to) in from_to {
        let mut builder =
            BatchBuilder::new().with_producer(ProducerId(7), ProducerEpoch(2), 50).transactional();
        builder.record(NOW, Some(b"k"), Some(&[1; 500]));
        builder.record(NOW + 5, None, None);
        let sent = builder.build_compressed(CompressionTarget::with_default_level(from)).unwrap();
        let target = CompressionTarget::with_default_level(to);
        let rules = ProduceRules { compression_type: Some(target), ..RULES };

        let checked = check_batch(Some(&sent), &rules).unwrap();

        assert_eq!(checked.header.codec(), to.id());
        assert_eq!(timestamps(&checked), [NOW, NOW + 5]);
        assert_eq!((checked.header.producer_id, checked.header.base_sequence), (7, 50));
        assert!(checked.header.is_transactional());
        assert_eq!(checked.header.last_offset_delta, 1);
    }
}

#[test]
fn the_topics_own_codec_is_left_alone() {
    let sent = packed(Codec::Gzip, &[NOW]);
    let target = CompressionTarget { codec: Codec::Gzip, level: 9 };
    let rules = ProduceRules { compression_type: Some(target), ..RULES };

    let checked = check_batch(Some(&sent), &rules).unwrap();

    assert_eq!(checked.batch.as_ptr(), sent.as_ptr());
}

#[test]
fn a_batch_that_grows_beyond_the_limit_when_unpacked_is_too_large() {
    let mut builder = BatchBuilder::new();
    builder.record(NOW, None, Some(&[0; 5_000]));
    let sent = builder.build_compressed(CompressionTarget::with_default_level(Codec::Gzip));
    let target = CompressionTarget::with_default_level(Codec::None);
    let rules = ProduceRules { compression_type: Some(target), max_message_bytes: 1_000, ..RULES };

    assert_eq!(code(&check_batch(Some(&sent.unwrap()), &rules)), (MessageTooLarge, false));
}

#[test]
fn log_append_time_and_another_codec_go_together() {
    let target = CompressionTarget::with_default_level(Codec::Lz4);
    let rules = ProduceRules {
        timestamp_type: TimestampType::LogAppendTime,
        compression_type: Some(target),
        ..RULES
    };

    let checked = check_batch(Some(&of(&[3, 4]).build()), &rules).unwrap();

    assert_eq!(timestamps(&checked), [NOW, NOW]);
    assert_eq!(checked.header.attributes, attribute::LOG_APPEND_TIME | Codec::Lz4.id());
}
