//! What compaction makes of a batch.

use super::*;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};
use crate::wire::crc_of;

const RULES: FilterRules = FilterRules {
    retain_empty: false,
    delete_horizon_ms: 88_000,
    is_marker_of_empty_transaction: false,
    decompressed_bytes_max: 1 << 20,
};

fn builder() -> BatchBuilder {
    BatchBuilder::new()
        .with_base_offset(Offset::clamped(10))
        .with_leader_epoch(LeaderEpoch(3))
        .with_producer(ProducerId(5), ProducerEpoch(1), 70)
        .transactional()
}

/// Offsets 10 to 13; the one at 11 is a tombstone if wanted.
fn four(with_tombstone: bool) -> BatchBuilder {
    let mut builder = builder();
    builder.record(1_000, Some(b"a"), Some(b"0"));
    builder.record(1_001, Some(b"b"), if with_tombstone { None } else { Some(b"1") });
    builder.record(1_002, Some(b"c"), Some(b"2"));
    builder.record(1_003, Some(b"d"), Some(b"3"));
    builder
}

fn filter(batch: &[u8], rules: &FilterRules, offsets: &[i64]) -> Filtered {
    filter_batch(batch, rules, |_, placed| offsets.contains(&placed.offset)).unwrap()
}

fn rewritten(filtered: Filtered) -> (BatchHeader, Vec<(i64, i64)>) {
    let Filtered::Rewritten(batch) = filtered else { panic!("{filtered:?} is no new batch") };
    let records = Records::open(&batch, 1 << 20).unwrap();
    let places = records.iter().map(Result::unwrap).map(|p| (p.offset, p.timestamp)).collect();
    assert_eq!(records.header.crc, crc_of(&batch), "the CRC is wrong");
    assert_eq!(records.header.size_bytes, batch.len());
    (records.header, places)
}

#[test]
fn a_batch_that_keeps_all_its_records_keeps_its_bytes() {
    let batch = four(false).build();

    assert_eq!(filter(&batch, &RULES, &[10, 11, 12, 13]), Filtered::Unchanged);
}

#[test]
fn fewer_records_keep_their_places_between_the_same_first_and_last_offset() {
    let batch = four(false).build();
    let before = BatchHeader::parse(&batch).unwrap();

    let (header, places) = rewritten(filter(&batch, &RULES, &[11, 12]));

    assert_eq!(places, [(11, 1_001), (12, 1_002)]);
    assert_eq!((header.base_offset, header.last_offset(), header.record_count), (10, 13, 2));
    assert_eq!((header.base_timestamp, header.max_timestamp), (1_001, 1_002));
    assert_eq!((header.base_sequence, header.last_sequence()), (70, 73));
    assert_eq!(header.leader_epoch, 3);
    assert_eq!(header.attributes, before.attributes);
}

#[test]
fn a_compressed_batch_stays_in_its_codec() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let target = CompressionTarget::with_default_level(codec);
        let batch = four(false).build_compressed(target).unwrap();

        let (header, places) = rewritten(filter(&batch, &RULES, &[13]));

        assert_eq!(header.codec(), codec.id());
        assert_eq!(places, [(13, 1_003)]);
    }
}

#[test]
fn a_first_tombstone_sets_the_delete_horizon_and_leaves_timestamps_alone() {
    let batch = four(true).build();

    let (header, places) = rewritten(filter(&batch, &RULES, &[10, 11, 12, 13]));

    assert!(header.has_delete_horizon());
    assert_eq!(header.base_timestamp, 88_000);
    assert_eq!(places, [(10, 1_000), (11, 1_001), (12, 1_002), (13, 1_003)]);
    assert_eq!(header.max_timestamp, 1_003);
}

#[test]
fn a_delete_horizon_is_set_once() {
    let Filtered::Rewritten(batch) = filter(&four(true).build(), &RULES, &[10, 11, 12]) else {
        panic!("a tombstone's batch is written anew");
    };
    let later = FilterRules { delete_horizon_ms: 99_000, ..RULES };

    assert_eq!(filter(&batch, &later, &[10, 11, 12]), Filtered::Unchanged);
    let (header, places) = rewritten(filter(&batch, &later, &[11]));
    assert_eq!((header.base_timestamp, header.has_delete_horizon()), (88_000, true));
    assert_eq!(places, [(11, 1_001)]);
}

#[test]
fn the_marker_of_an_empty_transaction_gets_a_delete_horizon() {
    let mut builder = builder().control();
    builder.record(1_000, Some(&[0, 0, 0, 1]), Some(&[0; 6]));
    let batch = builder.build();
    let rules = FilterRules { is_marker_of_empty_transaction: true, ..RULES };

    let (header, _) = rewritten(filter(&batch, &rules, &[10]));

    assert!(header.has_delete_horizon() && header.is_control());
}

#[test]
fn a_batch_without_records_goes_unless_it_must_stay() {
    let batch = four(false).build();
    let stays = FilterRules { retain_empty: true, ..RULES };

    assert_eq!(filter(&batch, &RULES, &[]), Filtered::Gone);
    let empty = filter(&batch, &stays, &[]);
    let (header, places) = rewritten(empty.clone());
    assert_eq!(places, []);
    assert_eq!((header.size_bytes, header.record_count), (HEADER_BYTES, 0));
    assert_eq!((header.base_offset, header.last_offset()), (10, 13));
    assert_eq!((header.base_timestamp, header.max_timestamp), (-1, 1_003));
    assert_eq!((header.producer_id, header.last_sequence()), (5, 73));
    let Filtered::Rewritten(empty) = empty else { panic!("it was one above") };
    assert_eq!(filter(&empty, &stays, &[]), Filtered::Unchanged);
    assert_eq!(filter(&empty, &RULES, &[]), Filtered::Gone);
}

#[test]
fn log_append_time_stays_what_it_was() {
    let mut builder = builder().with_log_append_time(7_777);
    builder.record(1_000, Some(b"a"), Some(b"0"));
    builder.record(1_001, Some(b"b"), Some(b"1"));

    let (header, places) = rewritten(filter(&builder.build(), &RULES, &[10]));

    assert!(header.is_log_append_time());
    assert_eq!((header.max_timestamp, places), (7_777, vec![(10, 7_777)]));
}

#[test]
fn a_damaged_batch_is_an_error_and_not_a_loss() {
    let mut batch = four(false).build().to_vec();
    batch[HEADER_BYTES] = 0xff;

    assert!(filter_batch(&batch, &RULES, |_, _| true).is_err());
}
