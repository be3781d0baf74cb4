//! What the shell around a group promises, and the directory: on paused time, over a log in the
//! hands of the test.

use super::directory::{Groups, Loader};
use super::log::{AppendRefused, OffsetsLog};
use super::records::{Decoded, Record, decode};
use super::request::{
    CommitOffset, DeleteGroup, Describe, FetchOffsets, Heartbeat, Join, SyncGroup, TopicDeleted,
};
use super::testing::{offset, old_join, seconds, simple_commit, static_join};
use super::{GroupError, GroupSettings, GroupState};
use crate::runtime::{Clock, Reply};
use crate::types::TopicName;
use crate::wire::{Records, crc_of};
use bytes::Bytes;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Done = Reply<Result<(), AppendRefused>>;

/// Hands every append to the test.
struct TestLog(UnboundedSender<(Bytes, Done)>);

impl OffsetsLog for TestLog {
    fn append(&self, batch: Bytes, done: Done) {
        self.0.send((batch, done)).expect("a test that listens");
    }
}

struct Test {
    groups: Groups,
    appends: UnboundedReceiver<(Bytes, Done)>,
}

/// One partition of `__consumer_offsets`, loaded and empty; all of it on this thread.
fn test() -> Test {
    tokio::time::pause();
    loaded(&[])
}

fn loaded(records: &[(Bytes, Option<Bytes>)]) -> Test {
    let groups = Groups::new(GroupSettings::default(), Clock::start(), Vec::new(), Arc::default());
    let (sender, appends) = unbounded_channel();
    let mut loader = Loader::default();
    records.iter().for_each(|(key, value)| loader.replay(key, value.as_deref()));
    let awaiting = groups.begin_load(0).expect("a partition");
    groups.finish_load(&awaiting, Arc::new(TestLog(sender)), loader);
    Test { groups, appends }
}

impl Test {
    async fn append(&mut self) -> (Vec<Record>, Done) {
        let (batch, done) = self.appends.recv().await.expect("a group");
        (records_of(&batch), done)
    }

    async fn commit(&mut self) -> Vec<Record> {
        let (records, done) = self.append().await;
        done.send(Ok(()));
        records
    }

    /// Positions are committed and acknowledged.
    async fn store(&mut self, group: &str, offsets: Vec<CommitOffset>) {
        let answer = self.groups.ask(group, simple_commit(offsets));
        self.commit().await;
        answer.await.expect("a commit");
    }

    async fn position(&self, group: &str, topic: &str) -> Option<i64> {
        let topics = Some(vec![(topic.to_owned(), vec![0])]);
        let found = self.groups.ask(group, FetchOffsets { topics, require_stable: false }).await;
        found.expect("an answer")[0].1[0].1.as_ref().map(|found| found.offset)
    }
}

fn records_of(batch: &Bytes) -> Vec<Record> {
    let records = Records::open(batch, batch.len()).expect("a batch");
    assert_eq!(records.header.crc, crc_of(batch));
    let record = |(key, value): (&[u8], Option<&[u8]>)| match decode(key, value) {
        Ok(Decoded::Group { record, .. }) => record,
        other => panic!("{other:?}"),
    };
    let placed = records.iter().map(|placed| placed.expect("a record").record);
    placed.map(|found| record((found.key.expect("a key"), found.value))).collect()
}

/// Whether it is still open when nothing else can happen for a second.
async fn is_open(future: &mut (impl Future + Unpin)) -> bool {
    tokio::time::timeout(seconds(1), future).await.is_err()
}

fn at(topic: &str, position: i64) -> Vec<CommitOffset> {
    vec![offset(topic, 0, position)]
}

fn stored(record: &Record) -> (&str, Option<i64>) {
    match record {
        Record::Offset { topic, value, .. } => {
            (topic.as_str(), value.as_ref().map(|value| value.offset))
        }
        Record::Group(_) => ("", None),
    }
}

