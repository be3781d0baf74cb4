//! Records by time: the first that is late enough, and the latest.

use super::disk::OpenMode;
use super::error::ReadError;
use super::index::{Fields, Space, kind, prefix, time_key};
use super::log::Log;
use super::read::locate;
use super::scan::{Look, Step, Walk};
use super::segment::Segment;
use crate::types::{LeaderEpoch, Offset};
use crate::wire::{BatchHeader, DECOMPRESSED_BYTES_MAX, Records};
use std::sync::Arc;

/// A record found by its time: offset, timestamp in ms, epoch of its batch.
pub type FoundRecord = (Offset, i64, LeaderEpoch);

/// The first record below `up_to` with a timestamp of `target` or later.
pub(super) fn find(
    log: &Log,
    target: i64,
    up_to: Offset,
) -> Result<Option<FoundRecord>, ReadError> {
    log.0.check_online()?;
    let start = log.log_start_offset();
    let segments = log.0.segments.load_full();
    for segment in segments.iter().filter(|segment| segment.max_timestamp() >= target) {
        if segment.base >= up_to {
            break;
        }
        let position = start_for(log, segment, target);
        if let Some(found) = find_within(log, segment, position, target, start, up_to)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The first record below `up_to` that has the largest timestamp.
pub(super) fn find_max(log: &Log, up_to: Offset) -> Result<Option<FoundRecord>, ReadError> {
    log.0.check_online()?;
    let start = log.log_start_offset();
    let segments = log.0.segments.load_full();
    // The segment that holds the bound has to be looked at; those before it are known as a whole.
    let mut largest = -1;
    for segment in segments.iter().filter(|segment| segment.base < up_to) {
        if segment.end() <= up_to && segment.base >= start {
            largest = largest.max(segment.max_timestamp());
            continue;
        }
        let mut walk = walk(log, segment, 0, Look::Headers)?;
        while let Step::Batch { header, .. } = walk.step()? {
            if header.next_offset() > start && header.next_offset() <= up_to {
                largest = largest.max(header.max_timestamp);
            }
        }
    }
    if largest < 0 { Ok(None) } else { find(log, largest, up_to) }
}

fn walk(log: &Log, segment: &Arc<Segment>, position: u64, look: Look) -> Result<Walk, ReadError> {
    let file = log.0.file(segment, OpenMode::Existing)?;
    Ok(Walk::new(file, look, position, segment.bytes()))
}

/// A byte of the segment before which nothing is late enough.
fn start_for(log: &Log, segment: &Arc<Segment>, target: i64) -> u64 {
    if let Some(place) = segment.place_before(target) {
        return place.position;
    }
    let puid = log.0.puid;
    let key = time_key(puid, target, Offset::ZERO);
    let row = log.0.shared.index.last_up_to(Space::Index, &prefix(kind::TIME, puid), &key);
    let offset = row.and_then(|(key, _)| Fields(key.get(13..)?).offset());
    let Some(offset) = offset.filter(|offset| *offset > segment.base) else {
        return 0;
    };
    match locate(log, offset) {
        Some((located, position)) if located.base == segment.base => position,
        _ => 0,
    }
}

fn find_within(
    log: &Log,
    segment: &Arc<Segment>,
    position: u64,
    target: i64,
    start: Offset,
    up_to: Offset,
) -> Result<Option<FoundRecord>, ReadError> {
    let mut walk = walk(log, segment, position, Look::Headers)?;
    loop {
        match walk.step()? {
            Step::Batch { header, position } => {
                if header.next_offset() > up_to {
                    return Ok(None);
                }
                let late = header.max_timestamp >= target && header.next_offset() > start;
                if late
                    && let Some(found) =
                        find_in_batch(log, segment, position, &header, target, start)?
                {
                    return Ok(Some(found));
                }
            }
            Step::Bad => return Err(corrupt(log, segment, walk.position())),
            Step::End => return Ok(None),
        }
    }
}

fn corrupt(log: &Log, segment: &Segment, position: u64) -> ReadError {
    ReadError::Corrupt { log: log.id(), segment: segment.base, position }
}

fn find_in_batch(
    log: &Log,
    segment: &Arc<Segment>,
    position: u64,
    header: &BatchHeader,
    target: i64,
    start: Offset,
) -> Result<Option<FoundRecord>, ReadError> {
    let mut batch = vec![0; header.size_bytes];
    log.0.file(segment, OpenMode::Existing)?.read_at(&mut batch, position)?;
    let records = Records::open(&batch, DECOMPRESSED_BYTES_MAX)
        .map_err(|_| corrupt(log, segment, position))?;
    for record in records.iter() {
        let record = record.map_err(|_| corrupt(log, segment, position))?;
        if record.timestamp >= target && record.offset >= start.to_wire() {
            let epoch = LeaderEpoch(header.leader_epoch);
            return Ok(Some((Offset::clamped(record.offset), record.timestamp, epoch)));
        }
    }
    Ok(None)
}
