//! The partition's rules, one by one.

use super::machine::{Effect, Input, Origin, PartitionMachine, PartitionSettings};
use super::{Appended, ProduceError, ProducerTable};
use crate::machine::Machine;
use crate::types::{LeaderEpoch, MonoTime, Now, Offset, Timestamp};
use crate::wire::BatchHeader;
use std::time::Duration;

const NOW: Now = Now { mono: MonoTime::START, wall: Timestamp(1_700_000_000_000) };
const SETTINGS: PartitionSettings = PartitionSettings { producer_id_expiration_ms: 86_400_000 };

fn machine() -> PartitionMachine<u32> {
    let bounds = (Offset::ZERO, Offset::ZERO);
    PartitionMachine::new(SETTINGS, LeaderEpoch(0), bounds, ProducerTable::default())
}

fn offset(raw: i64) -> Offset {
    Offset::from_wire(raw).unwrap()
}

fn plain(records: i32) -> BatchHeader {
    BatchHeader {
        base_offset: 0,
        size_bytes: 100,
        leader_epoch: -1,
        crc: 0,
        attributes: 0,
        last_offset_delta: records - 1,
        base_timestamp: 1,
        max_timestamp: 1_700_000_000_000,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: records,
    }
}

fn sequenced(epoch: i16, sequence: i32) -> BatchHeader {
    BatchHeader { producer_id: 7, producer_epoch: epoch, base_sequence: sequence, ..plain(1) }
}

fn run(machine: &mut PartitionMachine<u32>, input: Input<u32>) -> Vec<Effect<u32>> {
    let mut out = Vec::new();
    machine.handle(NOW, input, &mut out);
    out
}

fn send(machine: &mut PartitionMachine<u32>, reply: u32, header: BatchHeader) -> Vec<Effect<u32>> {
    let origin = Origin::Client;
    run(machine, Input::Produce { header, log_append_time: None, origin, reply })
}

fn flush(machine: &mut PartitionMachine<u32>, up_to: i64) -> Vec<Effect<u32>> {
    run(machine, Input::Flushed { up_to: offset(up_to) })
}

/// The one answer among effects.
fn answer(effects: &[Effect<u32>]) -> Result<i64, ProduceError> {
    let mut answers = effects.iter().filter_map(|effect| match effect {
        Effect::Answer { result, .. } => Some(result.map(|appended| appended.base_offset)),
        Effect::Append { .. } | Effect::HighWatermark(_) | Effect::Reload => None,
    });
    let only = answers.next().expect("an answer");
    assert!(answers.next().is_none(), "one answer alone: {effects:?}");
    only
}

#[test]
fn a_batch_is_answered_once_it_is_flushed() {
    let mut partition = machine();

    assert_eq!(send(&mut partition, 1, plain(3)), [Effect::Append { base: Offset::ZERO }]);
    let effects = flush(&mut partition, 3);

    assert_eq!(effects[0], Effect::HighWatermark(offset(3)));
    assert_eq!(answer(&effects), Ok(0));
}

#[test]
fn a_flush_answers_no_batch_beyond_it() {
    let mut partition = machine();
    send(&mut partition, 1, plain(3));
    send(&mut partition, 2, plain(3));

    let effects = flush(&mut partition, 5);

    assert!(matches!(effects[1], Effect::Answer { reply: 1, .. }));
    assert_eq!(effects.len(), 2, "{effects:?}");
}

#[test]
fn the_last_five_batches_are_recognised_and_an_older_one_is_not() {
    let mut partition = machine();
    for sequence in 0..7 {
        send(&mut partition, 1, sequenced(0, sequence));
    }
    flush(&mut partition, 7);

    for sequence in 2..7 {
        let effects = send(&mut partition, 1, sequenced(0, sequence));
        assert_eq!(answer(&effects), Ok(i64::from(sequence)), "sequence {sequence} again");
        assert_eq!(effects.len(), 1, "a duplicate is not appended");
    }
    let expected = ProduceError::OutOfOrderSequence { expected: 7, given: 1 };
    assert_eq!(answer(&send(&mut partition, 1, sequenced(0, 1))), Err(expected));
}

#[test]
fn a_duplicate_waits_for_the_commit_of_the_first() {
    let mut partition = machine();
    send(&mut partition, 1, sequenced(0, 0));

    assert_eq!(send(&mut partition, 2, sequenced(0, 0)), [], "answered before the commit");
    let effects = flush(&mut partition, 1);

    let told: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Answer { reply, result: Ok(Appended { base_offset, .. }) } => {
                Some((*reply, *base_offset))
            }
            Effect::Append { .. }
            | Effect::Answer { .. }
            | Effect::HighWatermark(_)
            | Effect::Reload => None,
        })
        .collect();
    assert_eq!(told, [(1, 0), (2, 0)]);
}

