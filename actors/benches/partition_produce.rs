//! A batch gets its place and its answer: the partition's rules, without a disk.

use criterion::{BenchmarkId, Criterion, Throughput};
use ottla_actors::machine::Machine;
use ottla_actors::partition::{
    Effect, Input, Origin, PartitionMachine, PartitionSettings, ProducerTable,
};
use ottla_actors::types::{Codec, LeaderEpoch, MonoTime, Now, Offset, Timestamp};
use ottla_actors::wire::{BatchHeader, sequence_after};

use crate::samples::{self, TIMESTAMP};

const NOW: Now = Now { mono: MonoTime::START, wall: Timestamp(TIMESTAMP) };
const SETTINGS: PartitionSettings = PartitionSettings { producer_id_expiration_ms: 86_400_000 };

/// Batches that are answered by one commit: of a plain producer, and of an idempotent one.
pub(crate) fn run(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("partition produce");
    for (name, producer_id) in [("plain", -1), ("idempotent", 7)] {
        for batches in [1, 64] {
            let mut producer = Producer::new(producer_id);
            group.throughput(Throughput::Elements(batches));
            group.bench_function(BenchmarkId::new(name, batches), |bencher| {
                bencher.iter(|| producer.send(batches));
            });
        }
    }
    group.finish();
}

/// A partition, and who sends to it.
struct Producer {
    machine: PartitionMachine<u64>,
    next: BatchHeader,
    effects: Vec<Effect<u64>>,
}

impl Producer {
    fn new(producer_id: i64) -> Self {
        let (batch, _) = samples::batch(1024, Codec::None);
        let mut next = BatchHeader::parse(&batch).expect("a header");
        if producer_id >= 0 {
            (next.producer_id, next.producer_epoch, next.base_sequence) = (producer_id, 0, 0);
        }
        let bounds = (Offset::ZERO, Offset::ZERO);
        let machine =
            PartitionMachine::new(SETTINGS, LeaderEpoch(0), bounds, ProducerTable::default());
        Self { machine, next, effects: Vec::new() }
    }

    /// Sends batches, and lets the log tell that all of them are durable.
    fn send(&mut self, batches: u64) {
        for reply in 0..batches {
            let produce = Input::Produce {
                header: self.next,
                log_append_time: None,
                origin: Origin::Client,
                reply,
            };
            self.machine.handle(NOW, produce, &mut self.effects);
            if self.next.producer_id >= 0 {
                let last = self.next.last_sequence();
                self.next.base_sequence = sequence_after(last, 1);
            }
        }
        let up_to = self.machine.next_offset();
        self.machine.handle(NOW, Input::Flushed { up_to }, &mut self.effects);
        let is_good =
            |effect: &&Effect<u64>| matches!(effect, Effect::Answer { result: Ok(_), .. });
        let answered = self.effects.iter().filter(is_good).count();
        assert_eq!(u64::try_from(answered), Ok(batches), "each batch is answered");
        self.effects.clear();
    }
}
