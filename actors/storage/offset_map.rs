//! What compaction must know of the dirty part: the newest offset of each key, and which
//! transactions were aborted.

use crate::wire::{BatchHeader, Records};
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a key costs: 16 bytes of hash, 8 of offset, and the table's own share.
const KEY_BYTES: usize = 32;
/// Version and type of a marker's key; type 0 is an abort (`ControlRecordType`).
const MARKER_ABORT: [u8; 2] = [0, 0];

/// The newest offset of each key, by a 128-bit hash as in Kafka's `SkimpyOffsetMap`.
pub(super) struct OffsetMap {
    offsets: HashMap<[u64; 2], i64>,
    keys_max: usize,
}

fn hash(key: &[u8]) -> [u64; 2] {
    [0_u8, 1].map(|salt| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        key.hash(&mut hasher);
        hasher.finish()
    })
}

impl OffsetMap {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { offsets: HashMap::new(), keys_max: (bytes_max / KEY_BYTES).max(1) }
    }

    /// Whether so many more records surely fit; an empty map takes any batch.
    pub(super) fn has_room(&self, records: i32) -> bool {
        let records = usize::try_from(records).unwrap_or(0);
        self.offsets.is_empty() || self.offsets.len() + records <= self.keys_max
    }

    pub(super) fn put(&mut self, key: &[u8], offset: i64) {
        self.offsets.insert(hash(key), offset);
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<i64> {
        self.offsets.get(&hash(key)).copied()
    }
}

/// Which batches of the dirty part belong to aborted transactions. No transaction reaches into it
/// from before: the clean bound never passes the start of one that is open.
#[derive(Default)]
pub(super) struct Transactions {
    /// First offsets of transactions without a marker so far, by producer.
    open: BTreeMap<i64, i64>,
    /// First offset and marker's offset of aborted ones, by producer.
    aborted: BTreeMap<i64, Vec<(i64, i64)>>,
}

impl Transactions {
    pub(super) fn take(&mut self, header: &BatchHeader, batch: &[u8]) {
        if !header.is_transactional() {
            return;
        }
        if !header.is_control() {
            self.open.entry(header.producer_id).or_insert(header.base_offset);
            return;
        }
        if let Some(first) = self.open.remove(&header.producer_id)
            && is_abort(batch)
        {
            let aborted = self.aborted.entry(header.producer_id).or_default();
            aborted.push((first, header.base_offset));
        }
    }

    pub(super) fn is_aborted(&self, header: &BatchHeader) -> bool {
        let at = header.base_offset;
        header.is_transactional()
            && self.aborted.get(&header.producer_id).is_some_and(|aborted| {
                aborted.iter().any(|(first, marker)| (*first..*marker).contains(&at))
            })
    }
}

fn is_abort(batch: &[u8]) -> bool {
    let Ok(records) = Records::open(batch, batch.len()) else {
        return false;
    };
    let first = records.iter().next().and_then(Result::ok);
    first.and_then(|marker| marker.record.key?.get(2..4)).is_some_and(|kind| kind == MARKER_ABORT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_offset_of_a_key_counts() {
        let mut map = OffsetMap::new(1 << 10);
        map.put(b"a", 1);
        map.put(b"b", 2);
        map.put(b"a", 3);

        assert_eq!((map.get(b"a"), map.get(b"b"), map.get(b"c")), (Some(3), Some(2), None));
    }

    #[test]
    fn a_full_map_takes_no_further_batch() {
        let mut map = OffsetMap::new(2 * KEY_BYTES);
        assert!(map.has_room(5), "an empty one takes any");
        map.put(b"a", 1);

        assert!(map.has_room(1));
        assert!(!map.has_room(2));
    }
}