#[test]
fn a_duplicate_tells_the_timestamp_of_the_first() {
    let mut partition = machine();
    send(&mut partition, 1, sequenced(0, 0));
    flush(&mut partition, 1);

    let effects = send(&mut partition, 2, sequenced(0, 0));

    let Effect::Answer { result: Ok(appended), .. } = effects[0] else { panic!("{effects:?}") };
    assert_eq!(appended.log_append_time_ms, 1_700_000_000_000);
}

#[test]
fn a_gap_in_the_sequence_is_refused() {
    let mut partition = machine();
    send(&mut partition, 1, sequenced(0, 0));

    let expected = ProduceError::OutOfOrderSequence { expected: 1, given: 2 };
    assert_eq!(answer(&send(&mut partition, 2, sequenced(0, 2))), Err(expected));
}

#[test]
fn the_sequence_wraps_to_0() {
    let mut partition = machine();
    send(&mut partition, 1, sequenced(0, i32::MAX));

    let effects = send(&mut partition, 2, sequenced(0, 0));

    assert_eq!(effects, [Effect::Append { base: offset(1) }]);
}

#[test]
fn a_new_epoch_begins_at_0_and_fences_the_old() {
    let mut partition = machine();
    send(&mut partition, 1, sequenced(0, 0));

    let refused = answer(&send(&mut partition, 1, sequenced(1, 1)));
    assert_eq!(refused, Err(ProduceError::OutOfOrderSequence { expected: 0, given: 1 }));
    assert_eq!(send(&mut partition, 1, sequenced(2, 0)), [Effect::Append { base: offset(1) }]);
    let fenced = answer(&send(&mut partition, 1, sequenced(0, 1)));
    assert_eq!(fenced, Err(ProduceError::InvalidProducerEpoch { current: 2, given: 0 }));
}

#[test]
fn an_unknown_producer_may_begin_anywhere_but_needs_an_epoch() {
    let mut partition = machine();

    assert_eq!(send(&mut partition, 1, sequenced(0, 5)), [Effect::Append { base: offset(0) }]);
    let without = answer(&send(&mut partition, 2, sequenced(-1, 6)));
    assert_eq!(without, Err(ProduceError::InvalidProducerEpoch { current: -1, given: -1 }));
}

#[test]
fn a_transactional_batch_is_refused_since_nobody_opened_its_transaction() {
    let mut partition = machine();
    let header =
        BatchHeader { attributes: crate::wire::attribute::TRANSACTIONAL, ..sequenced(0, 0) };

    assert_eq!(
        answer(&send(&mut partition, 1, header)),
        Err(ProduceError::InvalidTransactionState)
    );
}

#[test]
fn a_refusal_reaches_those_behind_it_alone() {
    let mut partition = machine();
    send(&mut partition, 1, plain(2));
    send(&mut partition, 2, plain(2));

    let (from, error) = (offset(2), ProduceError::DiskFull);
    let effects = run(&mut partition, Input::Refused { from, error });

    assert_eq!(effects.last(), Some(&Effect::Reload));
    assert_eq!(answer(&effects), Err(ProduceError::DiskFull));
    assert_eq!(answer(&flush(&mut partition, 2)), Ok(0), "the first was written");
}

#[test]
fn producers_expire_by_their_latest_timestamp() {
    let mut partition = machine();
    send(&mut partition, 1, sequenced(0, 0));
    let due = partition.deadline().expect("a check is due");

    let later = Timestamp(NOW.wall.0 + SETTINGS.producer_id_expiration_ms);
    let now = Now { mono: due.after(Duration::from_secs(1)), wall: later };
    partition.handle(now, Input::Tick, &mut Vec::new());

    assert!(partition.producers().is_empty());
    assert_eq!(partition.deadline(), None, "nothing is left to expire");
}

#[test]
fn producers_are_remembered_when_their_records_are_deleted() {
    let mut partition = machine();
    send(&mut partition, 1, sequenced(0, 0));
    flush(&mut partition, 1);

    run(&mut partition, Input::LogStart(offset(1)));

    let gap = send(&mut partition, 2, sequenced(0, 5));
    let expected = ProduceError::OutOfOrderSequence { expected: 1, given: 5 };
    assert_eq!(answer(&gap), Err(expected));
    let again = send(&mut partition, 3, sequenced(0, 0));
    assert_eq!(answer(&again), Ok(0), "sent again, its answer was lost");
}

#[test]
#[should_panic(expected = "past its end")]
fn a_flush_past_the_end_stops_the_partition() {
    flush(&mut machine(), 1);
}