#[actix_rt::test]
async fn an_answer_waits_until_its_records_are_committed() {
    let mut test = test();

    let mut answer = test.groups.ask("g", simple_commit(at("t", 5)));
    let (records, done) = test.append().await;
    assert!(is_open(&mut answer).await);
    done.send(Ok(()));

    assert_eq!(answer.await, Ok(vec![Ok(())]));
    assert_eq!(records.iter().map(stored).collect::<Vec<_>>(), [("t", Some(5))]);
}

#[actix_rt::test]
async fn a_read_waits_for_what_it_saw() {
    let mut test = test();
    let _commit = test.groups.ask("g", simple_commit(at("t", 5)));
    let (_, done) = test.append().await;

    let mut read = test.groups.ask("g", FetchOffsets { topics: None, require_stable: false });
    assert!(is_open(&mut read).await);
    done.send(Ok(()));

    assert_eq!(read.await.expect("an answer").len(), 1);
}

#[actix_rt::test]
async fn answers_leave_in_order_though_the_log_answers_in_another() {
    let mut test = test();
    let mut first = test.groups.ask("g", simple_commit(at("t", 1)));
    let second = test.groups.ask("g", simple_commit(at("t", 2)));
    let (_, first_done) = test.append().await;
    let (_, second_done) = test.append().await;

    second_done.send(Ok(()));
    assert!(is_open(&mut first).await);
    first_done.send(Ok(()));

    assert_eq!((first.await, second.await), (Ok(vec![Ok(())]), Ok(vec![Ok(())])));
}

#[actix_rt::test]
async fn what_the_log_refuses_did_not_happen() {
    let mut test = test();
    test.store("g", at("t", 1)).await;

    for (refused, error) in [
        (AppendRefused::Unavailable, GroupError::NotAvailable),
        (AppendRefused::NotLeader, GroupError::NotCoordinator),
        (AppendRefused::TooLarge, GroupError::RecordsTooLarge),
    ] {
        let answer = test.groups.ask("g", simple_commit(at("t", 2)));
        test.append().await.1.send(Err(refused));
        assert_eq!(answer.await, Err(error));
    }

    assert_eq!(test.position("g", "t").await, Some(1));
}

#[actix_rt::test]
async fn what_rests_on_a_refused_batch_is_taken_back_and_written_over() {
    let mut test = test();
    test.store("g", at("t", 1)).await;
    let first = test.groups.ask("g", simple_commit(at("t", 2)));
    let second = test.groups.ask("g", simple_commit(at("u", 3)));
    let (_, first_done) = test.append().await;
    let (_, second_done) = test.append().await;

    first_done.send(Err(AppendRefused::Unavailable));
    assert_eq!(first.await, Err(GroupError::NotAvailable));
    assert_eq!(second.await, Err(GroupError::NotAvailable));
    second_done.send(Ok(()));
    assert_eq!((test.position("g", "t").await, test.position("g", "u").await), (Some(1), None));

    let third = test.groups.ask("g", simple_commit(at("v", 4)));
    let records = test.commit().await;
    let written: Vec<_> = records.iter().map(stored).collect();
    assert_eq!(written, [("u", None), ("t", Some(1)), ("v", Some(4))]);
    assert_eq!(third.await, Ok(vec![Ok(())]));
}

#[actix_rt::test]
async fn what_was_too_large_is_not_written_over() {
    let mut test = test();
    test.store("g", at("t", 1)).await;
    let answer = test.groups.ask("g", simple_commit(at("t", 2)));
    test.append().await.1.send(Err(AppendRefused::TooLarge));
    assert_eq!(answer.await, Err(GroupError::RecordsTooLarge));

    let again = test.groups.ask("g", simple_commit(at("u", 3)));

    let records = test.commit().await;
    assert_eq!(records.iter().map(stored).collect::<Vec<_>>(), [("u", Some(3))]);
    assert_eq!(again.await, Ok(vec![Ok(())]));
}

