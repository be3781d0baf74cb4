//! The partition's mailbox: turns messages into inputs, and effects into appends and answers.

use super::machine::{Effect, Input, Origin, PartitionMachine, PartitionSettings};
use super::{
    ActiveProducer, Appended, FetchWait, PartitionStart, PartitionView, ProduceError, ProducerTable,
};
use crate::machine::Machine;
use crate::runtime::{Alarm, Clock, DrainedHook, OnDrained, Reply, Turn};
use crate::storage::{AppendError, Log, LogListener, LogNews, Storage};
use crate::types::{MonoTime, Offset};
use crate::wire::{CheckedBatch, Hold, StampedBatch};
use actix::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Context as Cx;

/// Groups with the journal at a time while another, still small, keeps gathering: when a commit
/// is nearly free, groups of four or five batches would waste most of it.
const GROUPS_IN_FLIGHT: usize = 2;
/// From this many bytes on a group goes to the journal whatever is in flight.
const GROUP_BYTES: usize = 64 * 1024;
/// A checked batch for the log, and the way back to its sender.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Produce {
    /// The batch.
    pub batch: CheckedBatch,
    /// Counts its memory.
    pub hold: Option<Hold>,
    /// Who sends it.
    pub origin: Origin,
    /// When it was sent.
    pub sent: MonoTime,
    /// Whom to tell.
    pub reply: Reply<Result<Appended, ProduceError>>,
}

/// A fetch that found too little, and waits for more than `seen_bytes`.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct WaitForData {
    /// [`PartitionView::committed_bytes`] before the fetch looked.
    pub seen_bytes: u64,
    /// Whom to wake.
    pub wait: Arc<FetchWait>,
}

/// Whom of its producers the partition remembers.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DescribeProducers(pub Reply<Result<Vec<ActiveProducer>, ProduceError>>);

/// No more batches: answer when everything accepted is committed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Close(pub Reply<()>);

/// What the journal thread reports.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct News(LogNews);

/// Producer state was read from the log again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Reloaded(Option<ProducerTable>);

/// Hands the journal's news to the actor.
struct Listener(Recipient<News>);

impl LogListener for Listener {
    fn flushed(&self, news: LogNews) {
        self.0.do_send(News(news));
    }
}

/// What comes while state is read.
#[derive(Debug)]
enum Waiting {
    Produce(Produce),
    DescribeProducers(DescribeProducers),
}

#[derive(Debug)]
enum Mode {
    Running,
    /// Memory and log disagree: what comes waits until the journal is through and state was read.
    Reloading(VecDeque<Waiting>),
    /// The log cannot be read: nothing is taken before a restart of the process.
    Offline,
}

/// The shell around one [`PartitionMachine`].
pub struct PartitionActor {
    storage: Arc<Storage>,
    log: Log,
    view: Arc<PartitionView>,
    clock: Clock,
    settings: PartitionSettings,
    machine: PartitionMachine<Reply<Result<Appended, ProduceError>>>,
    mode: Mode,
    open: Vec<StampedBatch>,
    open_bytes: usize,
    /// Ends of groups that the journal has, with their bytes.
    in_flight: VecDeque<(Offset, u64)>,
    waiters: Vec<Arc<FetchWait>>,
    /// Committed in this turn and not yet told to the waiters.
    fresh_bytes: u64,
    closing: Option<Reply<()>>,
    effects: Vec<Effect<Reply<Result<Appended, ProduceError>>>>,
    me: Option<Addr<Self>>,
    turn: Turn,
    alarm: Alarm,
}

impl PartitionActor {
    /// Wraps a machine whose log is `log`.
    pub(super) fn new(start: PartitionStart, view: Arc<PartitionView>) -> Self {
        let PartitionStart { storage, log, settings, clock, .. } = start;
        // State is read from the log on a reader thread; batches wait for it.
        let producers = ProducerTable::default();
        let bounds = (log.log_start_offset(), log.log_end_offset());
        let machine = PartitionMachine::new(settings, view.leader_epoch(), bounds, producers);
        view.set_high_watermark(machine.high_watermark());
        Self {
            storage,
            log,
            view,
            clock,
            settings,
            machine,
            mode: Mode::Running,
            open: Vec::new(),
            open_bytes: 0,
            in_flight: VecDeque::new(),
            waiters: Vec::new(),
            fresh_bytes: 0,
            closing: None,
            effects: Vec::new(),
            me: None,
            turn: Turn::default(),
            alarm: Alarm::default(),
        }
    }

