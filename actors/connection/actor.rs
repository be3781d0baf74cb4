//! The connection actor: reads, starts requests, answers in order.

use super::blocked::Blocked;
use super::closings::Closings;
use super::inbound::{Ahead, FrameError, Inbound, Incoming};
use super::lane::{self, Pace, Returned};
use super::memory::{RequestMemory, Room};
use super::mute::Mute;
use super::outbound::Outbound;
use super::patience::Patience;
use crate::dispatch::{
    self, Answered, Broker, Closed, Frames, Kind, Pending, Polled, Session, Via, key_of, kind_of,
};
use crate::runtime::{Alarm, DrainedHook, OnDrained, Reply};
use crate::types::{ApiMetrics, BlockReason, CloseReason, MonoTime};
use crate::wire::Hold;
use actix::prelude::*;
use actix_rt::ArbiterHandle;
use bytes::Bytes;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;

/// Requests of one connection that may be open at once; past it we stop reading its socket.
const OPEN_REQUESTS_MAX: usize = 256;
/// Bytes of the open requests of one connection; past it we stop reading its socket. Some
/// milliseconds of what a disk takes: more would only wait in memory, and be waited for.
const OPEN_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Unsent bytes of one connection; past it we stop reading its socket. One answer may be larger.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;
/// Rounds of answering, starting and reading in one turn; then the neighbours run.
const ROUNDS_MAX: usize = 16;
/// Time of one turn, looked at behind each request.
const TURN_TIME_MAX: Duration = Duration::from_micros(200);

/// Limits of a connection.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
    /// `connections.max.idle.ms`; `None` never closes an idle connection.
    pub idle_max: Option<Duration>,
    /// What the frames of all connections may take.
    pub memory: RequestMemory,
    /// `ottla.request.receive.timeout.ms`.
    pub receive_max: Duration,
    /// Where connections that are ended are told of.
    pub closings: Arc<Closings>,
    /// Where requests are worked on that take long.
    pub lane: ArbiterHandle,
}

/// Take no more requests; answer when those that are open are answered and sent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain(pub Reply<()>);

/// A request that is open.
struct Slot {
    key: i16,
    begun: MonoTime,
    work: Work,
    /// The longest that this thread, or the lane's, worked on it without a pause.
    took: Duration,
    bytes: usize,
    /// Held as long as the request may use its frame.
    _room: Room,
}

enum Work {
    Open(Pending),
    /// On the side lane, its session as well.
    Away(oneshot::Receiver<Returned>),
    /// Close the connection once everything before is answered.
    Close,
}

