//! Batches as clients send them, of 16 KiB: what librdkafka makes of a busy topic by default.

use bytes::Bytes;
use ottla_actors::types::{Codec, CompressionTarget};
use ottla_actors::wire::BatchBuilder;

use crate::text::text;

/// Bytes of the values of a batch.
pub(crate) const BATCH_BYTES: usize = 16 * 1024;

/// When the records were made, in ms.
pub(crate) const TIMESTAMP: i64 = 1_700_000_000_000;

/// A batch of values of so many bytes, and how many they are.
pub(crate) fn batch(value_bytes: usize, codec: Codec) -> (Bytes, u64) {
    let value = text(value_bytes);
    let mut builder = BatchBuilder::new();
    for _ in 0..BATCH_BYTES / value_bytes {
        builder.record(TIMESTAMP, None, Some(&value));
    }
    let count = u64::try_from(builder.record_count()).expect("a count");
    let target = CompressionTarget::with_default_level(codec);
    let batch = builder.build_compressed(target).expect("a batch");
    (batch, count)
}

/// A length, as throughput is told of it.
pub(crate) fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a length")
}
