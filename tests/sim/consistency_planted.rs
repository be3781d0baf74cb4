//! The consistency checker against histories in which one thing is wrong, and against good ones.

use crate::consistency::{Event, Kind, Op, Outcome, Seen, check};
use std::collections::BTreeSet;

fn send(process: u32, value: u64, outcome: Outcome) -> Event {
    Event { process, op: Op::Send { partition: 0, value, outcome } }
}

fn sent(process: u32, value: u64, offset: i64) -> Event {
    send(process, value, Outcome::At(offset))
}

fn poll(process: u32, records: &[(i64, u64)]) -> Event {
    let seen = |(offset, value): &(i64, u64)| Seen { partition: 0, offset: *offset, value: *value };
    Event { process, op: Op::Poll(records.iter().map(seen).collect()) }
}

fn kinds(history: &[Event]) -> Vec<Kind> {
    let kinds: BTreeSet<Kind> = check(history).iter().map(|anomaly| anomaly.kind).collect();
    kinds.into_iter().collect()
}

#[test]
fn a_history_that_one_log_explains_is_clean() {
    let history = [
        sent(1, 10, 0),
        send(1, 11, Outcome::Unknown),
        send(1, 12, Outcome::Unknown),
        Event { process: 0, op: Op::Crash },
        send(2, 13, Outcome::Refused),
        // Gaps between offsets are legal.
        sent(2, 14, 5),
        poll(3, &[(0, 10), (1, 12)]),
        poll(3, &[(5, 14)]),
        Event { process: 3, op: Op::Assign },
        poll(3, &[(0, 10), (1, 12), (5, 14)]),
    ];

    assert_eq!(check(&history), []);
}

#[test]
fn two_values_at_one_offset_are_found() {
    let history = [sent(1, 10, 0), sent(2, 11, 0), poll(3, &[(0, 10)]), poll(4, &[(0, 11)])];

    assert_eq!(kinds(&history), [Kind::InconsistentOffset]);
}

#[test]
fn a_value_at_two_offsets_is_found() {
    let history = [sent(1, 10, 0), poll(3, &[(0, 10)]), poll(4, &[(1, 10)])];

    assert_eq!(kinds(&history), [Kind::Duplicate]);
}

#[test]
fn an_acknowledged_value_that_readers_passed_is_lost() {
    let history = [sent(1, 10, 0), sent(2, 11, 1), sent(3, 12, 2), poll(4, &[(0, 10), (2, 12)])];

    assert_eq!(kinds(&history), [Kind::LostWrite, Kind::PollSkip]);
}

#[test]
fn an_acknowledged_value_behind_all_that_was_read_is_unseen() {
    let history = [sent(1, 10, 0), sent(1, 11, 1), poll(3, &[(0, 10)])];

    assert_eq!(kinds(&history), [Kind::Unseen]);
}

#[test]
fn a_refused_value_that_is_read_is_found() {
    let history = [send(1, 10, Outcome::Refused), poll(3, &[(0, 10)])];

    assert_eq!(kinds(&history), [Kind::RefusedRead]);
}

#[test]
fn a_value_that_nobody_sent_is_found() {
    assert_eq!(kinds(&[poll(3, &[(0, 10)])]), [Kind::NoWriter]);
}

#[test]
fn a_reader_that_passes_over_a_record_is_found_within_and_between_answers() {
    let all = [sent(1, 10, 0), sent(1, 11, 1), sent(1, 12, 2)];
    let whole = poll(4, &[(0, 10), (1, 11), (2, 12)]);
    let within = [&all[..], &[whole.clone(), poll(3, &[(0, 10), (2, 12)])]].concat();
    let between = [&all[..], &[whole, poll(3, &[(0, 10)]), poll(3, &[(2, 12)])]].concat();

    assert_eq!(kinds(&within), [Kind::PollSkip]);
    assert_eq!(kinds(&between), [Kind::PollSkip]);
}

#[test]
fn a_reader_that_goes_back_is_found_unless_its_group_sent_it_there() {
    let subscribe = Event { process: 3, op: Op::Subscribe };
    let back = [sent(1, 10, 0), poll(3, &[(0, 10)]), poll(3, &[(0, 10)])];
    let in_group = [&[subscribe.clone()][..], &back].concat();
    let within = [subscribe, sent(1, 10, 0), sent(1, 11, 1), poll(3, &[(1, 11), (0, 10)])];

    assert_eq!(kinds(&back), [Kind::NonMonotonicPoll]);
    assert_eq!(kinds(&in_group), []);
    assert_eq!(kinds(&within), [Kind::NonMonotonicPoll]);
}

#[test]
fn records_in_another_order_than_sent_are_found() {
    let history = [sent(1, 10, 1), sent(1, 11, 0), poll(3, &[(0, 11), (1, 10)])];

    assert_eq!(kinds(&history), [Kind::NonMonotonicSend]);
}

#[test]
fn another_process_between_two_records_is_seen_and_allowed() {
    let read = poll(3, &[(0, 10), (1, 20), (2, 11)]);
    let history = [sent(1, 10, 0), sent(2, 20, 1), sent(1, 11, 2), read];

    assert_eq!(kinds(&history), [Kind::SendSkip]);
    assert!(check(&history).iter().all(|anomaly| anomaly.kind.is_allowed()));
}