#[actix_rt::test]
async fn what_may_or_may_not_be_in_the_log_is_written_over_once() {
    let mut test = test();
    test.store("g", at("t", 1)).await;

    let answer = test.groups.ask("g", simple_commit(at("t", 2)));
    drop(test.append().await);
    assert_eq!(answer.await, Err(GroupError::NotAvailable));

    let again = test.groups.ask("g", simple_commit(at("u", 3)));
    let records = test.commit().await;
    assert_eq!(records.iter().map(stored).collect::<Vec<_>>(), [("t", Some(1)), ("u", Some(3))]);
    assert_eq!(again.await, Ok(vec![Ok(())]));
    let last = test.groups.ask("g", simple_commit(at("u", 4)));
    assert_eq!(test.commit().await.len(), 1);
    assert_eq!(last.await, Ok(vec![Ok(())]));
}

fn sync(member_id: &str, generation_id: i32) -> SyncGroup {
    SyncGroup {
        member_id: member_id.into(),
        generation_id,
        group_instance_id: None,
        protocol_type: None,
        protocol_name: None,
        assignments: vec![(member_id.into(), "mine".into())],
    }
}

/// A stable group of one member, `a`.
async fn stable(test: &mut Test) {
    let joined = test.groups.ask("g", old_join("", "a")).await.expect("a member");
    let synced = test.groups.ask("g", sync("a", joined.generation_id));
    test.commit().await;
    assert_eq!(&synced.await.expect("an assignment").assignment[..], b"mine");
}

fn beat() -> Heartbeat {
    Heartbeat { member_id: "a".into(), generation_id: 1, group_instance_id: None }
}

#[actix_rt::test]
async fn a_refused_assignment_lets_members_begin_anew() {
    let mut test = test();
    let joined = test.groups.ask("g", old_join("", "a")).await.expect("a member");
    let synced = test.groups.ask("g", sync("a", joined.generation_id));
    let beat = test.groups.ask("g", beat());

    test.append().await.1.send(Err(AppendRefused::Unavailable));

    assert_eq!(synced.await.expect_err("a refusal"), GroupError::NotAvailable);
    assert_eq!(beat.await, Err(GroupError::NotAvailable));
    let join = test.groups.ask("g", Join { member_id: "a".into(), ..old_join("", "") });
    assert_eq!(join.await.expect_err("a refusal"), GroupError::UnknownMember);
}

#[actix_rt::test]
async fn an_hour_of_heartbeats_keeps_a_member_and_silence_ends_it() {
    let mut test = test();
    stable(&mut test).await;

    for _ in 0..1_200 {
        tokio::time::sleep(seconds(3)).await;
        assert_eq!(test.groups.ask("g", beat()).await, Ok(()));
    }
    let before = tokio::time::Instant::now();
    let records = test.commit().await;

    let silence = before.elapsed();
    assert!((10..11).contains(&silence.as_secs()), "{silence:?}");
    let [Record::Group(Some(value))] = &records[..] else { panic!("{records:?}") };
    assert!(value.members.is_empty());
}

#[actix_rt::test]
async fn a_group_that_is_gone_makes_room_for_a_new_one() {
    let mut test = test();
    test.store("g", at("t", 1)).await;

    let deleted = test.groups.ask("g", DeleteGroup);
    assert_eq!(test.commit().await.iter().map(stored).collect::<Vec<_>>(), [("t", None)]);
    assert_eq!(deleted.await, Ok(()));
    // The group ends in the turn in which its last answer leaves.
    tokio::task::yield_now().await;
    assert_eq!(test.groups.ask("g", Describe).await, Err(GroupError::GroupNotFound));
    test.store("g", at("u", 2)).await;

    assert_eq!(test.position("g", "u").await, Some(2));
}

#[actix_rt::test]
async fn a_group_that_nobody_could_join_leaves_no_trace() {
    let test = test();
    let join = Join { protocols: Vec::new(), ..old_join("", "a") };

    let refused = test.groups.ask("g", join).await;
    tokio::task::yield_now().await;

    assert_eq!(refused.expect_err("a refusal"), GroupError::InconsistentProtocol);
    assert_eq!(test.groups.summaries().expect("a loaded partition").len(), 0);
}

