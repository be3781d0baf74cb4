//! What a request is given, and what it gives back.

use super::error_codes::{ErrorCodes, count_errors};
use super::{Broker, Session, fetch, produce};
use crate::types::{Metrics, MonoTime, Now};
use crate::wire::{EncodeError, encode_response};
use bytes::Bytes;
use kafka_protocol::protocol::{Encodable, HeaderVersion};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// A whole answer, its size at the front; large parts are linked, not copied.
pub type Frame = Vec<Bytes>;

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
}

impl Ask<'_> {
    /// Host and port of this broker as the client of this connection reaches it.
    pub(crate) fn advertised(&self) -> (String, i32) {
        self.session.advertised()
    }

    /// The client's address, without a port.
    pub(crate) fn client_host(&self) -> String {
        self.session.client_host()
    }
}

/// What a handler gives back: an answer, or one that is joined from actors' answers later.
pub(crate) enum Answer<R> {
    /// At once.
    Now(R),
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
    /// The answer, or nothing where the client wants none.
    Ready(Option<Frame>),
    /// A produce request whose batches are with their partitions.
    Produce(Box<produce::Pending>),
    /// A fetch that waits for data or for a reader thread.
    Fetch(Box<fetch::Pending>),
    /// Any other, rare enough for a boxed future.
    Joined(Pin<Box<dyn Future<Output = Result<Bytes, EncodeError>>>>),
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Produce(_) => "Produce",
            Self::Fetch(_) => "Fetch",
            Self::Joined(_) => "Joined",
        })
    }
}

/// What polling a request gives: an answer (or nothing to send), or a reason to close.
pub type Polled = Poll<Result<Option<Frame>, Closed>>;

impl Pending {
    /// When the request wants to be polled at the latest, woken or not.
    #[must_use]
    pub fn deadline(&self) -> Option<MonoTime> {
        match self {
            Self::Produce(pending) => Some(pending.deadline()),
            Self::Fetch(pending) => pending.deadline(),
            Self::Ready(_) | Self::Joined(_) => None,
        }
    }

    /// Looks whether the answer is there.
    pub fn poll(&mut self, broker: &Broker, session: &mut Session, cx: &mut Context<'_>) -> Polled {
        match self {
            Self::Ready(frame) => Poll::Ready(Ok(frame.take())),
            Self::Produce(pending) => pending.poll(broker, cx),
            Self::Fetch(pending) => pending.poll(broker, session, cx),
            Self::Joined(join) => {
                join.as_mut().poll(cx).map(|frame| Ok(frame.map(|bytes| Some(vec![bytes]))?))
            }
        }
    }
}

/// What handlers may return.
pub(super) trait Outcome {
    fn into_pending(self, form: Form<'_>) -> Result<Pending, Closed>;
}

/// How an answer is encoded, and where its errors count.
#[derive(Clone, Copy)]
pub(super) struct Form<'a> {
    pub(super) metrics: &'a Arc<Metrics>,
    pub(super) key: i16,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
}

impl<R: Encodable + HeaderVersion + ErrorCodes + 'static> Outcome for Answer<R> {
    fn into_pending(self, form: Form<'_>) -> Result<Pending, Closed> {
        let Form { key, version, correlation_id, .. } = form;
        Ok(match self {
            Self::Now(response) => {
                count_errors(form.metrics, key, &response);
                let frame = encode_response(correlation_id, version, &response)?;
                Pending::Ready(Some(vec![frame]))
            }
            Self::Later(join) => {
                let metrics = form.metrics.clone();
                Pending::Joined(Box::pin(async move {
                    let response = join.await;
                    count_errors(&metrics, key, &response);
                    encode_response(correlation_id, version, &response)
                }))
            }
        })
    }
}

impl Outcome for Pending {
    fn into_pending(self, _: Form<'_>) -> Result<Pending, Closed> {
        Ok(self)
    }
}

impl<O: Outcome> Outcome for Result<O, Closed> {
    fn into_pending(self, form: Form<'_>) -> Result<Pending, Closed> {
        self?.into_pending(form)
    }
}
