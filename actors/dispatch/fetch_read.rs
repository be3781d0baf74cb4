//! Gathers what a fetch can have now, within its limits, in the order asked.

use super::Broker;
use crate::partition::Partition;
use crate::registry::{MetadataImage, PartitionImage};
use crate::storage::{Chunk, Cursor, READ_BYTES_MAX, ReadError, TryRead};
use crate::types::{ErrorCode, LeaderEpoch, LogId, Offset, Uuid};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Positions that one connection remembers; a fetch of more partitions asks the index again.
const CURSORS_MAX: usize = 10_000;

/// How a request names a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum TopicKey {
    /// By name, up to version 12. Holds its own memory, not the request's frame.
    Name(Arc<str>),
    /// By id.
    Id(Uuid),
}

/// One partition of a fetch.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) topic: TopicKey,
    pub(super) partition: i32,
    pub(super) fetch_offset: i64,
    pub(super) max_bytes: i32,
    /// -1 where the client does not check.
    pub(super) current_leader_epoch: i32,
    /// -1 where the client does not check.
    pub(super) last_fetched_epoch: i32,
}

/// What a fetch has of one partition.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) error: Option<ErrorCode>,
    pub(super) high_watermark: i64,
    pub(super) log_start_offset: i64,
    /// The epoch and end offset where the client's log leaves ours.
    pub(super) diverging: Option<(i32, i64)>,
    pub(super) records: Vec<Bytes>,
    pub(super) bytes: usize,
    /// Whether such a partition exists at all.
    pub(super) is_known: bool,
    /// Epoch of the leader, for answers that correct the client's.
    pub(super) leader_epoch: i32,
}

impl Found {
    fn refused(error: ErrorCode, is_known: bool) -> Self {
        Self { error: Some(error), ..Self::nothing(is_known) }
    }

    const fn nothing(is_known: bool) -> Self {
        Self {
            error: None,
            high_watermark: -1,
            log_start_offset: -1,
            diverging: None,
            records: Vec::new(),
            bytes: 0,
            is_known,
            leader_epoch: -1,
        }
    }

    fn take(&mut self, chunk: Chunk) {
        self.bytes = chunk.bytes;
        self.records = chunk.parts;
    }
}

/// Where a connection's reads ended, by log: the index is asked once, not for each fetch.
#[derive(Debug, Default)]
pub(super) struct Cursors(HashMap<LogId, Option<Cursor>>);

impl Cursors {
    fn of(&mut self, log: LogId) -> &mut Option<Cursor> {
        if self.0.len() >= CURSORS_MAX && !self.0.contains_key(&log) {
            self.0.clear();
        }
        self.0.entry(log).or_default()
    }
}

/// A read that must be done by a reader thread.
struct ColdRead {
    at: usize,
    partition: Partition,
    from: Offset,
    up_to: Offset,
    /// What the client takes of the partition.
    taken_max: usize,
    at_least_one: bool,
    cursor: Option<Cursor>,
}

/// What came back from a reader thread.
pub(super) struct ColdResult {
    at: usize,
    log: LogId,
    up_to: Offset,
    taken_max: usize,
    chunk: Result<Chunk, ErrorCode>,
    cursor: Option<Cursor>,
}

/// What a look at all partitions gave.
pub(super) struct Gathered {
    /// In the order asked.
    pub(super) found: Vec<Found>,
    /// All bytes found.
    pub(super) bytes: usize,
    /// Bytes that a client could have now if nothing but its own limits held. As Kafka's `DelayedFetch`
    /// counts: a partition that has more than was found has all that the client takes of it.
    pub(super) there: usize,
    /// Whether an answer must not wait: something other than missing data was found.
    pub(super) is_urgent: bool,
    /// Partitions that exist, with the bytes they had committed before the look.
    pub(super) seen: Vec<(Partition, u64)>,
    /// Reads that are under way on a reader thread.
    pub(super) cold: Option<oneshot::Receiver<Vec<ColdResult>>>,
}

/// Looks at each partition; what is in memory or in the page cache is read at once, the rest is
/// handed to a reader thread.
pub(super) fn gather(
    broker: &Broker,
    cursors: &mut Cursors,
    wanted: &[Wanted],
    max_bytes: usize,
) -> Gathered {
    let image = broker.registry.image();
    let mut gathered = Gathered {
        found: Vec::with_capacity(wanted.len()),
        bytes: 0,
        there: 0,
        is_urgent: false,
        seen: Vec::new(),
        cold: None,
    };
    let mut cold = Vec::new();
    let mut left = max_bytes;
    // The first partition that has anything gives its first batch, however large it is.
    let mut at_least_one = true;
    for (at, wanted) in wanted.iter().enumerate() {
        let partition = match resolve(&image, wanted) {
            Ok(partition) => partition,
            Err(error) => {
                gathered.found.push(Found::refused(error, false));
                continue;
            }
        };
        let seen = partition.partition.view().committed_bytes();
        gathered.seen.push((partition.partition.clone(), seen));
        let (mut found, from) = match check(partition, wanted) {
            Ok(checked) => checked,
            Err(found) => {
                gathered.is_urgent = true;
                gathered.found.push(found);
                continue;
            }
        };
        let up_to = partition.partition.view().high_watermark();
        let taken_max = usize::try_from(wanted.max_bytes).unwrap_or(0);
        let max_bytes = left.min(taken_max);
        if from < up_to && max_bytes == 0 && !at_least_one {
            gathered.there = gathered.there.saturating_add(taken_max);
        } else if from < up_to {
            let log = partition.partition.log();
            let cursor = cursors.of(log.id());
            match log.read(from, up_to, max_bytes, at_least_one, cursor) {
                TryRead::Ready(chunk) => {
                    left = left.saturating_sub(chunk.bytes);
                    at_least_one &= chunk.bytes == 0;
                    gathered.count(&chunk, up_to, taken_max);
                    found.take(chunk);
                }
                TryRead::Cold => {
                    let partition = partition.partition.clone();
                    let cursor = cursor.take();
                    cold.push(ColdRead {
                        at,
                        partition,
                        from,
                        up_to,
                        taken_max,
                        at_least_one,
                        cursor,
                    });
                    // The rest of what it may have is for the partitions behind it.
                    left -= max_bytes.min(READ_BYTES_MAX);
                    at_least_one = false;
                }
            }
        }
        gathered.found.push(found);
    }
    if !cold.is_empty() {
        gathered.cold = Some(read_cold(broker, cold, max_bytes.saturating_sub(gathered.bytes)));
    }
    gathered
}