#[actix_rt::test]
async fn questions_that_make_no_group_are_answered_without_one() {
    let test = test();

    assert_eq!(test.groups.ask("g", beat()).await, Err(GroupError::UnknownMember));
    let commit = super::Commit { generation_id: 3, ..simple_commit(at("t", 1)) };
    assert_eq!(test.groups.ask("g", commit).await, Err(GroupError::GroupNotFound));
    assert_eq!(test.position("g", "t").await, None);
    let join = Join { member_id: "a".into(), ..old_join("", "") };
    let refused = test.groups.ask("g", join).await;
    assert_eq!(refused.expect_err("a refusal"), GroupError::UnknownMember);
    assert_eq!(test.groups.summaries().expect("a loaded partition").len(), 0);
}

#[actix_rt::test]
async fn groups_of_a_partition_that_is_not_loaded_are_not_here_or_not_yet() {
    tokio::time::pause();
    let groups = Groups::new(GroupSettings::default(), Clock::start(), Vec::new(), Arc::default());

    assert_eq!(groups.ask("g", Describe).await, Err(GroupError::NotCoordinator));
    let _awaiting = groups.begin_load(0).expect("a partition");
    assert_eq!(groups.ask("g", Describe).await, Err(GroupError::LoadInProgress));
    assert_eq!(groups.summaries().expect_err("a refusal"), GroupError::LoadInProgress);
}

#[actix_rt::test]
async fn a_loaded_partition_has_the_groups_that_its_records_leave() {
    let mut before = test();
    let mut log = Vec::new();
    let mut keep = |records: &[Record], group: &str| {
        log.extend(records.iter().map(|record| record.encode(group)));
    };
    let joined = before.groups.ask("members", static_join("s", "s1")).await.expect("a member");
    let _synced = before.groups.ask("members", sync("s1", joined.generation_id));
    keep(&before.commit().await, "members");
    for group in ["deleted", "positions"] {
        let _committed = before.groups.ask(group, simple_commit(at("t", 7)));
        keep(&before.commit().await, group);
    }
    let _deleted = before.groups.ask("deleted", DeleteGroup);
    keep(&before.commit().await, "deleted");

    let after = loaded(&log);

    let mut names = Vec::new();
    for summary in after.groups.summaries().expect("a loaded partition") {
        let summary = summary.await.expect("a group");
        names.push((summary.group_id, summary.protocol_type, summary.state));
    }
    let name = |text: &str| text.to_owned();
    assert_eq!(
        names,
        [
            (name("members"), name("consumer"), GroupState::Stable),
            (name("positions"), name(""), GroupState::Empty),
        ]
    );
    assert_eq!(after.position("positions", "t").await, Some(7));
    let synced = after.groups.ask("members", sync("s1", 1)).await.expect("an assignment");
    assert_eq!(&synced.assignment[..], b"mine");
}

#[actix_rt::test]
async fn records_that_cannot_be_read_are_skipped() {
    let damaged = (Bytes::from_static(b"\0\x01\0"), None);
    let (key, value) =
        Record::Offset { topic: TopicName::parse("t").expect("a name"), partition: 0, value: None }
            .encode("g");

    let test = loaded(&[damaged, (key, value)]);

    assert_eq!(test.groups.summaries().expect("a loaded partition").len(), 0);
}

#[actix_rt::test]
async fn a_deleted_topic_takes_its_positions_along() {
    let mut test = test();
    test.store("g", vec![offset("t", 0, 1), offset("u", 0, 2)]).await;

    test.groups.topic_deleted(&TopicName::parse("t").expect("a name"));

    assert_eq!(test.commit().await.iter().map(stored).collect::<Vec<_>>(), [("t", None)]);
    assert_eq!((test.position("g", "t").await, test.position("g", "u").await), (None, Some(2)));
    let topic = TopicName::parse("u").expect("a name");
    assert_eq!(test.groups.ask("missing", TopicDeleted { topic }).await, Ok(()));
}

