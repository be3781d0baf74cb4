//! The rules of fetch sessions, one by one (KIP-227).

use super::fetch_read::{Found, TopicKey, Wanted};
use super::fetch_session::{FetchSessionSlots, FetchSessions, Form, SessionRequest};
use crate::types::ErrorCode;
use bytes::Bytes;

fn wanted(partition: i32, fetch_offset: i64) -> Wanted {
    Wanted {
        topic: TopicKey::Name("t".into()),
        partition,
        fetch_offset,
        max_bytes: 1024,
        current_leader_epoch: -1,
        last_fetched_epoch: -1,
    }
}

fn found(high_watermark: i64, records: &'static [u8]) -> Found {
    Found {
        error: None,
        high_watermark,
        log_start_offset: 0,
        diverging: None,
        records: if records.is_empty() { Vec::new() } else { vec![Bytes::from_static(records)] },
        bytes: records.len(),
        is_known: true,
        leader_epoch: 0,
    }
}

fn ask(id: i32, epoch: i32) -> SessionRequest {
    SessionRequest { id, epoch, by_id: false }
}

/// A session over partitions 0 and 1, both told with high watermark 5.
fn opened(sessions: &mut FetchSessions) -> i32 {
    let plan = sessions.plan(ask(0, 0), vec![wanted(0, 5), wanted(1, 5)], &[]).unwrap();
    assert_eq!(plan.form, Form::Full);
    let answered: Vec<_> = plan.wanted.into_iter().map(|w| (w, found(5, b""))).collect();
    sessions.create(&FetchSessionSlots::new(10), false, &answered)
}

fn partitions(wanted: &[Wanted]) -> Vec<i32> {
    wanted.iter().map(|wanted| wanted.partition).collect()
}

#[test]
fn an_incremental_fetch_asks_for_everything_and_tells_what_changed() {
    let mut sessions = FetchSessions::default();
    let id = opened(&mut sessions);

    let plan = sessions.plan(ask(id, 1), Vec::new(), &[]).unwrap();
    assert_eq!(partitions(&plan.wanted), [0, 1]);
    assert_eq!(plan.form, Form::Incremental(id));
    let answered: Vec<_> =
        plan.wanted.into_iter().zip([found(5, b""), found(6, b"batch")]).collect();

    assert_eq!(sessions.changed(id, &answered), [false, true]);
}

#[test]
fn a_partition_that_gave_records_goes_to_the_end() {
    let mut sessions = FetchSessions::default();
    let id = opened(&mut sessions);
    let plan = sessions.plan(ask(id, 1), Vec::new(), &[]).unwrap();
    let answered: Vec<_> =
        plan.wanted.into_iter().zip([found(6, b"batch"), found(5, b"")]).collect();
    sessions.changed(id, &answered);

    let next = sessions.plan(ask(id, 2), vec![wanted(0, 6)], &[]).unwrap();

    assert_eq!(partitions(&next.wanted), [1, 0]);
    assert_eq!(next.wanted[1].fetch_offset, 6);
}

#[test]
fn an_error_is_told_each_time_and_everything_after_it() {
    let mut sessions = FetchSessions::default();
    let id = opened(&mut sessions);
    let failed = || Found { error: Some(ErrorCode::OffsetOutOfRange), ..found(-1, b"") };

    assert_eq!(sessions.changed(id, &[(wanted(0, 5), failed())]), [true]);
    assert_eq!(sessions.changed(id, &[(wanted(0, 5), failed())]), [true]);
    assert_eq!(sessions.changed(id, &[(wanted(0, 5), found(5, b""))]), [true]);
    assert_eq!(sessions.changed(id, &[(wanted(0, 5), found(5, b""))]), [false]);
}

#[test]
fn a_wrong_epoch_an_unknown_id_and_another_way_of_naming_are_refused() {
    let mut sessions = FetchSessions::default();
    let id = opened(&mut sessions);

    let error = |sessions: &mut FetchSessions, request| {
        sessions.plan(request, Vec::new(), &[]).map(|plan| plan.form).unwrap_err()
    };
    assert_eq!(error(&mut sessions, ask(id, 5)), ErrorCode::InvalidFetchSessionEpoch);
    let unknown = ask(id.wrapping_add(1).max(1), 1);
    assert_eq!(error(&mut sessions, unknown), ErrorCode::FetchSessionIdNotFound);
    let by_id = SessionRequest { by_id: true, ..ask(id, 1) };
    assert_eq!(error(&mut sessions, by_id), ErrorCode::FetchSessionTopicIdError);
}

#[test]
fn a_session_that_forgets_its_last_partition_ends() {
    let mut sessions = FetchSessions::default();
    let id = opened(&mut sessions);
    let topic = TopicKey::Name("t".into());

    let plan = sessions.plan(ask(id, 1), Vec::new(), &[(topic.clone(), 0), (topic, 1)]).unwrap();

    assert_eq!(plan.form, Form::Sessionless);
    assert!(sessions.plan(ask(id, 2), Vec::new(), &[]).is_err());
}

#[test]
fn a_closed_session_gives_its_place_back() {
    let slots = FetchSessionSlots::new(1);
    let mut sessions = FetchSessions::default();
    let answered = [(wanted(0, 0), found(5, b""))];

    let id = sessions.create(&slots, false, &answered);
    assert_ne!(id, 0);
    assert_eq!(sessions.create(&slots, false, &answered), 0, "more sessions than places");
    sessions.plan(ask(id, -1), Vec::new(), &[]).unwrap();

    assert_ne!(sessions.create(&slots, false, &answered), 0);
}

#[test]
fn a_session_of_very_many_partitions_takes_a_place_for_each_thousand() {
    let slots = FetchSessionSlots::new(4);
    let mut sessions = FetchSessions::default();
    let of = |partitions: std::ops::Range<i32>| -> Vec<_> {
        partitions.map(|partition| (wanted(partition, 5), found(5, b""))).collect()
    };
    let more = |partitions| of(partitions).into_iter().map(|(wanted, _)| wanted).collect();

    assert_eq!(sessions.create(&slots, false, &of(0..4_001)), 0, "five thousand begun");
    let id = sessions.create(&slots, false, &of(0..2_000));
    assert_ne!(id, 0);
    assert_eq!(sessions.create(&slots, false, &of(0..2_001)), 0, "two are left");
    assert!(sessions.plan(ask(id, 1), more(2_000..4_000), &[]).is_ok());
    let evicted = sessions.plan(ask(id, 2), more(4_000..4_001), &[]).err();

    assert_eq!(evicted, Some(ErrorCode::FetchSessionIdNotFound));
    assert_ne!(sessions.create(&slots, false, &of(0..4_000)), 0, "its places are free again");
}
