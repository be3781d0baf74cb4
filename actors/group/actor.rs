//! One group's mailbox: asks the machine, appends its records, and withholds every answer until
//! they are committed.

use super::batch::batch;
use super::directory::Keeper;
use super::log::{AppendRefused, OffsetsLog};
use super::machine::{GroupMachine, Out, Parking};
use super::question::{Answered, Asked, Question};
use super::records::Record;
use super::request::{Join, SyncGroup};
use super::saved::Saved;
use super::{GroupError, GroupSettings, GroupState};
use crate::runtime::{Alarm, Clock, DrainedHook, OnDrained, Reply, Seldom, Share, Turn};
use crate::types::{Metrics, MonoTime, Now};
use actix::prelude::*;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use tokio::sync::oneshot;

/// What this shell parks in its machine.
#[derive(Debug)]
pub(super) struct Replies;

impl Parking for Replies {
    type Join = Reply<Answered<Join>>;
    type Sync = Reply<Answered<SyncGroup>>;
}

/// A question, and the way back to its asker.
pub(super) struct Ask<Q: Question> {
    pub(super) question: Q,
    pub(super) sent: MonoTime,
    pub(super) reply: Reply<Answered<Q>>,
}

impl<Q: Question> Message for Ask<Q> {
    type Result = ();
}

/// No more questions: answer when everything decided is committed.
pub(super) struct Close(pub(super) Reply<()>);

impl Message for Close {
    type Result = ();
}

/// An answer that waits for its records; given an error, it tells that instead.
type Held = Box<dyn FnOnce(Option<GroupError>) + Send>;

/// A batch that the log has, and what hangs on it.
struct InFlight {
    done: oneshot::Receiver<Result<(), AppendRefused>>,
    /// Takes the records back, replayed last first.
    undo: Vec<Record>,
    /// The first so many of its records write over what an earlier batch may have left.
    owed: usize,
    held: Vec<Held>,
}

/// What a group's actor is made of.
pub(super) struct GroupStart {
    pub(super) group_id: Arc<str>,
    pub(super) settings: Arc<GroupSettings>,
    pub(super) saved: Saved,
    pub(super) log: Arc<dyn OffsetsLog>,
    pub(super) keeper: Keeper,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) share: Share,
    /// Records that the log refused, of all groups.
    pub(super) refusals: Arc<Seldom>,
}

/// The shell around one [`GroupMachine`].
pub(super) struct GroupActor {
    group_id: Arc<str>,
    machine: GroupMachine<Replies>,
    log: Arc<dyn OffsetsLog>,
    keeper: Keeper,
    clock: Clock,
    metrics: Arc<Metrics>,
    share: Share,
    refusals: Arc<Seldom>,
    /// Appended and not committed yet, oldest first. Its bound is the clients' open requests.
    in_flight: VecDeque<InFlight>,
    /// What the log may hold otherwise: written with the next batch, so that it holds this.
    owed: Vec<Record>,
    /// The generation last logged.
    told_generation: i32,
    /// Questions taken, to be compared with those sent before the group may end.
    taken: u64,
    closing: Option<Reply<()>>,
    turn: Turn,
    alarm: Alarm,
}

impl GroupActor {
    pub(super) fn new(start: GroupStart) -> Self {
        let GroupStart { group_id, settings, saved, log, keeper, clock, .. } = start;
        let machine = GroupMachine::new(settings, saved, clock.now());
        Self {
            group_id,
            told_generation: machine.generation_id(),
            machine,
            log,
            keeper,
            clock,
            metrics: start.metrics,
            share: start.share,
            refusals: start.refusals,
            in_flight: VecDeque::new(),
            owed: Vec::new(),
            taken: 0,
            closing: None,
            turn: Turn::default(),
            alarm: Alarm::default(),
        }
    }

    /// Appends first, replays second, and withholds third.
    fn carry_out(&mut self, now: Now, out: Out<Replies>) {
        self.tell_operators();
        let Out { records: decided, joins, syncs } = out;
        if let Some(reason) = self.machine.take_rebalance() {
            self.metrics.rebalances.of(reason).one();
        }
        if !decided.is_empty() {
            let mut records = std::mem::take(&mut self.owed);
            let owed = records.len();
            records.extend(decided);
            let (reply, done) = Reply::new();
            self.log.append(batch(&self.group_id, &records, now.wall), reply);
            let mut undo = Vec::with_capacity(records.len());
            for record in &records {
                undo.push(self.machine.inverse(record));
                self.machine.replay(record);
            }
            self.in_flight.push_back(InFlight { done, undo, owed, held: Vec::new() });
        }
        for (reply, answer) in joins {
            self.withhold(reply, answer);
        }
        for (reply, answer) in syncs {
            self.withhold(reply, answer);
        }
    }

    /// A group that came to rest in another generation is what an operator looks for.
    fn tell_operators(&mut self) {
        let rested = matches!(self.machine.state(), GroupState::Stable | GroupState::Empty);
        let generation = self.machine.generation_id();
        if rested && generation != self.told_generation {
            self.told_generation = generation;
            let (group, state) = (&*self.group_id, self.machine.state().name());
            log::info!(group, generation, state; "group rebalanced");
        }
    }

