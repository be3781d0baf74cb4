//! What a request costs its client's quotas, and how long the client has to pause for it.
//!
//! A pause is told in the answer, which is sent at once; the connection then reads nothing before it
//! is over (KIP-219). Bytes are counted when the answer is made, and so is the time that threads
//! spent on the request (KIP-124): from its frame to the encoded answer, waiting left out. What
//! partitions and coordinators do for it is not counted.

use super::{Broker, Session};
use crate::quota::MeteredBy;
use crate::runtime::Clock;
use crate::types::{Metrics, MonoTime, ThrottleReason};
use kafka_protocol::messages::ApiKey;
use std::time::Duration;

/// The longest pause that an answer can tell of.
const PAUSE_MAX: Duration = Duration::from_millis(i32::MAX as u64);

const PRODUCE: i16 = ApiKey::Produce as i16;
const FETCH: i16 = ApiKey::Fetch as i16;

/// A request's account; empty for a client without quotas.
#[derive(Debug, Default)]
pub(crate) struct Charge(Option<Box<Account>>);

#[derive(Debug)]
struct Account {
    /// For the bytes of a produce request, or of a fetch answer.
    bytes: Option<MeteredBy>,
    /// For the time of threads.
    time: Option<MeteredBy>,
    request_bytes: usize,
    spent: Duration,
    /// Since when a thread has been at it.
    since: Option<MonoTime>,
}

impl Charge {
    /// Begins to count for a request with a body of so many bytes.
    pub(super) fn begin(
        broker: &Broker,
        session: &mut Session,
        client_id: &str,
        api_key: i16,
        request_bytes: usize,
    ) -> Self {
        if !broker.quotas.has_clients() {
            return Self::default();
        }
        let now = broker.clock.mono();
        let mut known = std::mem::take(&mut session.quotas);
        broker.quotas.refresh(&mut known, session.principal().name(), client_id, now);
        let bytes = match api_key {
            PRODUCE => known.produce.clone(),
            FETCH => known.fetch.clone(),
            _ => None,
        };
        let time = known.request.clone();
        session.quotas = known;
        if bytes.is_none() && time.is_none() {
            return Self::default();
        }
        let (spent, since) = (Duration::ZERO, Some(now));
        Self(Some(Box::new(Account { bytes, time, request_bytes, spent, since })))
    }

    /// Whether there is anything to count.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A thread goes on with the request.
    pub(super) fn resume(&mut self, clock: Clock) {
        if let Some(account) = &mut self.0 {
            account.since = Some(clock.mono());
        }
    }

    /// The request waits.
    pub(super) fn pause(&mut self, clock: Clock) {
        if let Some(account) = &mut self.0
            && let Some(since) = account.since.take()
        {
            account.spent += clock.mono().since(since);
        }
    }

    /// Bytes that an answer may have without a pause that could never be kept.
    pub(super) fn bytes_max(&self) -> usize {
        let bytes = self.0.as_ref().and_then(|account| account.bytes.as_ref());
        bytes.map_or(usize::MAX, |metered| whole(metered.most_at_once()))
    }

    /// Settles any request but produce and fetch; `own` is a pause that it has earned elsewhere.
    pub(super) fn settle(&self, metrics: &Metrics, clock: Clock, own: Duration) -> Duration {
        let time = self.0.as_ref().map_or(Duration::ZERO, |account| account.time(clock.mono()));
        told(metrics, (own, ThrottleReason::ControllerMutation), time)
    }

    /// Settles a produce request; where nobody reads an answer, its time is not counted.
    pub(super) fn settle_produce(&self, broker: &Broker, is_answered: bool) -> Duration {
        let Some(account) = &self.0 else { return Duration::ZERO };
        let now = broker.clock.mono();
        let bytes = account.bytes(account.request_bytes, now);
        let time = if is_answered { account.time(now) } else { Duration::ZERO };
        told(broker.metrics(), (bytes, ThrottleReason::Produce), time)
    }

    /// Settles a fetch whose answer would have so many bytes. If there is a pause the answer is to
    /// be empty, so that its bytes do not count.
    pub(super) fn settle_fetch(&self, broker: &Broker, answer_bytes: usize) -> Duration {
        let Some(account) = &self.0 else { return Duration::ZERO };
        let now = broker.clock.mono();
        let bytes = account.bytes(answer_bytes, now);
        let pause = told(broker.metrics(), (bytes, ThrottleReason::Fetch), account.time(now));
        if let (Some(metered), false) = (&account.bytes, pause.is_zero()) {
            metered.take_back(float(answer_bytes), now);
        }
        pause
    }
}

impl Account {
    fn bytes(&self, count: usize, now: MonoTime) -> Duration {
        self.bytes.as_ref().map_or(Duration::ZERO, |metered| metered.record(float(count), now))
    }

    /// A pause for the time of threads is never longer than a window.
    fn time(&self, now: MonoTime) -> Duration {
        let Some(metered) = &self.time else { return Duration::ZERO };
        let spent = self.spent + self.since.map_or(Duration::ZERO, |since| now.since(since));
        metered.record(spent.as_secs_f64() * 100.0, now).min(metered.windows().size)
    }
}

/// The longer of two pauses, counted under its reason.
fn told(metrics: &Metrics, other: (Duration, ThrottleReason), time: Duration) -> Duration {
    let (pause, reason) = if other.0 > time { other } else { (time, ThrottleReason::Request) };
    let pause = pause.min(PAUSE_MAX);
    if !pause.is_zero() {
        metrics.quota.record(reason, pause);
    }
    pause
}

/// As an answer tells it.
pub(super) fn throttle_time_ms(pause: Duration) -> i32 {
    i32::try_from(pause.as_millis()).unwrap_or(i32::MAX)
}

/// No frame is larger than the largest of these.
fn float(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}

/// Whole bytes, as far as a frame can go.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the range of u32, where a float is exact"
)]
fn whole(bytes: f64) -> usize {
    let bytes = bytes.clamp(0.0, f64::from(u32::MAX)) as u32;
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
