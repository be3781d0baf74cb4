//! Which segments are too old or too many; Kafka's `UnifiedLog.deleteOldSegments`.

use super::log::Log;
use super::options::LogPolicy;
use super::shared::{Job, Shared};
use crate::types::Offset;

/// A segment as retention sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aged {
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) bytes: u64,
    /// Its largest timestamp; where records have none, when it was written last.
    pub(super) timestamp: i64,
}

/// The offset before which `segments` (all of a log, the active one last) should go, if any, by
/// time or size. Nothing that reaches beyond `bound` goes, nor anything behind such a segment.
pub(super) fn expired(
    segments: &[Aged],
    policy: &LogPolicy,
    bound: Offset,
    now_ms: i64,
) -> Option<Offset> {
    if !policy.delete {
        return None;
    }
    let total: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let mut excess = policy.retention_bytes.map_or(0, |bytes| total.saturating_sub(bytes));
    let mut up_to = None;
    for (at, segment) in segments.iter().enumerate() {
        let is_active = at + 1 == segments.len();
        if segment.end > bound || segment.bytes == 0 {
            break;
        }
        // A timestamp in the future keeps its segment until then, as in Kafka.
        let age = now_ms.saturating_sub(segment.timestamp);
        let old = policy.retention_ms.is_some_and(|retention| age > retention);
        let fits_excess = policy.retention_bytes.is_some() && segment.bytes <= excess && !is_active;
        if !old && !fits_excess {
            break;
        }
        excess = excess.saturating_sub(segment.bytes);
        up_to = Some(segment.end);
    }
    up_to
}

/// Asks the journal to drop what has expired in `log`, and what lies below its start.
pub(super) fn apply(shared: &Shared, log: &Log, now_ms: i64) {
    let segments = log.0.segments.load_full();
    let aged: Vec<Aged> = segments
        .iter()
        .map(|segment| {
            let largest = segment.max_timestamp();
            let timestamp = if largest >= 0 { largest } else { segment.modified_ms() };
            Aged { base: segment.base, end: segment.end(), bytes: segment.bytes(), timestamp }
        })
        .collect();
    let Some(active) = aged.last() else {
        return;
    };
    let start = log.log_start_offset();
    let expired = expired(&aged, &log.policy(), log.0.clean_bound(), now_ms);
    if expired == Some(active.end) {
        shared.send(Job::Roll { log: log.clone(), base: active.base });
    }
    let below_start = aged.get(1).is_some_and(|second| second.base <= start);
    if expired.is_some() || below_start {
        let offset = expired.unwrap_or(start).max(start);
        let done = Box::new(|| ());
        shared.send(Job::DeleteBefore { log: log.clone(), offset, durable: false, done });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments() -> Vec<Aged> {
        let aged = |base, end, bytes, timestamp| Aged {
            base: Offset::clamped(base),
            end: Offset::clamped(end),
            bytes,
            timestamp,
        };
        vec![aged(0, 10, 100, 1_000), aged(10, 20, 100, 2_000), aged(20, 30, 50, 3_000)]
    }

    fn by_time(retention_ms: i64) -> LogPolicy {
        LogPolicy { retention_ms: Some(retention_ms), ..LogPolicy::default() }
    }

    #[test]
    fn segments_go_when_their_largest_timestamp_is_too_old() {
        let up_to = expired(&segments(), &by_time(500), Offset::MAX, 1_501);
        assert_eq!(up_to, Some(Offset::clamped(10)));
        assert_eq!(expired(&segments(), &by_time(500), Offset::MAX, 1_500), None);
    }

    #[test]
    fn the_active_segment_goes_by_time_as_well() {
        let up_to = expired(&segments(), &by_time(500), Offset::MAX, 9_000);
        assert_eq!(up_to, Some(Offset::clamped(30)));
    }

    #[test]
    fn nothing_beyond_the_bound_goes() {
        let up_to = expired(&segments(), &by_time(500), Offset::clamped(15), 9_000);
        assert_eq!(up_to, Some(Offset::clamped(10)));
    }

    #[test]
    fn size_drops_only_segments_that_are_in_excess_as_a_whole() {
        let policy =
            LogPolicy { retention_ms: None, retention_bytes: Some(149), ..LogPolicy::default() };
        let up_to = expired(&segments(), &policy, Offset::MAX, 0);
        assert_eq!(up_to, Some(Offset::clamped(10)));
    }

    #[test]
    fn a_future_timestamp_keeps_its_segment_and_all_behind_it() {
        let mut segments = segments();
        segments[0].timestamp = 99_000;
        assert_eq!(expired(&segments, &by_time(500), Offset::MAX, 9_000), None);
    }

    #[test]
    fn a_compacted_topic_without_delete_keeps_everything() {
        let policy = LogPolicy { delete: false, compact: true, ..by_time(1) };
        assert_eq!(expired(&segments(), &policy, Offset::MAX, i64::MAX), None);
    }
}
