//! The index of all logs: which rows there are, and the trait of who keeps them.
//!
//! Keys: one byte for the kind of row, the log's number (u32, big-endian, given once, never again),
//! then what the row says. Values: a version byte, then fixed fields, big-endian.
//!
//! | space | key | value behind the version byte |
//! |---|---|---|
//! | index | `o` log, base offset u64 | segment base i64, position u64 |
//! | index | `t` log, max timestamp i64 (sign flipped), offset u64 | nothing |
//! | index | `s` log, segment base u64 | end offset i64, bytes u64, first and max timestamp i64 |
//! | state | `m` log | topic id, partition i32, log start, recovery point i64, cuts u32 |
//! | state | `e` log, epoch u32 | start offset i64 |
//! | state | `c` log | offset i64 up to which the log was compacted |
//! | state | `P` log, offset u64 | producer snapshot valid before that offset |
//!
//! A `t` row says: every record below that offset has a timestamp of at most that.

use crate::types::{LeaderEpoch, LogId, Offset, Uuid};
use std::fmt;

/// Where rows live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Rows that grow with the data.
    Index,
    /// Rows that grow with the number of logs.
    State,
}

/// One change; changes take effect in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Writes a row.
    Put(Space, Vec<u8>, Vec<u8>),
    /// Removes the rows from the first key, included, to the second, excluded.
    RemoveRange(Space, Vec<u8>, Vec<u8>),
}

/// A row as it was found.
pub type FoundRow = (Vec<u8>, Vec<u8>);

/// Keeps the rows. Everything in it can be derived from the logs again: a failure to write or read
/// costs time, never data, and is not reported.
pub trait Index: Send + Sync + fmt::Debug {
    /// Queues changes; readers see them soon.
    fn write(&self, changes: Vec<Change>);

    /// Returns when everything queued before is written and lasts.
    fn flush(&self);

    /// The last row whose key begins with `prefix` and is not above `key`.
    fn last_up_to(&self, space: Space, prefix: &[u8], key: &[u8]) -> Option<FoundRow>;

    /// All rows whose key begins with `prefix`, in order.
    fn scan(&self, space: Space, prefix: &[u8]) -> Vec<FoundRow>;

    /// Writes everything and lets go of the files.
    fn close(&self);
}

const VALUE_VERSION: u8 = 1;

/// Kinds of rows.
pub(super) mod kind {
    pub(in super::super) const OFFSET: u8 = b'o';
    pub(in super::super) const TIME: u8 = b't';
    pub(in super::super) const SEGMENT: u8 = b's';
    pub(in super::super) const META: u8 = b'm';
    pub(in super::super) const EPOCH: u8 = b'e';
    pub(in super::super) const CLEANED: u8 = b'c';
    pub(in super::super) const PRODUCERS: u8 = b'P';
}

/// What all rows of one kind and log begin with.
pub(super) fn prefix(kind: u8, log: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(21);
    key.push(kind);
    key.extend_from_slice(&log.to_be_bytes());
    key
}

/// Key of a row that is sorted by an offset.
pub(super) fn offset_key(kind: u8, log: u32, offset: Offset) -> Vec<u8> {
    let mut key = prefix(kind, log);
    key.extend_from_slice(&offset.to_wire().to_be_bytes());
    key
}

/// Key of a time row.
pub(super) fn time_key(log: u32, timestamp: i64, offset: Offset) -> Vec<u8> {
    let mut key = prefix(kind::TIME, log);
    key.extend_from_slice(&(timestamp ^ i64::MIN).to_be_bytes());
    key.extend_from_slice(&offset.to_wire().to_be_bytes());
    key
}

fn epoch_key(log: u32, epoch: LeaderEpoch) -> Vec<u8> {
    let mut key = prefix(kind::EPOCH, log);
    key.extend_from_slice(&epoch.0.to_be_bytes());
    key
}

