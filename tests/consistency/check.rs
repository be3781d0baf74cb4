//! Finds what no single log could explain.

use super::{Event, Op, Outcome, Seen};
use std::collections::{BTreeMap, BTreeSet};

/// The ways in which a history can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Two values at one offset.
    InconsistentOffset,
    /// One value at two offsets.
    Duplicate,
    /// Acknowledged, passed by readers, and read by none.
    LostWrite,
    /// Acknowledged, and not even the last read of everything gave it.
    Unseen,
    /// Read although it had been refused (G1a).
    RefusedRead,
    /// Read although nobody sent it.
    NoWriter,
    /// A reader passed over a record.
    PollSkip,
    /// A reader went back, or stood still.
    NonMonotonicPoll,
    /// Others' records stand between two of one process; what Kafka allows.
    SendSkip,
    /// Records of one process stand in another order than they were sent in.
    NonMonotonicSend,
}

impl Kind {
    /// Whether a correct broker may show it.
    pub(crate) fn is_allowed(self) -> bool {
        self == Self::SendSkip
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anomaly {
    pub(crate) kind: Kind,
    pub(crate) partition: i32,
    pub(crate) what: String,
}

/// What the history tells of one partition.
#[derive(Default)]
struct Partition {
    /// Values by offset, from acknowledgements and polls.
    log: BTreeMap<i64, BTreeSet<u64>>,
    /// The place of a value among all whose place is known.
    rank: BTreeMap<u64, usize>,
    read: BTreeSet<u64>,
    sent: BTreeMap<u64, Outcome>,
}

/// All that is wrong with `history`, allowed or not.
pub(crate) fn check(history: &[Event]) -> Vec<Anomaly> {
    let partitions = partitions(history);
    let mut found = Vec::new();
    for (number, partition) in &partitions {
        let mut add = |kind, what| found.push(Anomaly { kind, partition: *number, what });
        check_places(partition, &mut add);
        check_reads(partition, &mut add);
    }
    check_polls(history, &partitions, &mut found);
    check_sends(history, &partitions, &mut found);
    found
}

fn partitions(history: &[Event]) -> BTreeMap<i32, Partition> {
    let mut partitions: BTreeMap<i32, Partition> = BTreeMap::new();
    for event in history {
        match &event.op {
            Op::Send { partition, value, outcome } => {
                let partition = partitions.entry(*partition).or_default();
                partition.sent.insert(*value, *outcome);
                if let Outcome::At(offset) = outcome {
                    partition.log.entry(*offset).or_default().insert(*value);
                }
            }
            Op::Poll(records) => {
                for Seen { partition, offset, value } in records {
                    let partition = partitions.entry(*partition).or_default();
                    partition.log.entry(*offset).or_default().insert(*value);
                    partition.read.insert(*value);
                }
            }
            Op::Assign | Op::Subscribe | Op::Crash => {}
        }
    }
    for partition in partitions.values_mut() {
        for (rank, values) in partition.log.values().enumerate() {
            for value in values {
                partition.rank.entry(*value).or_insert(rank);
            }
        }
    }
    partitions
}

fn check_places(partition: &Partition, add: &mut impl FnMut(Kind, String)) {
    let mut places: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for (offset, values) in &partition.log {
        if values.len() > 1 {
            add(Kind::InconsistentOffset, format!("offset {offset} holds {values:?}"));
        }
        for value in values {
            places.entry(*value).or_default().push(*offset);
        }
    }
    for (value, offsets) in places.iter().filter(|(_, offsets)| offsets.len() > 1) {
        add(Kind::Duplicate, format!("value {value} is at {offsets:?}"));
    }
}

fn check_reads(partition: &Partition, add: &mut impl FnMut(Kind, String)) {
    let passed = partition.read.iter().filter_map(|value| partition.rank.get(value)).max();
    for (value, outcome) in &partition.sent {
        let is_read = partition.read.contains(value);
        match outcome {
            Outcome::At(offset) if !is_read => {
                let is_passed = partition.rank.get(value) <= passed;
                let kind = if is_passed { Kind::LostWrite } else { Kind::Unseen };
                add(kind, format!("value {value}, acknowledged at {offset}"));
            }
            Outcome::Refused if is_read => add(Kind::RefusedRead, format!("value {value}")),
            Outcome::At(_) | Outcome::Refused | Outcome::Unknown => {}
        }
    }
    for value in partition.read.iter().filter(|value| !partition.sent.contains_key(value)) {
        add(Kind::NoWriter, format!("value {value}"));
    }
}

/// Follows each reader; one in a group only within an answer, for between two it may have lost
/// the partition and got it back.
fn check_polls(history: &[Event], partitions: &BTreeMap<i32, Partition>, found: &mut Vec<Anomaly>) {
    let mut last: BTreeMap<(u32, i32), usize> = BTreeMap::new();
    let mut in_group = BTreeSet::new();
    for Event { process, op } in history {
        let records = match op {
            Op::Poll(records) => records,
            Op::Assign => {
                in_group.remove(process);
                last.retain(|(reader, _), _| reader != process);
                continue;
            }
            Op::Subscribe => {
                in_group.insert(*process);
                continue;
            }
            Op::Send { .. } | Op::Crash => continue,
        };
        if in_group.contains(process) {
            last.retain(|(reader, _), _| reader != process);
        }
        for Seen { partition, value, .. } in records {
            let Some(rank) = rank_of(partitions, *partition, *value) else {
                continue;
            };
            let before = last.insert((*process, *partition), rank);
            let kind = match before {
                Some(before) if rank <= before => Kind::NonMonotonicPoll,
                Some(before) if rank > before + 1 => Kind::PollSkip,
                Some(_) | None => continue,
            };
            let what = format!("process {process} read value {value} at {rank} after {before:?}");
            found.push(Anomaly { kind, partition: *partition, what });
        }
    }
}

fn check_sends(history: &[Event], partitions: &BTreeMap<i32, Partition>, found: &mut Vec<Anomaly>) {
    let mut last: BTreeMap<(u32, i32), usize> = BTreeMap::new();
    for Event { process, op } in history {
        let Op::Send { partition, value, .. } = op else {
            continue;
        };
        // One that is unknown, and in no log, is nowhere.
        let Some(rank) = rank_of(partitions, *partition, *value) else {
            continue;
        };
        let before = last.insert((*process, *partition), rank);
        let kind = match before {
            Some(before) if rank <= before => Kind::NonMonotonicSend,
            Some(before) if rank > before + 1 => Kind::SendSkip,
            Some(_) | None => continue,
        };
        let what = format!("process {process} sent value {value}, at {rank} after {before:?}");
        found.push(Anomaly { kind, partition: *partition, what });
    }
}

fn rank_of(partitions: &BTreeMap<i32, Partition>, partition: i32, value: u64) -> Option<usize> {
    partitions.get(&partition)?.rank.get(&value).copied()
}