impl Gathered {
    fn count(&mut self, chunk: &Chunk, up_to: Offset, taken_max: usize) {
        self.bytes += chunk.bytes;
        let is_all = chunk.next_offset >= up_to;
        self.there = self.there.saturating_add(if is_all {
            chunk.bytes
        } else {
            taken_max.max(chunk.bytes)
        });
    }

    /// Puts in what a reader thread brought.
    pub(super) fn thaw(&mut self, cursors: &mut Cursors, results: Vec<ColdResult>) {
        for result in results {
            *cursors.of(result.log) = result.cursor;
            if let Ok(chunk) = &result.chunk {
                self.count(chunk, result.up_to, result.taken_max);
            }
            let Some(found) = self.found.get_mut(result.at) else { continue };
            match result.chunk {
                Ok(chunk) => {
                    found.take(chunk);
                }
                Err(error) => {
                    self.is_urgent = true;
                    *found = Found::refused(error, true);
                }
            }
        }
    }
}

fn resolve<'a>(image: &'a MetadataImage, wanted: &Wanted) -> Result<&'a PartitionImage, ErrorCode> {
    let topic = match &wanted.topic {
        TopicKey::Name(name) => image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition),
        TopicKey::Id(id) => image.topic_by_id(*id).ok_or(ErrorCode::UnknownTopicId),
    }?;
    topic.partition(wanted.partition).ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// The checks before a read, in the order of Kafka's `Partition.fetchRecords`.
fn check(image: &PartitionImage, wanted: &Wanted) -> Result<(Found, Offset), Found> {
    let log = image.partition.log();
    let epoch = image.partition.view().leader_epoch().0;
    let refused = |error| Found { leader_epoch: epoch, ..Found::refused(error, true) };
    if log.offline().is_some() {
        return Err(refused(ErrorCode::KafkaStorageError));
    }
    if let Some(error) = check_leader_epoch(wanted.current_leader_epoch, epoch) {
        return Err(refused(error));
    }
    let log_start = log.log_start_offset();
    let out_of_range = || refused(ErrorCode::OffsetOutOfRange);
    let from = Offset::from_wire(wanted.fetch_offset).ok_or_else(out_of_range)?;
    if from < log_start {
        return Err(out_of_range());
    }
    let mut found = Found {
        high_watermark: image.partition.view().high_watermark().to_wire(),
        log_start_offset: log_start.to_wire(),
        leader_epoch: epoch,
        ..Found::nothing(true)
    };
    if wanted.last_fetched_epoch >= 0 {
        let (known, end) =
            log.end_offset_for(LeaderEpoch(wanted.last_fetched_epoch)).ok_or_else(out_of_range)?;
        if known.0 < wanted.last_fetched_epoch || end < from {
            found.diverging = Some((known.0, end.to_wire()));
            return Err(found);
        }
    }
    if from > log.log_end_offset() {
        return Err(out_of_range());
    }
    Ok((found, from))
}

/// Compares the leader epoch that a client believes in with ours; -1 asks for no check.
pub(super) fn check_leader_epoch(client: i32, ours: i32) -> Option<ErrorCode> {
    match client {
        -1 => None,
        client if client < ours => Some(ErrorCode::FencedLeaderEpoch),
        client if client > ours => Some(ErrorCode::UnknownLeaderEpoch),
        _ => None,
    }
}

/// Has a reader thread read all of these, `left` bytes together.
fn read_cold(
    broker: &Broker,
    reads: Vec<ColdRead>,
    mut left: usize,
) -> oneshot::Receiver<Vec<ColdResult>> {
    let (sender, receiver) = oneshot::channel();
    broker.storage.readers().run(Box::new(move || {
        let read = |read: ColdRead| {
            let ColdRead { at, partition, from, up_to, taken_max, at_least_one, mut cursor } = read;
            let log = partition.log();
            let max_bytes = taken_max.min(left);
            let chunk = log.read_blocking(from, up_to, max_bytes, at_least_one, &mut cursor);
            left = left.saturating_sub(chunk.as_ref().map_or(0, |chunk| chunk.bytes));
            let chunk = chunk.map_err(|error| {
                if matches!(error, ReadError::OutOfRange { .. }) {
                    return ErrorCode::OffsetOutOfRange;
                }
                if log.is_news(&error) {
                    log::error!(log:% = log.id(), error:% = error; "cannot read");
                }
                ErrorCode::KafkaStorageError
            });
            ColdResult { at, log: log.id(), up_to, taken_max, chunk, cursor }
        };
        // The connection may be gone by now; then nobody wants the data.
        drop(sender.send(reads.into_iter().map(read).collect()));
    }));
    receiver
}
