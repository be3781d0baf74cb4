//! Decides what happens to a partition; writes nothing itself.

use super::producers::{ProducerTable, Sequence};
use super::{Appended, ProduceError};
use crate::machine::Machine;
use crate::types::{LeaderEpoch, MonoTime, Now, Offset};
use crate::wire::BatchHeader;
use std::collections::VecDeque;
use std::time::Duration;

/// How often expired producers are looked for
/// (`producer.id.expiration.check.interval.ms`, Kafka's default).
const EXPIRY_INTERVAL: Duration = Duration::from_secs(600);

/// Who sends a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A producer.
    Client,
    /// A coordinator of this broker, into its own topic.
    Coordinator,
}

/// What can happen to a partition. `R` is the way back to whoever asked; the machine hands it on.
#[derive(Debug)]
pub enum Input<R> {
    /// A batch that passed the checks that need no state.
    Produce {
        /// The batch's header, as it came in.
        header: BatchHeader,
        /// The timestamp that the broker gave to all records, in ms; none with CreateTime.
        log_append_time: Option<i64>,
        /// Who sends it.
        origin: Origin,
        /// Whom to answer.
        reply: R,
    },
    /// Everything below may be acknowledged.
    Flushed {
        /// End of it.
        up_to: Offset,
    },
    /// The log could not take what was appended from here on.
    Refused {
        /// Where the log ends instead.
        from: Offset,
        /// Why.
        error: ProduceError,
    },
    /// Records below were deleted.
    LogStart(Offset),
    /// A deadline may have passed.
    Tick,
}

/// What a partition asks of its shell; carried out in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect<R> {
    /// Append the batch just handed in, at this offset.
    Append {
        /// Offset of its first record.
        base: Offset,
    },
    /// Tell the producer.
    Answer {
        /// Whom.
        reply: R,
        /// Where the batch is, or why it is nowhere.
        result: Result<Appended, ProduceError>,
    },
    /// Readers of everything below this offset may go on.
    HighWatermark(Offset),
    /// What is remembered no longer fits the log: take no batch before state was read from it.
    Reload,
}

#[derive(Debug)]
struct Parked<R> {
    reply: R,
    end: Offset,
    answer: Appended,
}

/// Settings of a partition that its machine looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionSettings {
    /// `producer.id.expiration.ms`.
    pub producer_id_expiration_ms: i64,
}

/// Leader side of one partition.
#[derive(Debug)]
pub struct PartitionMachine<R> {
    settings: PartitionSettings,
    leader_epoch: LeaderEpoch,
    log_start: Offset,
    next_offset: Offset,
    high_watermark: Offset,
    producers: ProducerTable,
    /// Those who wait for their batch's commit, in the order of their batches.
    parked: VecDeque<Parked<R>>,
    expiry_due: Option<MonoTime>,
}

impl<R> PartitionMachine<R> {
    /// A leader of a log that reaches from `log_start` to `log_end`, all of it committed.
    #[must_use]
    pub const fn new(
        settings: PartitionSettings,
        leader_epoch: LeaderEpoch,
        (log_start, log_end): (Offset, Offset),
        producers: ProducerTable,
    ) -> Self {
        Self {
            settings,
            leader_epoch,
            log_start,
            next_offset: log_end,
            high_watermark: log_end,
            producers,
            parked: VecDeque::new(),
            expiry_due: None,
        }
    }

    /// Offset of the next record.
    #[must_use]
    pub const fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// End of what consumers may read.
    #[must_use]
    pub const fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Epoch of this leadership.
    #[must_use]
    pub const fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Producers as of [`Self::next_offset`].
    #[must_use]
    pub const fn producers(&self) -> &ProducerTable {
        &self.producers
    }

    /// Everyone who still waits, so that a shell that starts again can refuse them.
    pub fn into_waiting(self) -> impl Iterator<Item = R> {
        self.parked.into_iter().map(|parked| parked.reply)
    }

