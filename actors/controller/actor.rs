//! The controller's shell: decide, append, replay, and hold answer and news until both are safe.
//!
//! What is appended is replayed at once, so that the next request is decided on top of it; it is
//! published and answered when the log has it on disk. There is no undo: if the log refuses (the
//! disk is full), or this actor panics, who waits is refused, and the machine is made anew from
//! the log. Before that a barrier passes through the journal, so that nothing is in flight any
//! more; requests that come meanwhile are decided after it.

use super::error::ControllerError;
use super::features;
use super::handle::LogPosition;
use super::machine::ControllerMachine;
use super::ports::{ControllerParts, LogReport};
use super::records::{RecordError, decode_batch, encode_batch};
use super::report::report;
use super::request::{Answer, Request};
use super::state::ImageDelta;
use crate::machine::{Decision, ReplicatedMachine};
use crate::runtime::{DrainedHook, OnDrained, Reply, Turn};
use crate::storage::LogNews;
use crate::types::{LeaderEpoch, Now, Offset};
use crate::wire::{BatchHeader, StampedBatch};
use actix::prelude::*;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Context as Cx;

/// A request, and the way back.
pub(super) struct Ask {
    pub(super) now: Now,
    pub(super) request: Request,
    pub(super) reply: Reply<Result<Answer, ControllerError>>,
}

impl Message for Ask {
    type Result = ();
}

/// How far the log is, for who asks.
pub(super) struct AskPosition(pub(super) Reply<Result<LogPosition, ControllerError>>);

impl Message for AskPosition {
    type Result = ();
}

/// What waits for the disk, in the order of `until`.
struct Held {
    until: Offset,
    delta: Option<ImageDelta>,
    reply: Reply<Result<Answer, ControllerError>>,
    answer: Answer,
}

/// What the shell can do.
enum Mode {
    /// All it is for.
    Running(Box<ControllerMachine>),
    /// Wait for the barrier with this token, then read the log again.
    Reloading(u64, Vec<Ask>),
    /// Nothing: the log cannot be read.
    Failed(String),
}

/// The shell around [`ControllerMachine`]. Its mailbox is unbounded as all are; what fills it are
/// requests of connections, which bound what they have open.
pub struct ControllerActor {
    parts: ControllerParts,
    mode: Mode,
    log_end: Offset,
    flushed: Offset,
    held: VecDeque<Held>,
    /// Whether the broker's start is written down, so that the image may be seen.
    open: bool,
    /// Times that the log was read.
    loads: u64,
    turn: Turn,
}

impl fmt::Debug for ControllerActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ControllerActor")
            .field("log_end", &self.log_end)
            .field("flushed", &self.flushed)
            .finish_non_exhaustive()
    }
}

impl ControllerActor {
    pub(super) fn new(parts: ControllerParts) -> Self {
        Self {
            parts,
            mode: Mode::Failed("not read yet".to_owned()),
            log_end: Offset::ZERO,
            flushed: Offset::ZERO,
            held: VecDeque::new(),
            open: false,
            loads: 0,
            turn: Turn::default(),
        }
    }

    /// Reads the log, all of which is on disk. `true` if the machine stands.
    fn load(&mut self) -> bool {
        self.loads += 1;
        match self.replay_log() {
            Ok((machine, log_end)) => {
                (self.log_end, self.flushed) = (log_end, log_end);
                if self.open {
                    self.parts.publisher.publish(machine.state().complete(), log_end);
                }
                self.mode = Mode::Running(Box::new(machine));
                true
            }
            Err(reason) => {
                log::error!(reason = reason.as_str(); "the metadata log cannot be read");
                self.mode = Mode::Failed(reason);
                false
            }
        }
    }

    /// Refuses who waits, and reads the log again once nothing is in flight.
    fn reload(&mut self, error: &ControllerError) {
        for held in self.held.drain(..) {
            held.reply.send(Err(error.clone()));
        }
        let waiting = match std::mem::replace(&mut self.mode, Mode::Failed(String::new())) {
            Mode::Reloading(_, waiting) => waiting,
            Mode::Running(_) | Mode::Failed(_) => Vec::new(),
        };
        self.mode = Mode::Reloading(self.loads, waiting);
        self.parts.log.barrier(self.loads);
    }

    fn replay_log(&mut self) -> Result<(ControllerMachine, Offset), String> {
        let batches = self.parts.log.load().map_err(|error| error.to_string())?;
        let mut machine =
            ControllerMachine::new(self.parts.settings.clone(), Arc::clone(&self.parts.rules));
        let mut log_end = Offset::ZERO;
        for batch in batches {
            let read = |error: RecordError| format!("batch at offset {log_end}: {error}");
            for record in decode_batch(&batch).map_err(read)? {
                machine.replay(&record);
            }
            let header = BatchHeader::parse(&batch).map_err(|error| error.to_string())?;
            log_end = header.next_offset();
        }
        match features::missing_here(machine.state()) {
            Some(lacking) => Err(lacking),
            None => Ok((machine, log_end)),
        }
    }

