//! Damaged record batches: none may cost a panic, or more memory than the rules allow.

use crate::random::{Random, setting};
use bytes::Bytes;
use ottla_actors::types::{Codec, CompressionTarget, ProducerEpoch, ProducerId};
use ottla_actors::types::{Timestamp, TimestampType};
use ottla_actors::wire::{
    BatchBuilder, DECOMPRESSED_BYTES_MIN, FilterRules, HEADER_BYTES, Header, ProduceRules, Records,
    check_batch, crc_of, filter_batch,
};

/// Iterations of the ordinary run; a second or two without optimisation.
const ITERATIONS: u64 = 50_000;

const NOW: i64 = 1_700_000_000_000;

const RULES: ProduceRules = ProduceRules {
    produce_version: 9,
    max_message_bytes: 1_048_588,
    segment_bytes: 1 << 30,
    is_compacted: true,
    timestamp_type: TimestampType::CreateTime,
    before_max_ms: i64::MAX,
    after_max_ms: 3_600_000,
    compression_type: None,
    now: Timestamp(NOW),
};

fn builder() -> BatchBuilder {
    let mut builder = BatchBuilder::new().with_producer(ProducerId(1), ProducerEpoch(0), 0);
    for number in 0..20_i64 {
        let headers = [Header { key: b"h", value: Some(b"v") }, Header { key: b"", value: None }];
        let value = b"value".repeat(8);
        builder.record_with_headers(NOW + number, Some(b"key"), Some(&value), &headers);
    }
    builder
}

fn good() -> Vec<Bytes> {
    [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd]
        .into_iter()
        .map(|codec| {
            let target = CompressionTarget::with_default_level(codec);
            builder().build_compressed(target).expect("a batch")
        })
        .collect()
}

/// Damages a batch behind its length, and makes length and CRC right again, so that the damage
/// is met where it is.
fn damaged(batch: &[u8], random: &mut Random) -> Bytes {
    let mut body = batch.get(21..).expect("a batch").to_vec();
    for _ in 0..=random.below(3) {
        random.damage(&mut body, &[]);
    }
    let mut batch = batch.get(..21).expect("a batch").to_vec();
    batch.extend_from_slice(&body);
    let length = i32::try_from(batch.len() - 12).expect("a small batch");
    batch.splice(8..12, length.to_be_bytes());
    let crc = crc_of(&batch);
    batch.splice(17..21, crc.to_be_bytes());
    batch.into()
}

#[test]
fn a_good_uncompressed_batch_is_checked_without_an_allocation() {
    let batch = builder().build();
    // The first slice makes a frame shared, once for all that is cut from it.
    let shared = batch.slice(..);
    let mut is_taken = false;

    let info =
        allocation_counter::measure(|| is_taken = check_batch(Some(&shared), &RULES).is_ok());

    assert!(is_taken);
    assert_eq!(info.count_total, 0);
}

#[test]
fn no_damaged_batch_costs_more_than_it_may_hold() {
    // What comes out of a codec, twice while its buffer grows, and the blocks of the codec.
    let allowed = u64::try_from(3 * DECOMPRESSED_BYTES_MIN).expect("a small number");
    let mut random = Random::new(setting("GOLDEN_SEED", 1));
    let good = good();
    let iterations = setting("GOLDEN_ITERATIONS", ITERATIONS);
    let mut taken = 0;
    for iteration in 0..iterations {
        let from: &Bytes = random.one_of(&good);
        let batch = damaged(from, &mut random);
        let mut is_taken = false;

        let info = allocation_counter::measure(|| {
            is_taken = check_batch(Some(&batch), &RULES).is_ok();
        });

        assert!(info.bytes_total <= allowed, "{iteration} takes {} bytes", info.bytes_total);
        taken += u64::from(is_taken);
        if is_taken {
            continue;
        }
        let keep = |_: &_, placed: &ottla_actors::wire::PlacedRecord<'_>| placed.offset % 2 == 0;
        let rules = FilterRules {
            retain_empty: true,
            delete_horizon_ms: NOW,
            is_marker_of_empty_transaction: false,
            decompressed_bytes_max: 1 << 20,
        };
        // Compaction meets what lies on the disk: it may refuse, not stop.
        drop(filter_batch(&batch, &rules, keep));
    }
    assert!(taken > iterations / 100, "{taken} of {iterations} damaged batches were taken");
}

#[test]
fn counts_and_sizes_out_of_nowhere_cost_nothing() {
    for batch in good() {
        let mut lying = batch.to_vec();
        lying.splice(57..61, i32::MAX.to_be_bytes());
        lying.splice(23..27, (i32::MAX - 1).to_be_bytes());
        let crc = crc_of(&lying);
        lying.splice(17..21, crc.to_be_bytes());
        let lying = Bytes::from(lying);

        let info = allocation_counter::measure(|| {
            assert!(check_batch(Some(&lying), &RULES).is_err());
        });

        assert!(info.bytes_max < 1 << 20, "it took {} bytes", info.bytes_max);
        assert!(Records::open(&lying, 1 << 20).is_ok());
        assert!(Records::open(lying.get(..HEADER_BYTES).expect("a header"), 1 << 20).is_err());
    }
}
