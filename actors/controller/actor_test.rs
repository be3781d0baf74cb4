//! The shell: nobody hears or sees what is not on disk, and what the log refused never was.

use super::testing::{NOW, settings, start_of, topic};
use super::*;
use crate::storage::{AppendError, LogNews};
use crate::types::{BrokerConfigs, Offset};
use crate::wire::StampedBatch;
use actix::Recipient;
use bytes::Bytes;
use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

#[derive(Default)]
struct World {
    /// Appended, on disk or not.
    batches: Vec<StampedBatch>,
    barriers: Vec<u64>,
    published: Vec<ImageDelta>,
    panic_at_append: bool,
    unreadable: bool,
    reports: Option<Recipient<LogReport>>,
}

#[derive(Clone, Default)]
struct Shared(Rc<RefCell<World>>);

impl RecordLog for Shared {
    fn load(&mut self) -> Result<Vec<Bytes>, RecordLogError> {
        let world = self.0.borrow();
        if world.unreadable {
            return Err(RecordLogError("bad sector".to_owned()));
        }
        Ok(world.batches.iter().map(StampedBatch::to_bytes).collect())
    }

    fn append(&mut self, batch: StampedBatch) {
        let mut world = self.0.borrow_mut();
        assert!(!world.panic_at_append, "a defect");
        let end = world.batches.last().map_or(Offset::ZERO, |last| last.header.next_offset());
        assert_eq!(batch.header.base_offset, end.to_wire(), "a gap or an overlap in the log");
        world.batches.push(batch);
    }

    fn barrier(&mut self, token: u64) {
        self.0.borrow_mut().barriers.push(token);
    }
}

impl Publisher for Shared {
    fn publish(&mut self, delta: ImageDelta, _: Offset) {
        self.0.borrow_mut().published.push(delta);
    }
}

impl Shared {
    fn start(&self) -> ControllerHandle {
        let shared = self.clone();
        ControllerHandle::start_local(move |reports| {
            shared.0.borrow_mut().reports = Some(reports);
            ControllerParts {
                settings: settings(),
                rules: Arc::new(SettingsRules::new(BrokerConfigs::default())),
                log: Box::new(shared.clone()),
                publisher: Box::new(shared),
            }
        })
    }

    fn report(&self, news: LogNews) {
        self.0.borrow().reports.as_ref().unwrap().do_send(LogReport(news));
    }

    fn end(&self) -> Offset {
        let world = self.0.borrow();
        world.batches.last().map_or(Offset::ZERO, |last| last.header.next_offset())
    }

    fn flush(&self) {
        self.report(LogNews::Flushed { up_to: self.end() });
    }

    /// A controller whose broker has started.
    async fn open(&self) -> ControllerHandle {
        let controller = self.start();
        let started = controller.start_broker(NOW, start_of(1, true));
        settle().await;
        self.flush();
        started.await.unwrap();
        controller
    }

    fn published(&self) -> usize {
        self.0.borrow().published.len()
    }
}

/// Lets every message that was sent be handled: all runs on this thread.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn create(name: &str) -> CreateTopics {
    CreateTopics {
        requester: None,
        topics: vec![topic(name)],
        validate_only: false,
        timeout_ms: 1000,
    }
}