    fn ask(&mut self, ask: Ask) {
        let machine = match &mut self.mode {
            Mode::Running(machine) => machine,
            Mode::Reloading(_, waiting) => return waiting.push(ask),
            Mode::Failed(reason) => {
                return ask.reply.send(Err(ControllerError::LogUnreadable(reason.clone())));
            }
        };
        let Ask { now, request, reply } = ask;
        let opens = matches!(request, Request::StartBroker(_));
        let Decision { records, answer } = machine.decide(now, request);
        let mut delta = None;
        if !records.is_empty() {
            let batch = stamp(&encode_batch(&records, now.wall), self.log_end);
            self.log_end = batch.header.next_offset();
            self.parts.log.append(batch);
            for record in &records {
                machine.replay(record);
            }
            delta = Some(machine.state().changes_of(&records));
        }
        if opens {
            delta = Some(machine.state().complete());
        }
        // A read waits as well: what it saw may not be on disk yet.
        self.held.push_back(Held { until: self.log_end, delta, reply, answer });
        self.release();
    }

    fn release(&mut self) {
        let flushed = self.flushed;
        while let Some(held) = self.held.pop_front_if(|held| held.until <= flushed) {
            let changes = held.delta.is_some();
            if let Some(delta) = held.delta {
                self.parts.publisher.publish(delta, held.until);
            }
            self.open |= matches!(held.answer, Answer::Started(_));
            if changes || matches!(held.answer, Answer::TopicsDeclared(_)) {
                report(&held.answer);
            }
            held.reply.send(Ok(held.answer));
        }
    }

    fn behind_barrier(&mut self) {
        let Mode::Reloading(_, waiting) =
            std::mem::replace(&mut self.mode, Mode::Failed(String::new()))
        else {
            unreachable!("only a reload waits for a barrier")
        };
        self.load();
        waiting.into_iter().for_each(|ask| self.ask(ask));
    }
}

/// The epoch of every batch: this log has one writer until there is a quorum, whose term it will
/// be.
const LEADER_EPOCH: LeaderEpoch = LeaderEpoch(0);

/// A batch in its place.
fn stamp(batch: &Bytes, base: Offset) -> StampedBatch {
    let header = BatchHeader::parse(batch);
    assert!(header.is_ok(), "a metadata batch was written wrongly: {header:?}");
    let header = header.unwrap_or_else(|_| unreachable!("checked above"));
    StampedBatch::new(header, batch, base, LEADER_EPOCH)
}

impl Actor for ControllerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.spawn(DrainedHook);
        if self.loads == 0 {
            self.load();
        } else {
            self.reload(&ControllerError::Unavailable);
        }
    }
}

impl Supervised for ControllerActor {}

impl OnDrained for ControllerActor {
    fn drained(&mut self, _: &mut Context<Self>, _: &mut Cx<'_>) {
        self.turn.reset();
    }
}

impl Handler<Ask> for ControllerActor {
    type Result = ();

    fn handle(&mut self, ask: Ask, ctx: &mut Context<Self>) {
        self.turn.tick(ctx);
        self.ask(ask);
    }
}

impl Handler<AskPosition> for ControllerActor {
    type Result = ();

    fn handle(&mut self, AskPosition(reply): AskPosition, _: &mut Context<Self>) {
        reply.send(match &self.mode {
            Mode::Running(_) => Ok(LogPosition {
                leader_epoch: LEADER_EPOCH,
                high_watermark: self.flushed,
                log_end_offset: self.log_end,
            }),
            Mode::Reloading(..) => Err(ControllerError::Unavailable),
            Mode::Failed(reason) => Err(ControllerError::LogUnreadable(reason.clone())),
        });
    }
}

impl Handler<LogReport> for ControllerActor {
    type Result = ();

    fn handle(&mut self, LogReport(news): LogReport, _: &mut Context<Self>) {
        match (news, &self.mode) {
            (LogNews::Flushed { up_to }, Mode::Running(_)) => {
                let end = self.log_end;
                assert!(up_to <= end, "the metadata log flushed {up_to}, past its end {end}");
                self.flushed = self.flushed.max(up_to);
                self.release();
            }
            (LogNews::Refused { error, .. }, Mode::Running(_)) => {
                let reason = error.to_string();
                log::warn!(reason = reason.as_str(); "the metadata log takes no records");
                self.reload(&ControllerError::LogRefuses(reason));
            }
            (LogNews::Barrier(token), Mode::Reloading(awaited, _)) if token == *awaited => {
                self.behind_barrier();
            }
            // Of appends before a reload: what became of them is in the log.
            (_, Mode::Running(_) | Mode::Reloading(..) | Mode::Failed(_)) => {}
        }
    }
}
