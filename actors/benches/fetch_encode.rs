//! A fetch's answer: what is copied into its head, and the stored batches that are linked.

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use ottla_actors::types::Uuid;
use ottla_actors::wire::{FetchHead, FetchResponseWriter, FetchedPartition};

use crate::samples::length;

const VERSION: i16 = 12;
const HEAD: FetchHead =
    FetchHead { correlation_id: 1, throttle_time_ms: 0, error: None, session_id: 0 };

/// A megabyte that is linked, from one partition and from twelve, and little that is copied.
pub(crate) fn run(criterion: &mut Criterion) {
    bench(criterion, "linked, 1 partition of 1 MiB", 1, 1024 * 1024);
    bench(criterion, "linked, 12 partitions of 84 KiB", 12, 84 * 1024);
    bench(criterion, "copied, 12 partitions of 1 KiB", 12, 1024);
    bench(criterion, "empty, 12 partitions", 12, 0);
}

fn bench(criterion: &mut Criterion, name: &str, partitions: i32, bytes: usize) {
    let records = if bytes == 0 { Vec::new() } else { vec![Bytes::from(vec![b'r'; bytes])] };
    let count = usize::try_from(partitions).expect("a count");
    let mut group = criterion.benchmark_group("fetch encode");
    group.throughput(Throughput::ElementsAndBytes {
        elements: length(count),
        bytes: length(bytes * count),
    });
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let mut writer = FetchResponseWriter::new(VERSION, &HEAD, 1);
            writer.topic("orders", Uuid::from_u128(0xBE), count);
            for index in 0..partitions {
                writer.partition(&partition(index), &records);
            }
            writer.finish(&[]).expect("an answer")
        });
    });
    group.finish();
}

const fn partition(index: i32) -> FetchedPartition<'static> {
    FetchedPartition {
        index,
        error: None,
        high_watermark: 1_000_000,
        last_stable_offset: 1_000_000,
        log_start_offset: 0,
        aborted_transactions: None,
        preferred_read_replica: -1,
        diverging_epoch: None,
        current_leader: None,
    }
}
