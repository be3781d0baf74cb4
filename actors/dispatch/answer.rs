//! What a request is given, and what it gives back.

use super::charge::{Charge, throttle_time_ms};
use super::error_codes::{AnswerFields, count_errors};
use super::{Broker, Session, fetch, produce};
use crate::controller::Requester;
use crate::runtime::Clock;
use crate::types::{Metrics, MonoTime, Now};
use crate::wire::{EncodeError, Hold, encode_response};
use bytes::Bytes;
use kafka_protocol::protocol::{Encodable, HeaderVersion};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// A whole answer, its size at the front; large parts are linked, not copied.
pub type Frame = Vec<Bytes>;

/// What a request ends with.
#[derive(Debug, Default)]
pub struct Answered {
    /// The answer; nothing where the client wants none.
    pub frame: Option<Frame>,
    /// How long the connection reads nothing, for its client has used up a quota.
    pub pause: Duration,
}

impl Answered {
    /// An answer, behind which the client may go on after `pause`.
    pub(super) const fn new(frame: Frame, pause: Duration) -> Self {
        Self { frame: Some(frame), pause }
    }
}

/// Why a connection is closed without an answer, as Apache Kafka does it.
#[derive(Debug)]
pub struct Closed(pub String);

impl From<EncodeError> for Closed {
    fn from(error: EncodeError) -> Self {
        Self(format!("answer cannot be encoded: {error}"))
    }
}

/// A request on its way: who asks, and the broker that is asked.
pub(crate) struct Ask<'a> {
    /// Counts the memory of its frame.
    pub(crate) hold: Hold,
    /// The broker's handles.
    pub(crate) broker: &'a Broker,
    /// What the connection remembers.
    pub(crate) session: &'a mut Session,
    /// The request's version, within the table's range.
    pub(crate) version: i16,
    /// Pairs the answer with its request.
    pub(crate) correlation_id: i32,
    /// The header's client id; empty where it was null.
    pub(crate) client_id: &'a str,
    /// When it arrived.
    pub(crate) now: Now,
    /// What it costs its client's quotas. Handlers that settle it themselves take it.
    pub(crate) charge: Charge,
}

impl Ask<'_> {
    /// Host and port of this broker as the client of this connection reaches it.
    pub(crate) fn advertised(&self) -> (String, i32) {
        self.session.advertised()
    }

    /// The client, for its quota of changes; from some version on it can be refused.
    pub(crate) fn requester(&self, strict_from: i16) -> Requester {
        Requester {
            user: self.session.principal().name().to_owned(),
            client_id: self.client_id.to_owned(),
            is_strict: self.version >= strict_from,
        }
    }

    /// The client's address, without a port.
    pub(crate) fn client_host(&self) -> String {
        self.session.client_host()
    }

    /// When a client that is refused now hears of it.
    pub(crate) fn refused_at(&self) -> MonoTime {
        self.broker.refused_at()
    }
}

/// What a handler gives back: an answer, or one that is joined from actors' answers later.
pub(crate) enum Answer<R> {
    /// At once.
    Now(R),
    /// The last of its connection: it is sent at this time, and nothing behind it.
    Last(R, MonoTime),
    /// When the future ends. Messages were sent before; the future only joins what comes back.
    Later(Pin<Box<dyn Future<Output = R>>>),
}

impl<R> Answer<R> {
    /// An answer that waits for `join`.
    pub(crate) fn later(join: impl Future<Output = R> + 'static) -> Self {
        Self::Later(Box::pin(join))
    }
}

/// A request that has been started.
pub enum Pending {
    /// It is over.
    Ready(Answered),
    /// A produce request whose batches are with their partitions.
    Produce(Box<produce::Pending>),
    /// A fetch that waits for data or for a reader thread.
    Fetch(Box<fetch::Pending>),
    /// Held back: the answer to a client that is refused, if it gets one.
    Delayed {
        /// The answer.
        answered: Answered,
        /// When it is sent.
        until: MonoTime,
    },
    /// Any other, rare enough for a boxed future.
    Joined(Pin<Box<dyn Future<Output = Result<Answered, EncodeError>>>>),
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Produce(_) => "Produce",
            Self::Fetch(_) => "Fetch",
            Self::Delayed { .. } => "Delayed",
            Self::Joined(_) => "Joined",
        })
    }
}

/// What polling a request gives: its end, or a reason to close.
pub type Polled = Poll<Result<Answered, Closed>>;

impl Pending {
    /// When the request wants to be polled at the latest, woken or not.
    #[must_use]
    pub fn deadline(&self) -> Option<MonoTime> {
        match self {
            Self::Produce(pending) => Some(pending.deadline()),
            Self::Fetch(pending) => pending.deadline(),
            Self::Delayed { until, .. } => Some(*until),
            Self::Ready(_) | Self::Joined(_) => None,
        }
    }

    /// Looks whether the answer is there.
    pub fn poll(&mut self, broker: &Broker, session: &mut Session, cx: &mut Context<'_>) -> Polled {
        match self {
            Self::Ready(answered) => Poll::Ready(Ok(std::mem::take(answered))),
            Self::Produce(pending) => pending.poll(broker, cx),
            Self::Fetch(pending) => pending.poll(broker, session, cx),
            Self::Joined(join) => join.as_mut().poll(cx).map_err(Closed::from),
            Self::Delayed { until, .. } if broker.clock.mono() < *until => Poll::Pending,
            Self::Delayed { answered, .. } => Poll::Ready(Ok(std::mem::take(answered))),
        }
    }
}

/// What handlers may return.
pub(super) trait Outcome {
    fn into_pending(self, form: Form, metrics: &Arc<Metrics>) -> Result<Pending, Closed>;
}

/// How an answer is encoded, and what its request costs.
pub(super) struct Form {
    pub(super) key: i16,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    pub(super) clock: Clock,
    pub(super) charge: Charge,
}

impl Form {
    /// Counts what is to be counted, and writes the answer down.
    fn finish<R>(self, metrics: &Metrics, mut response: R) -> Result<Answered, EncodeError>
    where
        R: Encodable + HeaderVersion + AnswerFields,
    {
        count_errors(metrics, self.key, &response);
        let mut pause = Duration::ZERO;
        if let Some(told) = response.throttle_time_ms() {
            let own = Duration::from_millis(u64::try_from(*told).unwrap_or(0));
            pause = self.charge.settle(metrics, self.clock, own);
            *told = throttle_time_ms(pause);
        }
        let frame = encode_response(self.correlation_id, self.version, &response)?;
        Ok(Answered::new(vec![frame], pause))
    }
}

impl<R: Encodable + HeaderVersion + AnswerFields + 'static> Outcome for Answer<R> {
    fn into_pending(self, mut form: Form, metrics: &Arc<Metrics>) -> Result<Pending, Closed> {
        Ok(match self {
            Self::Now(response) => Pending::Ready(form.finish(metrics, response)?),
            Self::Last(response, until) => {
                Pending::Delayed { answered: form.finish(metrics, response)?, until }
            }
            Self::Later(join) => {
                form.charge.pause(form.clock);
                let metrics = metrics.clone();
                Pending::Joined(Box::pin(async move { form.finish(&metrics, join.await) }))
            }
        })
    }
}

impl Outcome for Pending {
    fn into_pending(self, _: Form, _: &Arc<Metrics>) -> Result<Pending, Closed> {
        Ok(self)
    }
}

impl<O: Outcome> Outcome for Result<O, Closed> {
    fn into_pending(self, form: Form, metrics: &Arc<Metrics>) -> Result<Pending, Closed> {
        self?.into_pending(form, metrics)
    }
}