    fn drive(
        &mut self,
        input: Input<Reply<Result<Appended, ProduceError>>>,
        mut batch: Option<(&CheckedBatch, Option<Hold>)>,
    ) {
        let mut effects = std::mem::take(&mut self.effects);
        self.machine.handle(self.clock.now(), input, &mut effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Append { base } => self.gather(base, batch.take()),
                Effect::Answer { reply, result } => reply.send(result),
                Effect::HighWatermark(up_to) => self.view.set_high_watermark(up_to),
                Effect::Reload => self.reload(),
            }
        }
        // Handed back empty, so that the next input finds its room already allocated.
        self.effects = effects;
    }

    fn gather(&mut self, base: Offset, batch: Option<(&CheckedBatch, Option<Hold>)>) {
        let Some((batch, hold)) = batch else { return };
        let epoch = self.machine.leader_epoch();
        self.open_bytes += batch.header.size_bytes;
        let stamped = StampedBatch::new(batch.header, &batch.batch, base, epoch);
        self.open.push(stamped.holding(hold));
    }

    /// Hands the open group to the journal, unless it had better grow first.
    fn submit(&mut self) {
        let small = self.open_bytes < GROUP_BYTES && self.in_flight.len() >= GROUPS_IN_FLIGHT;
        if self.open.is_empty() || small {
            return;
        }
        let bytes = u64::try_from(std::mem::take(&mut self.open_bytes)).unwrap_or(u64::MAX);
        self.in_flight.push_back((self.machine.next_offset(), bytes));
        self.log.append(std::mem::take(&mut self.open));
    }

    fn committed(&mut self, up_to: Offset) {
        self.drive(Input::Flushed { up_to }, None);
        while let Some((_, bytes)) = self.in_flight.pop_front_if(|(end, _)| *end <= up_to) {
            self.view.add_committed(bytes);
            self.fresh_bytes += bytes;
        }
    }

    /// Forgets what is open and asks for the log's state behind everything already queued.
    fn reload(&mut self) {
        if matches!(self.mode, Mode::Running) {
            self.mode = Mode::Reloading(VecDeque::new());
            self.open.clear();
            self.open_bytes = 0;
            self.log.barrier(0);
        }
    }

    /// The journal is through with what it had: read producer state from the log, off this thread.
    fn read_again(&self) {
        let (log, me) = (self.log.clone(), self.me.clone());
        self.storage.readers().run(Box::new(move || {
            let producers = match log.recovered() {
                Ok(state) => Some(ProducerTable::restore(state.producers)),
                Err(error) => {
                    log::error!(log:% = log.id(), error:% = error; "cannot read the log again");
                    None
                }
            };
            if let Some(me) = me {
                me.do_send(Reloaded(producers));
            }
        }));
    }

    fn snapshot(&mut self) {
        // Only where memory and disk agree: behind the last commit, with nothing in flight.
        if self.in_flight.is_empty() && self.open.is_empty() {
            let at = self.machine.high_watermark();
            self.log.store_producers(at, self.machine.producers().snapshot());
        }
    }

    fn close_if_done(&mut self, ctx: &mut Context<Self>) {
        if !self.in_flight.is_empty() || !self.open.is_empty() {
            return;
        }
        if let Some(reply) = self.closing.take() {
            if matches!(self.mode, Mode::Running) {
                self.snapshot();
            }
            for waiter in self.waiters.drain(..) {
                waiter.complete();
            }
            reply.send(());
            ctx.stop();
        }
    }
}

impl Actor for PartitionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.me = Some(ctx.address());
        self.log.set_listener(Arc::new(Listener(ctx.address().recipient())));
        if self.log.offline().is_some() {
            self.mode = Mode::Offline;
        } else if self.log.log_end_offset() > Offset::ZERO && matches!(self.mode, Mode::Running) {
            self.reload();
        }
        ctx.spawn(DrainedHook);
    }
}

impl Supervised for PartitionActor {
    /// After a panic anything may be half done: open replies are dropped, their clients retry.
    /// What the journal has will still be written, so state is read behind it.
    fn restarting(&mut self, _: &mut Context<Self>) {
        let bounds = (self.log.log_start_offset(), self.log.log_end_offset());
        let epoch = self.view.leader_epoch();
        self.machine =
            PartitionMachine::new(self.settings, epoch, bounds, ProducerTable::default());
        self.waiters.clear();
        self.effects.clear();
        self.mode = Mode::Running;
        self.reload();
    }
}

impl Handler<Produce> for PartitionActor {
    type Result = ();

    fn handle(&mut self, produce: Produce, ctx: &mut Context<Self>) {
        self.turn.tick(ctx);
        if self.closing.is_some() {
            return produce.reply.send(Err(ProduceError::NotLeader));
        }
        match &mut self.mode {
            Mode::Running => {}
            Mode::Reloading(stash) => return stash.push_back(Waiting::Produce(produce)),
            Mode::Offline => return produce.reply.send(Err(ProduceError::Storage)),
        }
        let log_start = self.log.log_start_offset();
        self.drive(Input::LogStart(log_start), None);
        let Produce { batch, hold, origin, sent, reply } = produce;
        self.storage.metrics().partition_mailbox.record_time(self.clock.mono().since(sent));
        let (header, log_append_time) = (batch.header, batch.log_append_time);
        let input = Input::Produce { header, log_append_time, origin, reply };
        self.drive(input, Some((&batch, hold)));
    }
}