    /// Answers once everything that the answer may rest on is committed. Reads wait as well: what
    /// they saw may not be committed yet.
    fn withhold<T: Send + 'static>(
        &mut self,
        reply: Reply<Result<T, GroupError>>,
        answer: Result<T, GroupError>,
    ) {
        match self.in_flight.back_mut() {
            Some(last) => last.held.push(Box::new(|error| reply.send(error.map_or(answer, Err)))),
            None => reply.send(answer),
        }
    }

    /// Looks how far the log has come. Returns whether it refused, which makes a new state.
    fn poll_log(&mut self, cx: &mut Cx<'_>) -> bool {
        while let Some(first) = self.in_flight.front_mut() {
            let Poll::Ready(outcome) = Pin::new(&mut first.done).poll(cx) else { break };
            match outcome {
                Ok(Ok(())) => {
                    let first = self.in_flight.pop_front();
                    let held = first.into_iter().flat_map(|first| first.held);
                    held.for_each(|held| held(None));
                }
                Ok(Err(refused)) => {
                    if let Some(untold) = self.refusals.happened(self.clock.mono()) {
                        let name = &*self.group_id;
                        log::warn!(
                            group = name, reason:? = refused, others_before = untold;
                            "log refused a group's records"
                        );
                    }
                    self.take_back(&refused.for_clients(), refused == AppendRefused::TooLarge);
                    return true;
                }
                Err(_) => {
                    self.take_back(&GroupError::NotAvailable, false);
                    return true;
                }
            }
        }
        false
    }

    /// Lets happen what is due.
    fn poll_time(&mut self, cx: &mut Cx<'_>) {
        while self.alarm.is_due(self.machine.deadline(), self.clock, cx) {
            let now = self.clock.now();
            let mut out = Out::default();
            self.machine.tick(now, &mut out);
            self.carry_out(now, out);
        }
    }

    /// The oldest batch was refused, or it is unclear what became of it. What came after it rests
    /// on it, so all of it is taken back, and the group goes on as its log had it before. Of those
    /// batches some may be in the log yet: what they changed is written anew. One that was
    /// too large is not there for certain, and writing it over might be too large again.
    fn take_back(&mut self, error: &GroupError, is_too_large: bool) {
        self.fail_held(error);
        while let Some(last) = self.in_flight.pop_back() {
            let is_absent = is_too_large && self.in_flight.is_empty();
            for (at, record) in last.undo.into_iter().enumerate().rev() {
                self.machine.replay(&record);
                let before = self.owed.len();
                self.owed.retain(|owed| !owed.has_key_of(&record));
                if !is_absent || at < last.owed || self.owed.len() < before {
                    self.owed.push(record);
                }
            }
        }
        self.reload(error);
    }

    fn fail_held(&mut self, error: &GroupError) {
        for batch in &mut self.in_flight {
            batch.held.drain(..).for_each(|held| held(Some(error.clone())));
        }
    }

    /// Starts from hard state as a new coordinator would.
    fn reload(&mut self, error: &GroupError) {
        let mut out = Out::default();
        self.machine.reload(self.clock.now(), error, &mut out);
        out.joins.into_iter().for_each(|(reply, answer)| reply.send(answer));
        out.syncs.into_iter().for_each(|(reply, answer)| reply.send(answer));
    }

    /// Whether the group can end: it is gone, or is to close, and nothing is open.
    fn has_ended(&mut self) -> bool {
        if !self.in_flight.is_empty() {
            return false;
        }
        if let Some(closed) = self.closing.take() {
            self.reload(&GroupError::NotCoordinator);
            closed.send(());
            return true;
        }
        self.taken > 0 && self.machine.is_gone() && self.keeper.retire(&self.group_id, self.taken)
    }
}

impl Actor for GroupActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(DrainedHook);
    }
}

impl Supervised for GroupActor {
    /// After a panic. Hard state is changed by `replay` alone, so what a decision left is whole.
    fn restarting(&mut self, _: &mut Self::Context) {
        self.turn.reset();
        self.reload(&GroupError::NotAvailable);
    }
}

impl<Q: Question> Handler<Ask<Q>> for GroupActor {
    type Result = ();

    fn handle(&mut self, ask: Ask<Q>, ctx: &mut Self::Context) {
        self.turn.tick(ctx);
        self.taken += 1;
        let Ask { question, sent, reply } = ask;
        if self.closing.is_some() {
            reply.send(Err(GroupError::NotCoordinator));
            return;
        }
        let now = self.clock.now();
        self.metrics.group_mailbox.record_time(now.mono.since(sent));
        let mut out = Out::default();
        let (group_id, machine) = (&*self.group_id, &mut self.machine);
        let answered = question.put(Asked { group_id, machine, now, reply, out: &mut out });
        self.carry_out(now, out);
        if let Some((reply, answer)) = answered {
            self.withhold(reply, answer);
        }
    }
}

impl Handler<Close> for GroupActor {
    type Result = ();

    fn handle(&mut self, Close(reply): Close, _: &mut Self::Context) {
        self.closing = Some(reply);
    }
}

impl OnDrained for GroupActor {
    fn drained(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>) {
        self.turn.reset();
        // What is due may append, and a refusal makes other things due; it leaves nothing open.
        self.poll_time(cx);
        while self.poll_log(cx) {
            self.poll_time(cx);
        }
        self.share.set(self.machine.kept_bytes());
        if self.has_ended() {
            ctx.stop();
        }
    }
}
