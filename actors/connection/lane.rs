//! The side lane: a thread for requests that take long, so that they do not hold up all who share a
//! thread with their sender. There they stand behind each other.
//!
//! A request goes there if it is large, or about very many things, or if the last two of its kind
//! on its connection took long. Its session goes along: a connection has one such request open, and nothing beside it.

use crate::dispatch::{self, Answered, Broker, Closed, Pending, Session};
use crate::runtime::{Alarm, Reply};
use crate::wire::Hold;
use actix_rt::ArbiterHandle;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// A request of so many bytes names hundreds of things.
const LARGE_BYTES: usize = 16 << 10;
/// What a thread works on without a pause and nobody minds.
const LONG: Duration = Duration::from_micros(500);
/// A single long one may be the system's doing, which had something else to do meanwhile.
const LONG_TIMES: u8 = 2;

/// Which requests of a connection take long, by API key.
#[derive(Debug, Default)]
pub(super) struct Pace {
    long: BTreeMap<i16, u8>,
}

impl Pace {
    /// Whether a request belongs on the lane.
    pub(super) fn is_long(&self, key: i16, bytes: usize) -> bool {
        bytes >= LARGE_BYTES || self.long.get(&key).is_some_and(|times| *times >= LONG_TIMES)
    }

    /// Notes what a request took without a pause.
    pub(super) fn took(&mut self, key: i16, time: Duration) {
        if time >= LONG {
            let times = self.long.entry(key).or_default();
            *times = times.saturating_add(1).min(LONG_TIMES);
        } else if !self.long.is_empty() {
            self.long.remove(&key);
        }
    }
}

/// What comes back from the lane.
pub(super) struct Returned {
    pub(super) session: Session,
    pub(super) answer: Result<Answered, Closed>,
    /// The longest that its thread worked on it without a pause.
    pub(super) took: Duration,
}

/// Has `frame` worked on by the lane's thread. Given up when nobody waits for it any more.
pub(super) fn send(
    lane: &ArbiterHandle,
    broker: Arc<Broker>,
    (session, frame, hold): (Session, Bytes, Hold),
) -> oneshot::Receiver<Returned> {
    let (reply, returned) = Reply::new();
    let errand = move || {
        actix_rt::spawn(Errand {
            broker,
            work: Some((session, Work::New(frame, hold))),
            reply: Some(reply),
            took: Duration::ZERO,
            alarm: Alarm::default(),
        });
    };
    if !lane.spawn_fn(errand) {
        log::debug!("the side lane has ended; a request is not answered");
    }
    returned
}

enum Work {
    New(Bytes, Hold),
    Open(Pending),
}

/// One request on the lane.
struct Errand {
    broker: Arc<Broker>,
    /// `None` once it is answered.
    work: Option<(Session, Work)>,
    reply: Option<Reply<Returned>>,
    took: Duration,
    alarm: Alarm,
}

impl Errand {
    /// Does all that can be done now.
    fn work(&mut self, cx: &mut Cx<'_>) -> Poll<Result<Answered, Closed>> {
        let Some((session, work)) = &mut self.work else {
            return Poll::Ready(Ok(Answered::default()));
        };
        if let Work::New(frame, hold) = work {
            match dispatch::start(&self.broker, session, std::mem::take(frame), hold.clone()) {
                Ok(pending) => *work = Work::Open(pending),
                Err(closed) => return Poll::Ready(Err(closed)),
            }
        }
        match work {
            Work::Open(pending) => pending.poll(&self.broker, session, cx),
            Work::New(..) => Poll::Pending,
        }
    }

    fn deadline(&self) -> Option<crate::types::MonoTime> {
        match &self.work {
            Some((_, Work::Open(pending))) => pending.deadline(),
            Some((_, Work::New(..))) | None => None,
        }
    }
}

impl Future for Errand {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<()> {
        let this = &mut *self;
        let clock = this.broker.clock;
        if this.reply.as_mut().is_none_or(|reply| reply.poll_gone(cx).is_ready()) {
            return Poll::Ready(());
        }
        loop {
            let begun = clock.mono();
            let worked = this.work(cx);
            this.took = this.took.max(clock.mono().since(begun));
            if let Poll::Ready(answer) = worked {
                if let (Some(reply), Some((session, _))) = (this.reply.take(), this.work.take()) {
                    reply.send(Returned { session, answer, took: this.took });
                }
                return Poll::Ready(());
            }
            if !this.alarm.is_due(this.deadline(), clock, cx) {
                return Poll::Pending;
            }
        }
    }
}