/// Reads big-endian fields one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }

    pub(super) fn offset(&mut self) -> Option<Offset> {
        self.i64().map(Offset::clamped)
    }

    fn version(&mut self) -> Option<()> {
        (self.take::<1>()? == [VALUE_VERSION]).then_some(())
    }
}

/// The offset that a row's key ends with.
pub(super) fn key_offset(key: &[u8]) -> Option<Offset> {
    key.last_chunk::<8>().map(|raw| Offset::clamped(i64::from_be_bytes(*raw)))
}

/// A place in a segment where a batch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlaceRow {
    pub(super) offset: Offset,
    pub(super) segment: Offset,
    pub(super) position: u64,
    /// Largest timestamp of everything below `offset`.
    pub(super) max_timestamp_before: i64,
}

impl PlaceRow {
    pub(super) fn put(&self, log: u32, with_time: bool, into: &mut Vec<Change>) {
        let mut value = vec![VALUE_VERSION];
        value.extend_from_slice(&self.segment.to_wire().to_be_bytes());
        value.extend_from_slice(&self.position.to_be_bytes());
        let key = offset_key(kind::OFFSET, log, self.offset);
        into.push(Change::Put(Space::Index, key, value));
        if with_time {
            let key = time_key(log, self.max_timestamp_before, self.offset);
            into.push(Change::Put(Space::Index, key, Vec::new()));
        }
    }

    pub(super) fn decode(key: &[u8], value: &[u8]) -> Option<Self> {
        let mut fields = Fields(value);
        fields.version()?;
        Some(Self {
            offset: key_offset(key)?,
            segment: fields.offset()?,
            position: fields.take().map(u64::from_be_bytes)?,
            max_timestamp_before: -1,
        })
    }
}

/// What is known of a sealed segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentRow {
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) bytes: u64,
    pub(super) first_timestamp: i64,
    pub(super) max_timestamp: i64,
}

impl SegmentRow {
    pub(super) fn put(&self, log: u32) -> Change {
        let mut value = vec![VALUE_VERSION];
        value.extend_from_slice(&self.end.to_wire().to_be_bytes());
        value.extend_from_slice(&self.bytes.to_be_bytes());
        value.extend_from_slice(&self.first_timestamp.to_be_bytes());
        value.extend_from_slice(&self.max_timestamp.to_be_bytes());
        Change::Put(Space::Index, offset_key(kind::SEGMENT, log, self.base), value)
    }

    pub(super) fn decode(key: &[u8], value: &[u8]) -> Option<Self> {
        let mut fields = Fields(value);
        fields.version()?;
        Some(Self {
            base: key_offset(key)?,
            end: fields.offset()?,
            bytes: fields.take().map(u64::from_be_bytes)?,
            first_timestamp: fields.i64()?,
            max_timestamp: fields.i64()?,
        })
    }
}

/// What is known of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MetaRow {
    pub(super) id: LogId,
    pub(super) start: Offset,
    /// Everything below was synced to its segments.
    pub(super) recovery_point: Offset,
    /// How often the log had been truncated.
    pub(super) cuts: u32,
}

impl MetaRow {
    pub(super) fn put(&self, log: u32) -> Change {
        let mut value = vec![VALUE_VERSION];
        value.extend_from_slice(self.id.topic_id.as_bytes());
        value.extend_from_slice(&self.id.partition.to_be_bytes());
        for offset in [self.start, self.recovery_point] {
            value.extend_from_slice(&offset.to_wire().to_be_bytes());
        }
        value.extend_from_slice(&self.cuts.to_be_bytes());
        Change::Put(Space::State, prefix(kind::META, log), value)
    }