async fn is_pending<F: Future + Unpin>(future: &mut F) -> bool {
    settle().await;
    let mut future = pin!(future);
    std::future::poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[actix_rt::test]
async fn nobody_hears_or_sees_what_is_not_on_disk() {
    let world = Shared::default();
    let controller = world.open().await;
    let before = world.published();

    let mut created = controller.create_topics(NOW, create("t"));
    assert!(is_pending(&mut created).await, "answered before it was on disk");
    assert_eq!(world.published(), before, "published before it was on disk");

    world.flush();
    assert!(created.await.unwrap()[0].1.is_ok());
    assert_eq!(world.published(), before + 1);
}

#[actix_rt::test]
async fn a_read_waits_for_what_it_saw() {
    let world = Shared::default();
    let controller = world.open().await;
    let created = controller.create_topics(NOW, create("t"));

    let mut exists = controller.create_topics(NOW, create("t"));
    assert!(is_pending(&mut exists).await, "told of a topic that may not be there");

    world.flush();
    assert!(created.await.unwrap()[0].1.is_ok());
    assert!(exists.await.unwrap()[0].1.is_err());
}

#[actix_rt::test]
async fn a_flush_answers_nothing_beyond_it() {
    let world = Shared::default();
    let controller = world.open().await;
    let first = controller.create_topics(NOW, create("a"));
    settle().await;
    let after_first = world.end();
    let mut second = controller.create_topics(NOW, create("b"));
    settle().await;

    world.report(LogNews::Flushed { up_to: after_first });

    assert!(first.await.unwrap()[0].1.is_ok());
    assert!(is_pending(&mut second).await);
}

#[actix_rt::test]
async fn the_first_news_of_a_process_are_complete() {
    let world = Shared::default();
    let controller = world.open().await;
    let created = controller.create_topics(NOW, create("t"));
    settle().await;
    world.flush();
    created.await.unwrap();
    world.0.borrow_mut().published.clear();

    world.open().await;

    let published = world.0.borrow().published.clone();
    assert_eq!(published.len(), 1);
    assert!(published[0].complete);
    let is_topic = |change: &Change| matches!(change, Change::Topic(t) if t.name.as_str() == "t");
    assert!(published[0].changes.iter().any(is_topic));
}

#[actix_rt::test]
async fn what_the_log_refuses_never_was() {
    let world = Shared::default();
    let controller = world.open().await;
    let kept = world.0.borrow().batches.len();
    let refused = controller.create_topics(NOW, create("t"));
    settle().await;

    let (from, error) = (Offset::ZERO, AppendError::DiskFull);
    world.report(LogNews::Refused { from, error });
    let error = refused.await.unwrap_err();
    assert!(matches!(error, ControllerError::LogRefuses(_)), "{error}");

    // It comes before the barrier is through: decided when it is known what the log holds.
    let again = controller.create_topics(NOW, create("t"));
    settle().await;
    world.0.borrow_mut().batches.truncate(kept);
    let token = world.0.borrow().barriers[0];
    world.report(LogNews::Barrier(token));
    settle().await;
    world.flush();

    assert!(again.await.unwrap()[0].1.is_ok(), "the refused topic was still there");
}

#[actix_rt::test]
async fn news_of_before_a_reload_are_not_taken_for_news_of_after_it() {
    let world = Shared::default();
    let controller = world.open().await;
    let refused = controller.create_topics(NOW, create("t"));
    settle().await;
    let old_end = world.end();
    let (from, error) = (Offset::ZERO, AppendError::DiskFull);
    world.report(LogNews::Refused { from, error });
    refused.await.unwrap_err();

    world.report(LogNews::Flushed { up_to: old_end });
    world.report(LogNews::Refused { from, error });
    settle().await;

    assert_eq!(world.0.borrow().barriers.len(), 1, "one reload was enough");
}

#[actix_rt::test]
async fn after_a_panic_the_log_is_read_again() {
    let world = Shared::default();
    let controller = world.open().await;
    let kept = controller.create_topics(NOW, create("kept"));
    settle().await;
    world.flush();
    kept.await.unwrap();
    let published = world.published();

    world.0.borrow_mut().panic_at_append = true;
    let lost = controller.create_topics(NOW, create("lost"));
    assert_eq!(lost.await.unwrap_err(), ControllerError::Unavailable);

    world.0.borrow_mut().panic_at_append = false;
    settle().await;
    let token = world.0.borrow().barriers[0];
    world.report(LogNews::Barrier(token));
    settle().await;
    assert!(world.0.borrow().published[published].complete, "everyone is told anew");
    let again = controller.create_topics(NOW, create("kept"));
    let new = controller.create_topics(NOW, create("lost"));
    settle().await;
    world.flush();
    assert!(again.await.unwrap()[0].1.is_err(), "what was answered is still there");
    assert!(new.await.unwrap()[0].1.is_ok());
}

#[actix_rt::test]
async fn a_log_that_cannot_be_read_refuses_the_start() {
    let world = Shared::default();
    world.0.borrow_mut().unreadable = true;

    let started = world.start().start_broker(NOW, start_of(1, true)).await;

    assert!(matches!(started, Err(ControllerError::LogUnreadable(_))), "{started:?}");
    assert_eq!(world.published(), 0);
}

#[test]
fn fresh_topic_ids_are_random_and_none_of_kafkas_own() {
    let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| fresh_topic_id()).collect();

    assert_eq!(ids.len(), 1000);
    for id in ids {
        assert_eq!(id.get_version_num(), 4);
        assert_ne!(id.as_bytes()[0] >> 2, 62, "its text would begin with a dash");
    }
}

#[actix_rt::test]
async fn the_position_of_the_log_is_told_before_and_after_the_disk_has_it() {
    let world = Shared::default();
    let controller = world.open().await;
    let before = world.end();
    let created = controller.create_topics(NOW, create("t"));

    let told = controller.log_position().await.unwrap().unwrap();
    assert_eq!((told.high_watermark, told.log_end_offset), (before, world.end()));
    assert!(before < world.end(), "the topic is in the log");

    world.flush();
    created.await.unwrap();
    let told = controller.log_position().await.unwrap().unwrap();
    assert_eq!((told.high_watermark, told.log_end_offset), (world.end(), world.end()));
}

#[actix_rt::test]
async fn a_log_that_cannot_be_read_has_no_position() {
    let world = Shared::default();
    world.0.borrow_mut().unreadable = true;
    let controller = world.start();

    let told = controller.log_position().await.unwrap();

    assert!(matches!(told, Err(ControllerError::LogUnreadable(_))), "{told:?}");
}