/// One client connection.
pub struct ConnectionActor<S> {
    socket: S,
    broker: Arc<Broker>,
    /// While a request is on the side lane, one that only knows who the client is.
    session: Session,
    pace: Pace,
    limits: ConnectionLimits,
    inbound: Inbound,
    outbound: Outbound,
    /// In the order of the requests; only the front is polled.
    slots: VecDeque<Slot>,
    /// Bytes of the frames of `slots`.
    open_bytes: usize,
    /// Something that cannot be served came in: read no more, close when all is sent.
    is_closing: bool,
    draining: Option<Reply<()>>,
    last_active: MonoTime,
    mute: Mute,
    patience: Patience,
    alarm: Alarm,
    blocked: Blocked,
    /// Dropped with the connection, so that whoever counts connections hears of its end.
    _guard: Box<dyn Any>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> ConnectionActor<S> {
    /// A connection of a client at `peer` to `local`.
    #[must_use]
    pub fn new(
        socket: S,
        broker: Arc<Broker>,
        limits: ConnectionLimits,
        via: Via,
        (local, peer): (SocketAddr, SocketAddr),
        guard: Box<dyn Any>,
    ) -> Self {
        let session = Session::new(via, local, peer, &broker.settings);
        let mut inbound = Inbound::new(limits.memory.clone(), limits.frame_bytes_max);
        inbound.expect(session.frames());
        let last_active = broker.clock.mono();
        let outbound = Outbound::new(broker.answers.share());
        let blocked = Blocked::new(broker.metrics().clone(), broker.clock);
        Self {
            socket,
            broker,
            session,
            pace: Pace::default(),
            limits,
            inbound,
            outbound,
            slots: VecDeque::new(),
            open_bytes: 0,
            is_closing: false,
            draining: None,
            last_active,
            mute: Mute::default(),
            patience: Patience::default(),
            alarm: Alarm::default(),
            blocked,
            _guard: guard,
        }
    }

    /// Does all that can be done now. Ready when the connection is over.
    fn drive(&mut self, cx: &mut Cx<'_>) -> Poll<()> {
        self.mute.end(self.broker.clock);
        let turn_ends = self.broker.clock.mono().after(TURN_TIME_MAX);
        for _ in 0..ROUNDS_MAX {
            self.answer(cx);
            let is_over = self.start_until(turn_ends);
            // A request that was ready at once is answered in this round.
            self.answer(cx);
            match self.outbound.poll_write(&mut self.socket, cx) {
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            let is_done = self.slots.is_empty() && self.outbound.bytes() == 0;
            if self.is_closing || self.draining.is_some() {
                self.inbound.give_way();
                return if is_done { Poll::Ready(()) } else { Poll::Pending };
            }
            if is_over {
                break;
            }
            if self.inbound.peek().is_some() {
                // It waits for its turn: for the requests before it, or for room to answer.
                if self.may_start() {
                    continue;
                }
                self.inbound.give_way();
                return Poll::Pending;
            }
            if self.is_full() {
                self.inbound.give_way();
                return Poll::Pending;
            }
            let ahead = self.ahead();
            match self.inbound.poll_read(&mut self.socket, ahead, cx) {
                Poll::Ready(Ok(())) => {
                    self.last_active = self.broker.clock.mono();
                    if self.last_active >= turn_ends {
                        break;
                    }
                }
                Poll::Ready(Err(error)) => {
                    if matches!(error, FrameError::Gone(_)) {
                        log::debug!(client:% = self.session.client(), reason:% = error; "connection lost");
                        return Poll::Ready(());
                    }
                    self.note(CloseReason::Frame, &error);
                    // What came before the bad frame is still answered.
                    self.is_closing = true;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        self.again(cx)
    }

    fn again(&self, cx: &Cx<'_>) -> Poll<()> {
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sends what the oldest requests have ready.
    fn answer(&mut self, cx: &mut Cx<'_>) {
        while let Some(polled) = self.poll_front(cx) {
            match polled {
                Poll::Ready(Ok(Answered { frame, pause })) => {
                    let Some(slot) = self.slots.pop_front() else { return };
                    let Slot { key, begun, bytes, took, .. } = slot;
                    self.open_bytes -= bytes;
                    self.pace.took(key, took);
                    let unsent = self.outbound.bytes();
                    if let Some(frame) = frame {
                        self.outbound.push(frame);
                    }
                    if let Some(api) = self.broker.metrics().api(key) {
                        api.sent_bytes.add_bytes(self.outbound.bytes() - unsent);
                        api.duration.record_time(self.broker.clock.mono().since(begun));
                        api.ended.one();
                    }
                    self.mute.begin(pause, self.broker.clock);
                    if let Some(why) = self.session.refusal() {
                        self.note(CloseReason::Authentication, &why);
                        self.is_closing = true;
                        return self.give_up();
                    }
                }
                Poll::Ready(Err(closed)) => {
                    if let Some(front) = self.slots.front_mut() {
                        front.work = Work::Close;
                    }
                    self.note(CloseReason::Request, &closed.0);
                }
                Poll::Pending => return,
            }
        }
    }

    /// Looks for the oldest request's answer; none if there is no request, or no more answers.
    fn poll_front(&mut self, cx: &mut Cx<'_>) -> Option<Polled> {
        let front = self.slots.front_mut()?;
        match &mut front.work {
            Work::Open(pending) => {
                let begun = self.broker.clock.mono();
                let polled = pending.poll(&self.broker, &mut self.session, cx);
                front.took = front.took.max(self.broker.clock.mono().since(begun));
                Some(polled)
            }
            Work::Away(returned) => Some(Pin::new(returned).poll(cx).map(|returned| {
                // Without an answer it panicked there.
                let gone = |_| Closed(String::from("its request was given up"));
                let Returned { session, answer, took } = returned.map_err(gone)?;
                self.session = session;
                self.inbound.expect(self.session.frames());
                front.took = took;
                answer
            })),
            Work::Close => {
                self.is_closing = true;
                self.give_up();
                None
            }
        }
    }

    fn is_full(&self) -> bool {
        self.full().is_some()
    }

    fn full(&self) -> Option<BlockReason> {
        if self.outbound.bytes() > UNSENT_BYTES_MAX || self.outbound.is_burden() {
            Some(BlockReason::Answers)
        } else if self.slots.len() >= OPEN_REQUESTS_MAX || self.open_bytes > OPEN_BYTES_MAX {
            Some(BlockReason::Requests)
        } else if self.mute.until().is_some() && !self.inbound.is_begun() {
            Some(BlockReason::Quota)
        } else {
            None
        }
    }

    /// The limit that keeps the socket from being read.
    fn block_reason(&self) -> Option<BlockReason> {
        if self.is_closing || self.draining.is_some() {
            return None;
        }
        self.full().or_else(|| self.inbound.waits_for_memory().then_some(BlockReason::Memory))
    }

    /// What is open.
    fn open(&self) -> Ahead {
        self.slots.back().map_or(Ahead::Nothing, |last| Ahead::of(kind_of(last.key)))
    }

    /// What a frame that begins now will find before it. A pause is as long as a quota wants it: what
    /// others may want is not taken for it, only what was begun goes on.
    fn ahead(&self) -> Ahead {
        if self.mute.until().is_some() { Ahead::Other } else { self.open() }
    }

    /// Whether the next frame may start behind what is open.
    fn may_start(&self) -> bool {
        let Some(next) = self.inbound.peek() else { return false };
        let key = key_of(&self.session, &next.frame);
        self.open().lets(kind_of(key))
            && !self.is_full()
            && !self.is_closing
            && self.draining.is_none()
    }

    fn startable(&mut self) -> Option<Incoming> {
        if self.may_start() { self.inbound.pop() } else { None }
    }

    /// Starts what may start; whether the turn has had its time.
    fn start_until(&mut self, turn_ends: MonoTime) -> bool {
        while let Some(incoming) = self.startable() {
            if self.start(incoming) >= turn_ends {
                return true;
            }
        }
        false
    }

    /// Starts a request; when that was done.
    fn start(&mut self, Incoming { frame, room }: Incoming) -> MonoTime {
        let key = key_of(&self.session, &frame);
        let begun = self.broker.clock.mono();
        if let Some(api) = self.broker.metrics().api(key) {
            count_request(api, &frame);
        }
        let bytes = frame.len();
        self.open_bytes += bytes;
        // Produce requests overlap, and what they take is the journal's.
        let is_long = kind_of(key) == Kind::Alone
            // Who is not known yet shall not keep the lane from those who are.
            && self.session.frames() == Frames::Requests
            && (self.pace.is_long(key, bytes)
                || dispatch::is_broad(&self.broker, &self.session, &frame));
        let work = if is_long {
            if let Some(api) = self.broker.metrics().api(key) {
                api.on_lane.one();
            }
            let known = self.session.without_state();
            let session = std::mem::replace(&mut self.session, known);
            let errand = (session, frame, room.hold());
            Work::Away(lane::send(&self.limits.lane, self.broker.clone(), errand))
        } else {
            self.work_on(frame, room.hold())
        };
        // What it was decides what may follow.
        self.inbound.expect(self.session.frames());
        let started = self.broker.clock.mono();
        let took = started.since(begun);
        self.slots.push_back(Slot { key, begun, work, took, bytes, _room: room });
        started
    }

    fn work_on(&mut self, frame: Bytes, hold: Hold) -> Work {
        match dispatch::start(&self.broker, &mut self.session, frame, hold) {
            Ok(pending) => Work::Open(pending),
            Err(closed) => {
                self.note(CloseReason::Request, &closed.0);
                Work::Close
            }
        }
    }

    /// The next moment at which something happens without being asked.
    fn deadline(&self) -> Option<MonoTime> {
        let received = self.patience.ends(self.limits.receive_max);
        [received, self.mute.until(), self.answer_deadline()].into_iter().flatten().min()
    }

    fn note(&self, reason: CloseReason, why: &dyn fmt::Display) {
        self.limits.closings.note(reason, &self.session.client(), why);
    }

    fn is_idle(&self) -> bool {
        let idle = self.broker.clock.mono().since(self.last_active);
        self.limits.idle_max.is_some_and(|idle_max| idle >= idle_max)
    }

    fn answer_deadline(&self) -> Option<MonoTime> {
        match self.slots.front() {
            Some(Slot { work: Work::Open(pending), .. }) => pending.deadline(),
            Some(Slot { work: Work::Away(_) | Work::Close, .. }) => None,
            None => self.limits.idle_max.map(|idle_max| self.last_active.after(idle_max)),
        }
    }
}

/// Counts a frame, its size field included.
fn count_request(api: &ApiMetrics, frame: &[u8]) {
    api.requests.one();
    api.received_bytes.add_bytes(frame.len() + size_of::<i32>());
}

impl<S> ConnectionActor<S> {
    /// Forgets requests that nobody will answer.
    fn give_up(&mut self) {
        for slot in self.slots.drain(..) {
            if let Some(api) = self.broker.metrics().api(slot.key) {
                api.ended.one();
            }
        }
    }
}

impl<S> Drop for ConnectionActor<S> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Actor for ConnectionActor<S> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(DrainedHook);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Supervised for ConnectionActor<S> {
    /// A connection that panicked is closed: nobody knows what of its stream was used.
    fn restarting(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Handler<Drain> for ConnectionActor<S> {
    type Result = ();

    fn handle(&mut self, Drain(reply): Drain, _: &mut Context<Self>) {
        self.draining = Some(reply);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> OnDrained for ConnectionActor<S> {
    fn drained(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>) {
        loop {
            let is_over = self.drive(cx).is_ready();
            self.blocked.set(self.block_reason());
            let now = self.broker.clock.mono();
            self.patience.watch(self.inbound.holding(), now);
            if is_over {
                if let Some(reply) = self.draining.take() {
                    reply.send(());
                }
                return ctx.stop();
            }
            if !self.alarm.is_due(self.deadline(), self.broker.clock, cx) {
                return;
            }
            let is_wanted = self.limits.memory.is_wanted();
            let now = self.broker.clock.mono();
            if self.patience.is_over(self.limits.receive_max, now, is_wanted) {
                self.note(
                    CloseReason::Slow,
                    &"its request comes slowly while others wait for memory",
                );
                return ctx.stop();
            }
            if self.slots.is_empty() && self.is_idle() {
                self.note(CloseReason::Idle, &"idle");
                return ctx.stop();
            }
        }
    }
}

impl<S> fmt::Debug for ConnectionActor<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionActor").field("session", &self.session).finish_non_exhaustive()
    }
}