impl Handler<News> for PartitionActor {
    type Result = ();

    fn handle(&mut self, News(news): News, _: &mut Context<Self>) {
        match (news, &self.mode) {
            // While reloading, those whose batches were written before the fault still hear of it.
            (LogNews::Flushed { up_to }, Mode::Running | Mode::Reloading(_))
                if up_to <= self.machine.next_offset() =>
            {
                self.committed(up_to);
            }
            (LogNews::Refused { from, error }, Mode::Running) => {
                let error = match error {
                    AppendError::DiskFull => ProduceError::DiskFull,
                    AppendError::Io | AppendError::OutOfOrder | AppendError::Offline => {
                        ProduceError::Storage
                    }
                };
                self.drive(Input::Refused { from, error }, None);
            }
            (LogNews::Barrier(_), Mode::Reloading(_)) => self.read_again(),
            // Of appends before a reload: the barrier behind them settles where the log ends.
            (_, Mode::Running | Mode::Reloading(_) | Mode::Offline) => {}
        }
    }
}

impl Handler<Reloaded> for PartitionActor {
    type Result = ();

    fn handle(&mut self, Reloaded(producers): Reloaded, ctx: &mut Context<Self>) {
        let next = if producers.is_some() { Mode::Running } else { Mode::Offline };
        let Mode::Reloading(stash) = std::mem::replace(&mut self.mode, next) else { return };
        let bounds = (self.log.log_start_offset(), self.log.log_end_offset());
        let producers = producers.unwrap_or_default();
        let epoch = self.view.leader_epoch();
        let machine = PartitionMachine::new(self.settings, epoch, bounds, producers);
        let before = std::mem::replace(&mut self.machine, machine);
        for reply in before.into_waiting() {
            reply.send(Err(ProduceError::NotLeader));
        }
        // Appends that were in flight may have been committed meanwhile: readers see them now.
        let bytes: u64 = self.in_flight.drain(..).map(|(_, bytes)| bytes).sum();
        self.view.set_high_watermark(self.machine.high_watermark());
        self.view.add_committed(bytes);
        self.fresh_bytes += bytes;
        for waiting in stash {
            match waiting {
                Waiting::Produce(produce) => self.handle(produce, ctx),
                Waiting::DescribeProducers(asked) => self.handle(asked, ctx),
            }
        }
    }
}

impl Handler<WaitForData> for PartitionActor {
    type Result = ();

    fn handle(&mut self, WaitForData { seen_bytes, wait }: WaitForData, _: &mut Context<Self>) {
        if self.closing.is_some() {
            return wait.complete();
        }
        // What this turn has still to announce is announced in `drained`.
        let announced = self.view.committed_bytes() - self.fresh_bytes;
        if announced > seen_bytes && wait.add(announced - seen_bytes) {
            return;
        }
        if self.waiters.len() >= 64 && self.waiters.len().is_power_of_two() {
            self.waiters.retain(|waiter| !waiter.is_done());
        }
        self.waiters.push(wait);
    }
}

impl Handler<DescribeProducers> for PartitionActor {
    type Result = ();

    fn handle(&mut self, asked: DescribeProducers, ctx: &mut Context<Self>) {
        self.turn.tick(ctx);
        match &mut self.mode {
            Mode::Running => asked.0.send(Ok(self.machine.producers().active())),
            Mode::Reloading(stash) => stash.push_back(Waiting::DescribeProducers(asked)),
            Mode::Offline => asked.0.send(Err(ProduceError::Storage)),
        }
    }
}

impl Handler<Close> for PartitionActor {
    type Result = ();

    fn handle(&mut self, Close(reply): Close, _: &mut Context<Self>) {
        self.closing = Some(reply);
    }
}

impl OnDrained for PartitionActor {
    fn drained(&mut self, ctx: &mut Context<Self>, cx: &mut Cx<'_>) {
        self.turn.reset();
        self.view.set_producers(self.machine.producers().len());
        self.submit();
        if self.fresh_bytes > 0 {
            let bytes = std::mem::take(&mut self.fresh_bytes);
            self.waiters.retain(|waiter| !waiter.add(bytes));
        }
        if self.log.wants_producers() && matches!(self.mode, Mode::Running) {
            self.snapshot();
        }
        self.close_if_done(ctx);
        while self.alarm.is_due(self.machine.deadline(), self.clock, cx) {
            self.drive(Input::Tick, None);
        }
    }
}
