//! Keeps the last value of each key; Kafka's `LogCleaner` and `Cleaner`.
//!
//! Works on sealed segments below the clean bound. A segment is never changed: a cleaned copy is
//! written beside it, synced, and renamed into its place by the journal. Offsets stay. The last
//! batch of each copy stays, even empty, so that recovery can tell leftovers of an interrupted
//! swap; and so does the last batch of each active producer. Markers of transactions stay.

use super::cleaned_file::CleanedFile;
use super::disk::OpenMode;
use super::index::{kind, put_cleaned, remove_range};
use super::log::Log;
use super::offset_map::{OffsetMap, Transactions};
use super::recover_log;
use super::scan::{Look, Step, Walk};
use super::segment::Segment;
use super::shared::{Job, PendingSwap, Swap};
use crate::types::Offset;
use crate::wire::{
    BatchHeader, DECOMPRESSED_BYTES_MAX, FilterRules, Filtered, Records, filter_batch,
};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A log that is worth cleaning.
pub(super) struct Candidate {
    pub(super) log: Log,
    /// Share of its bytes that was not cleaned yet.
    pub(super) ratio: f64,
    segments: Vec<Arc<Segment>>,
    first_dirty: Offset,
    up_to: Offset,
}

/// Whether a log is dirty enough (`LogCleanerManager.grabFilthiestCompactedLog`).
pub(super) fn candidate(log: &Log, now_ms: i64) -> Option<Candidate> {
    if log.0.pending_swaps.load(Ordering::Acquire) > 0 {
        return None;
    }
    let policy = log.policy();
    let all = log.0.segments.load_full();
    let (_, sealed) = all.split_last()?;
    let bound = log.0.clean_bound();
    let first_dirty = log.0.cleaned().max(log.log_start_offset());
    let newest = now_ms.saturating_sub(policy.min_compaction_lag_ms);
    let segments: Vec<Arc<Segment>> = sealed
        .iter()
        .take_while(|segment| {
            let too_new = policy.min_compaction_lag_ms > 0 && segment.max_timestamp() > newest;
            segment.end() <= bound && !(segment.end() > first_dirty && too_new)
        })
        .cloned()
        .collect();
    let up_to = segments.last().map(|segment| segment.end())?;
    let bytes = |dirty: bool| -> u64 {
        let part = segments.iter().filter(|segment| (segment.end() > first_dirty) == dirty);
        part.map(|segment| segment.bytes()).sum()
    };
    let (dirty_bytes, clean_bytes) = (bytes(true), bytes(false));
    if dirty_bytes == 0 {
        return None;
    }
    let oldest = segments.iter().find(|segment| segment.end() > first_dirty)?.first_timestamp();
    let overdue = oldest >= 0 && now_ms.saturating_sub(oldest) > policy.max_compaction_lag_ms;
    let ratio = share(dirty_bytes, dirty_bytes + clean_bytes);
    if ratio <= policy.min_cleanable_dirty_ratio && !overdue {
        return None;
    }
    Some(Candidate { log: log.clone(), ratio, segments, first_dirty, up_to })
}

fn share(part: u64, whole: u64) -> f64 {
    // Precise enough for a ratio, and without a lossy cast: in thousandths.
    let thousandths = part.saturating_mul(1000) / whole.max(1);
    f64::from(u32::try_from(thousandths).unwrap_or(1000)) / 1000.0
}

/// Cleans the log as far as the offset map reaches; not at all where retention is faster.
pub(super) fn clean(candidate: Candidate, now_ms: i64) -> io::Result<()> {
    let segments = candidate.segments.clone();
    match clean_segments(candidate, now_ms) {
        Err(_) if segments.iter().any(|segment| segment.is_retired()) => Ok(()),
        result => result,
    }
}

fn clean_segments(candidate: Candidate, now_ms: i64) -> io::Result<()> {
    let Candidate { log, segments, first_dirty, up_to, .. } = candidate;
    let dirty = segments.iter().filter(|segment| segment.end() > first_dirty);
    let dirty: Vec<_> = dirty.cloned().collect();
    let mut transactions = Transactions::default();
    for segment in &dirty {
        each_batch(&log, segment, Look::Checked, |header, batch| transactions.take(header, batch))?;
    }
    let mut map = OffsetMap::new(log.0.shared.options.cleaner_buffer_bytes);
    let mut mapped_to = up_to;
    'segments: for segment in &dirty {
        let mut full_at = None;
        each_batch(&log, segment, Look::Checked, |header, batch| {
            let counts = full_at.is_none()
                && header.next_offset() > first_dirty
                && !header.is_control()
                && !transactions.is_aborted(header);
            if counts && !add_keys(&mut map, header, batch) {
                full_at = Some(Offset::clamped(header.base_offset));
            }
        })?;
        if let Some(at) = full_at {
            mapped_to = at;
            break 'segments;
        }
    }
    let producers = recover_log::producers(&log).map_err(io::Error::other)?.producers;
    let last_of_producers = producers.iter().filter_map(|entry| entry.batches.back());
    let filter = Filter {
        map,
        transactions,
        first_dirty,
        kept_batches: last_of_producers.map(|batch| batch.last_offset.to_wire()).collect(),
        delete_horizon_ms: now_ms.saturating_add(log.policy().delete_retention_ms),
        now_ms,
    };
    let below = segments.iter().take_while(|segment| segment.base < mapped_to);
    for group in groups(&below.cloned().collect::<Vec<_>>(), log.policy().segment_bytes) {
        clean_group(&log, &group, &filter)?;
    }
    log.0.set_cleaned(mapped_to);
    log.0.shared.index.write(vec![put_cleaned(log.0.puid, mapped_to)]);
    Ok(())
}