    fn admit(&self, header: &BatchHeader, origin: Origin) -> Result<Admitted, ProduceError> {
        if header.is_transactional() && origin == Origin::Client {
            return Err(ProduceError::InvalidTransactionState);
        }
        if header.producer_id >= 0
            && let Sequence::Duplicate(first) = self.producers.check(header)?
        {
            return Ok(Admitted::Duplicate {
                end: first.last_offset.advance(1).unwrap_or(Offset::MAX),
                answer: Appended {
                    base_offset: first.first_offset.to_wire(),
                    log_append_time_ms: first.timestamp,
                    log_start_offset: self.log_start.to_wire(),
                },
            });
        }
        let count = u32::try_from(header.last_offset_delta).unwrap_or(0).saturating_add(1);
        let exhausted = ProduceError::OffsetsExhausted { last: self.next_offset };
        let end = self.next_offset.advance(count).ok_or(exhausted)?;
        Ok(Admitted::Fresh { end })
    }

    fn produce(
        &mut self,
        (header, log_append_time): (&BatchHeader, Option<i64>),
        origin: Origin,
        reply: R,
        out: &mut Vec<Effect<R>>,
    ) {
        let (end, answer) = match self.admit(header, origin) {
            Ok(Admitted::Fresh { end }) => {
                let base = std::mem::replace(&mut self.next_offset, end);
                if header.producer_id >= 0 {
                    self.producers.remember(header, base);
                }
                out.push(Effect::Append { base });
                let answer = Appended {
                    base_offset: base.to_wire(),
                    log_append_time_ms: log_append_time.unwrap_or(-1),
                    log_start_offset: self.log_start.to_wire(),
                };
                (end, answer)
            }
            // A duplicate waits for the commit of the first: else it would be acknowledged early.
            Ok(Admitted::Duplicate { end, answer }) => (end, answer),
            Err(error) => return out.push(Effect::Answer { reply, result: Err(error) }),
        };
        if end <= self.high_watermark {
            out.push(Effect::Answer { reply, result: Ok(answer) });
        } else {
            self.parked.push_back(Parked { reply, end, answer });
        }
    }

    fn flushed(&mut self, up_to: Offset, out: &mut Vec<Effect<R>>) {
        assert!(
            up_to <= self.next_offset,
            "the log flushed {up_to}, past its end {}",
            self.next_offset
        );
        if up_to <= self.high_watermark {
            return;
        }
        self.high_watermark = up_to;
        out.push(Effect::HighWatermark(up_to));
        while let Some(first) = self.parked.pop_front_if(|first| first.end <= up_to) {
            out.push(Effect::Answer { reply: first.reply, result: Ok(first.answer) });
        }
    }

    /// The log ends at `from`: whoever waits for more is refused, and what is remembered of
    /// producers is wrong.
    fn refused(&mut self, from: Offset, error: ProduceError, out: &mut Vec<Effect<R>>) {
        let parked = std::mem::take(&mut self.parked);
        for waiting in parked {
            if waiting.end <= from {
                self.parked.push_back(waiting);
            } else {
                out.push(Effect::Answer { reply: waiting.reply, result: Err(error) });
            }
        }
        out.push(Effect::Reload);
    }
}

enum Admitted {
    Fresh { end: Offset },
    Duplicate { end: Offset, answer: Appended },
}

impl<R> Machine for PartitionMachine<R> {
    type Input = Input<R>;
    type Effect = Effect<R>;

    fn handle(&mut self, now: Now, input: Input<R>, out: &mut Vec<Effect<R>>) {
        match input {
            Input::Produce { header, log_append_time, origin, reply } => {
                self.produce((&header, log_append_time), origin, reply, out);
                if self.expiry_due.is_none() && !self.producers.is_empty() {
                    self.expiry_due = Some(now.mono.after(EXPIRY_INTERVAL));
                }
            }
            Input::Flushed { up_to } => self.flushed(up_to, out),
            Input::Refused { from, error } => self.refused(from, error, out),
            // Producers are remembered on: what they send next still has to follow (KIP-360).
            Input::LogStart(log_start) => self.log_start = self.log_start.max(log_start),
            Input::Tick => {
                if self.expiry_due.is_some_and(|due| due <= now.mono) {
                    self.producers.expire(now.wall, self.settings.producer_id_expiration_ms);
                    let again = now.mono.after(EXPIRY_INTERVAL);
                    self.expiry_due = (!self.producers.is_empty()).then_some(again);
                }
            }
        }
    }

    fn deadline(&self) -> Option<MonoTime> {
        self.expiry_due
    }
}