    pub(super) fn decode(key: &[u8], value: &[u8]) -> Option<(u32, Self)> {
        let log = key.last_chunk().map(|raw| u32::from_be_bytes(*raw))?;
        let mut fields = Fields(value);
        fields.version()?;
        let topic_id = fields.take().map(Uuid::from_bytes)?;
        let partition = fields.take().map(i32::from_be_bytes)?;
        Some((
            log,
            Self {
                id: LogId { topic_id, partition },
                start: fields.offset()?,
                recovery_point: fields.offset()?,
                cuts: fields.take().map(u32::from_be_bytes)?,
            },
        ))
    }
}

/// The row of an epoch.
pub(super) fn put_epoch(log: u32, epoch: LeaderEpoch, start: Offset) -> Change {
    let mut value = vec![VALUE_VERSION];
    value.extend_from_slice(&start.to_wire().to_be_bytes());
    Change::Put(Space::State, epoch_key(log, epoch), value)
}

/// Reads the row of an epoch.
pub(super) fn decode_epoch(key: &[u8], value: &[u8]) -> Option<(LeaderEpoch, Offset)> {
    let epoch = key.last_chunk().map(|raw| LeaderEpoch(i32::from_be_bytes(*raw)))?;
    let mut fields = Fields(value);
    fields.version()?;
    Some((epoch, fields.offset()?))
}

/// The row that says how far a log was compacted.
pub(super) fn put_cleaned(log: u32, up_to: Offset) -> Change {
    let mut value = vec![VALUE_VERSION];
    value.extend_from_slice(&up_to.to_wire().to_be_bytes());
    Change::Put(Space::State, prefix(kind::CLEANED, log), value)
}

/// Reads that row.
pub(super) fn decode_cleaned(value: &[u8]) -> Option<Offset> {
    let mut fields = Fields(value);
    fields.version()?;
    fields.offset()
}

/// Removes every row of one kind of a log at `from` and beyond.
fn remove_from(space: Space, kind: u8, log: u32, from: Offset) -> Change {
    Change::RemoveRange(space, offset_key(kind, log, from), prefix(kind, log.saturating_add(1)))
}

/// Removes every row of a log at `end` and beyond, and every epoch, which are few and written anew.
///
/// Time rows rise in time and offset alike, so those beyond the end are the last ones.
pub(super) fn remove_beyond(log: u32, end: Offset, max_timestamp: i64) -> Vec<Change> {
    let behind = Offset::clamped(end.to_wire().saturating_add(1));
    let after_times = prefix(kind::TIME, log.saturating_add(1));
    vec![
        remove_from(Space::Index, kind::OFFSET, log, end),
        remove_from(Space::Index, kind::SEGMENT, log, end),
        Change::RemoveRange(Space::Index, time_key(log, max_timestamp, behind), after_times),
        remove_from(Space::State, kind::PRODUCERS, log, behind),
        remove_all(Space::State, kind::EPOCH, log),
    ]
}

/// Removes the index rows of one kind of a log from `from`, included, to `to`, excluded.
pub(super) fn remove_range(kind: u8, log: u32, from: Offset, to: Offset) -> Change {
    Change::RemoveRange(Space::Index, offset_key(kind, log, from), offset_key(kind, log, to))
}

/// Removes every row of one kind of a log below `to`.
pub(super) fn remove_below(space: Space, kind: u8, log: u32, to: Offset) -> Change {
    Change::RemoveRange(space, prefix(kind, log), offset_key(kind, log, to))
}

/// Removes every row of one kind of a log.
fn remove_all(space: Space, kind: u8, log: u32) -> Change {
    Change::RemoveRange(space, prefix(kind, log), prefix(kind, log.saturating_add(1)))
}

/// Removes all rows of a log.
pub(super) fn remove_log(log: u32) -> Vec<Change> {
    let state = [kind::META, kind::EPOCH, kind::CLEANED, kind::PRODUCERS];
    let index = [kind::OFFSET, kind::TIME, kind::SEGMENT];
    let state = state.into_iter().map(|kind| remove_all(Space::State, kind, log));
    let index = index.into_iter().map(|kind| remove_all(Space::Index, kind, log));
    state.chain(index).collect()
}
