//! Makes the record batch that carries a group's decision.

use super::records::Record;
use crate::types::Timestamp;
use crate::wire::BatchBuilder;
use bytes::Bytes;

/// One batch, uncompressed, with base offset 0; all records carry the same time.
///
/// # Panics
/// Without records: such a batch cannot be.
pub(super) fn batch(group_id: &str, records: &[Record], at: Timestamp) -> Bytes {
    assert!(!records.is_empty(), "a batch without records for group {group_id}");
    let mut batch = BatchBuilder::new();
    for record in records {
        let (key, value) = record.encode(group_id);
        batch.record(at.0, Some(&key), value.as_deref());
    }
    batch.build()
}