#[actix_rt::test]
async fn a_topic_deleted_while_groups_are_loaded_takes_its_positions_along() {
    let mut before = test();
    let _committed = before.groups.ask("g", simple_commit(at("t", 1)));
    let records = before.commit().await;
    let (sender, appends) = unbounded_channel();
    let mut after = Test { groups: before.groups.clone(), appends };
    let mut loader = Loader::default();
    for (key, value) in records.iter().map(|record| record.encode("g")) {
        loader.replay(&key, value.as_deref());
    }

    let awaiting = after.groups.begin_load(0).expect("a partition");
    after.groups.topic_deleted(&TopicName::parse("t").expect("a name"));
    after.groups.finish_load(&awaiting, Arc::new(TestLog(sender)), loader);

    assert_eq!(after.commit().await.iter().map(stored).collect::<Vec<_>>(), [("t", None)]);
    assert_eq!(after.position("g", "t").await, None);
}

#[actix_rt::test]
async fn what_was_read_of_a_topic_that_is_another_now_is_nobodys() {
    let mut before = test();
    let _committed = before.groups.ask("g", simple_commit(at("t", 1)));
    let records = before.commit().await;
    let mut loader = Loader::default();
    for (key, value) in records.iter().map(|record| record.encode("g")) {
        loader.replay(&key, value.as_deref());
    }
    let groups = Groups::new(GroupSettings::default(), Clock::start(), Vec::new(), Arc::default());
    let awaiting = groups.begin_load(0).expect("a partition");

    groups.reset(1);
    let (sender, _appends) = unbounded_channel();
    let count = groups.finish_load(&awaiting, Arc::new(TestLog(sender)), loader);

    assert_eq!((count, awaiting.is_wanted()), (None, false));
    assert_eq!(groups.ask("g", Describe).await, Err(GroupError::NotCoordinator));
}

#[actix_rt::test]
async fn closing_waits_for_what_was_decided_and_releases_those_who_wait() {
    let mut test = test();
    stable(&mut test).await;
    let waiting = test.groups.ask("g", old_join("", "b"));
    let commit =
        super::Commit { member_id: "a".into(), generation_id: 1, ..simple_commit(at("t", 1)) };
    let committed = test.groups.ask("g", commit);
    let (_, done) = test.append().await;

    let mut closed = test.groups.close().remove(0);
    assert!(is_open(&mut closed).await);
    done.send(Ok(()));

    assert_eq!(closed.await, Ok(()));
    assert_eq!(committed.await, Ok(vec![Ok(())]));
    assert_eq!(waiting.await.expect_err("a refusal"), GroupError::NotCoordinator);
    assert_eq!(test.groups.ask("g", beat()).await, Err(GroupError::NotCoordinator));
}

#[actix_rt::test]
async fn a_group_is_kept_by_the_partition_that_kafka_would_choose() {
    let groups = Groups::new(GroupSettings::default(), Clock::start(), Vec::new(), Arc::default());
    groups.reset(50);

    // "abc".hashCode() is 96354; that of the second is the smallest number, whose abs() is 0.
    assert_eq!(groups.partition_of("abc"), 4);
    assert_eq!(groups.partition_of("polygenelubricants"), 0);
    assert_eq!(groups.partition_of(""), 0);
    // Over UTF-16 units: two surrogates, 55357 * 31 + 56832 = 1772899.
    assert_eq!(groups.partition_of("😀"), 49);
}

#[actix_rt::test]
async fn an_id_longer_than_a_kafka_string_is_invalid() {
    let test = test();

    let refused = test.groups.ask(&"g".repeat(32_768), Describe).await;

    assert_eq!(refused, Err(GroupError::InvalidGroupId));
}

#[actix_rt::test]
async fn a_sweep_ends_a_group_whose_positions_expired() {
    let mut test = test();
    test.store("g", at("t", 1)).await;
    // Wall-clock time does not follow the paused clock: the retention is what passes.
    let commit = super::Commit { retention: Some(Duration::ZERO), ..simple_commit(at("t", 2)) };
    let _committed = test.groups.ask("g", commit);
    test.commit().await;

    let before = tokio::time::Instant::now();
    let records = test.commit().await;

    assert!((590..=601).contains(&before.elapsed().as_secs()), "{:?}", before.elapsed());
    assert_eq!(records.iter().map(stored).collect::<Vec<_>>(), [("t", None)]);
}