/// Neighbours that fit into one segment together (`Cleaner.groupSegmentsBySize`).
fn groups(segments: &[Arc<Segment>], segment_bytes: u64) -> Vec<Vec<Arc<Segment>>> {
    let mut groups: Vec<Vec<Arc<Segment>>> = Vec::new();
    let mut bytes = 0;
    for segment in segments {
        let span = |group: &Vec<Arc<Segment>>| {
            let base = group.first().map_or(segment.base, |first| first.base);
            segment.end().distance_from(base)
        };
        bytes += segment.bytes();
        match groups.last_mut() {
            Some(group) if bytes <= segment_bytes && span(group) <= u64::from(u32::MAX >> 1) => {
                group.push(Arc::clone(segment));
            }
            _ => {
                bytes = segment.bytes();
                groups.push(vec![Arc::clone(segment)]);
            }
        }
    }
    groups
}

fn each_batch(
    log: &Log,
    segment: &Arc<Segment>,
    look: Look,
    mut take: impl FnMut(&BatchHeader, &[u8]),
) -> io::Result<()> {
    let file = log.0.file(segment, OpenMode::Existing)?;
    let mut walk = Walk::new(file, look, 0, segment.bytes());
    loop {
        match walk.step()? {
            Step::Batch { header, position } => {
                take(&header, walk.batch(position, header.size_bytes));
            }
            Step::End => return Ok(()),
            Step::Bad => {
                let (base, at) = (segment.base, walk.position());
                return Err(io::Error::other(format!("no batch at byte {at} of segment {base}")));
            }
        }
    }
}

/// Adds the keys of a batch; whether there was room for all of them.
fn add_keys(map: &mut OffsetMap, header: &BatchHeader, batch: &[u8]) -> bool {
    if !map.has_room(header.record_count) {
        return false;
    }
    // A batch that can't be read is kept as it is, and hides no other record.
    let Ok(records) = Records::open(batch, DECOMPRESSED_BYTES_MAX) else {
        return true;
    };
    for record in records.iter().map_while(Result::ok) {
        if let Some(key) = record.record.key {
            map.put(key, record.offset);
        }
    }
    true
}

/// Which records stay.
struct Filter {
    map: OffsetMap,
    transactions: Transactions,
    first_dirty: Offset,
    /// Last offsets of the last batches of producers.
    kept_batches: BTreeSet<i64>,
    delete_horizon_ms: i64,
    now_ms: i64,
}

impl Filter {
    fn apply(&self, header: &BatchHeader, batch: &[u8], is_last: bool) -> Filtered {
        if header.is_control() {
            return Filtered::Unchanged;
        }
        let rules = FilterRules {
            retain_empty: is_last || self.kept_batches.contains(&header.last_offset()),
            delete_horizon_ms: self.delete_horizon_ms,
            is_marker_of_empty_transaction: false,
            decompressed_bytes_max: DECOMPRESSED_BYTES_MAX,
        };
        let aborted =
            header.next_offset() > self.first_dirty && self.transactions.is_aborted(header);
        let tombstones_go = header.has_delete_horizon() && header.base_timestamp < self.now_ms;
        let filtered = filter_batch(batch, &rules, |_, placed| {
            let Some(key) = placed.record.key else {
                return false;
            };
            let newest = self.map.get(key).is_none_or(|newest| placed.offset >= newest);
            !aborted && newest && !(tombstones_go && placed.record.value.is_none())
        });
        // What can't be read stays as it is.
        filtered.unwrap_or(Filtered::Unchanged)
    }
}

/// Writes the cleaned copy of neighbouring segments, and has it swapped in.
fn clean_group(log: &Log, group: &[Arc<Segment>], filter: &Filter) -> io::Result<()> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return Ok(());
    };
    let mut out = CleanedFile::create(log, first.base)?;
    let mut changed = group.len() > 1;
    for segment in group {
        let mut failed = Ok(());
        each_batch(log, segment, Look::Checked, |header, batch| {
            let is_last = header.next_offset() == last.end();
            let result = match filter.apply(header, batch, is_last) {
                Filtered::Unchanged => out.push(header, batch),
                Filtered::Rewritten(batch) => {
                    changed = true;
                    BatchHeader::parse(&batch)
                        .map_err(io::Error::other)
                        .and_then(|header| out.push(&header, &batch))
                }
                Filtered::Gone => {
                    changed = true;
                    Ok(())
                }
            };
            if failed.is_ok() {
                failed = result;
            }
        })?;
        failed?;
    }
    if !changed {
        return out.discard();
    }
    let modified_ms = last.modified_ms();
    let (new, cleaned, places) = out.finish(last.end(), modified_ms)?;
    // Rows that point into the old files must be gone before the new one is there; until then
    // readers look for their batch from the segment's start.
    log.0.shared.index.write(vec![
        remove_range(kind::OFFSET, log.0.puid, first.base, last.end()),
        remove_range(kind::SEGMENT, log.0.puid, first.base, last.end()),
    ]);
    log.0.shared.index.flush();
    let (log, old) = (log.clone(), group.to_vec());
    let shared = Arc::clone(&log.0.shared);
    let pending = PendingSwap::new(&log);
    let swap = Swap { log, old, new, cleaned, places, done: Box::new(|| ()), pending };
    shared.send(Job::Swap(swap));
    Ok(())
}
