//! What a leader checks of a produced batch: its header, its CRC, each of its records.

use criterion::{BenchmarkId, Criterion, Throughput};
use ottla_actors::types::{Codec, Timestamp, TimestampType};
use ottla_actors::wire::{BatchHeader, ProduceRules, check_batch, crc_of};

use crate::samples::{self, TIMESTAMP, length};

/// The check as a whole, for records of three sizes and for compressed ones, and its parts.
pub(crate) fn run(criterion: &mut Criterion) {
    let rules = rules();
    let mut group = criterion.benchmark_group("batch check");
    for (value_bytes, codec) in [
        (100, Codec::None),
        (1024, Codec::None),
        (10 * 1024, Codec::None),
        (1024, Codec::Lz4),
        (1024, Codec::Zstd),
    ] {
        let (batch, records) = samples::batch(value_bytes, codec);
        group.throughput(Throughput::ElementsAndBytes {
            elements: records,
            bytes: length(batch.len()),
        });
        group.bench_function(BenchmarkId::new(codec.name(), value_bytes), |bencher| {
            bencher.iter(|| check_batch(Some(&batch), &rules).expect("a good batch"));
        });
    }
    let (batch, _) = samples::batch(1024, Codec::None);
    group.throughput(Throughput::Bytes(length(batch.len())));
    group.bench_function("the header alone", |bencher| {
        bencher.iter(|| BatchHeader::parse(&batch).expect("a header"));
    });
    group.bench_function("the CRC alone", |bencher| bencher.iter(|| crc_of(&batch)));
    group.finish();
}

/// What a topic asks for by default.
const fn rules() -> ProduceRules {
    ProduceRules {
        produce_version: 9,
        max_message_bytes: 1_048_588,
        segment_bytes: 1 << 30,
        is_compacted: false,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: 3_600_000,
        compression_type: None,
        now: Timestamp(TIMESTAMP),
    }
}
