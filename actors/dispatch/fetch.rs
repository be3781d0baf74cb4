//! Fetch (key 1), versions 4 to 18.
//!
//! Reads whole record batches from each partition named, waiting for data if there is too little.
//! v5 log start offset · v7 sessions, KIP-227 · v9 current leader epoch · v11 preferred replica,
//! rack · v12 flexible, last fetched epoch and divergence, KIP-595 · v13 topic ids ·
//! v15 replica state · v16 current leader and endpoints, KIP-951 · v17 directory id ·
//! v18 high watermark of the replica
//! Waits are data: see `FetchWait`. Not done: requests of followers, which do not exist yet.

use super::answer::{Answered, Ask, Closed, Pending as Started, Polled};
use super::charge::{Charge, throttle_time_ms};
use super::fetch_read::{ColdResult, Found, Gathered, TopicKey, Wanted, gather};
use super::fetch_session::{Form, SessionRequest};
use super::{Broker, Session};
use crate::partition::FetchWait;
use crate::runtime::Share;
use crate::types::{ErrorCode, MonoTime, TopicName, Uuid};
use crate::wire::{FetchEndpoint, FetchHead, FetchResponseWriter, FetchedPartition};
use kafka_protocol::messages::{ApiKey, FetchRequest};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// Isolation level of a consumer that reads committed transactions alone.
const READ_COMMITTED: i8 = 1;
/// An answer has so many bytes of records at most, whatever more a client would take: a reader that
/// catches up on many partitions gets answers of this size one after the other, from memory that
/// is still in the processor's cache, where one of 50 MiB would hold all of it at once.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// What an answer takes beside its topics, for quotas: near enough at each version.
const HEAD_BYTES: usize = 20;
/// What a partition takes beside its records, and its topic where the name is short.
const PARTITION_BYTES: usize = 60;

/// A fetch that waits, for data or for a reader thread.
pub struct Pending {
    version: i16,
    correlation_id: i32,
    by_id: bool,
    read_committed: bool,
    form: Form,
    wanted: Vec<Wanted>,
    min_bytes: usize,
    max_bytes: usize,
    deadline: MonoTime,
    stage: Stage,
    charge: Charge,
}

enum Stage {
    Waiting {
        wait: Arc<FetchWait>,
        woken: oneshot::Receiver<()>,
    },
    /// The share is held until the answer is with the connection, which counts it on.
    Reading {
        gathered: Gathered,
        share: Share,
        results: oneshot::Receiver<Vec<ColdResult>>,
    },
    Ended,
}

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: FetchRequest) -> Result<Started, Closed> {
    let by_id = ask.version >= 13;
    let (wanted, forgotten) = parse(&request, by_id);
    let session = SessionRequest {
        // Before version 7 there are no sessions; the crate's defaults are those of none.
        id: request.session_id,
        epoch: request.session_epoch,
        by_id,
    };
    let plan = match ask.session.fetch_sessions.plan(session, wanted, &forgotten) {
        Ok(plan) => plan,
        Err(error) => {
            count_error(ask.broker, error);
            let pause = ask.charge.settle_fetch(ask.broker, HEAD_BYTES);
            let head = head(ask.correlation_id, Some(error), 0, pause);
            let writer = FetchResponseWriter::new(ask.version, &head, 0);
            return Ok(Started::Ready(Answered::new(writer.finish(&[])?, pause)));
        }
    };
    let broker_max = usize::try_from(ask.broker.settings.fetch_max_bytes).unwrap_or(usize::MAX);
    let max_bytes = usize::try_from(request.max_bytes).unwrap_or(0).min(broker_max);
    let max_bytes = max_bytes.min(ask.charge.bytes_max());
    let max_wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let mut pending = Pending {
        version: ask.version,
        correlation_id: ask.correlation_id,
        by_id,
        read_committed: request.isolation_level == READ_COMMITTED,
        form: plan.form,
        wanted: plan.wanted,
        min_bytes: usize::try_from(request.min_bytes).unwrap_or(0).min(max_bytes),
        max_bytes,
        deadline: ask.now.mono.after(max_wait),
        stage: Stage::Ended,
        charge: std::mem::take(&mut ask.charge),
    };
    let is_over = max_wait.is_zero();
    match pending.look(ask.broker, ask.session, is_over) {
        Some(answered) => Ok(Started::Ready(answered?)),
        None => {
            pending.charge.pause(ask.broker.clock);
            Ok(Started::Fetch(Box::new(pending)))
        }
    }
}

/// Its answers are not the codec's, so they count by themselves.
fn count_error(broker: &Broker, error: ErrorCode) {
    if let Some(api) = broker.metrics().api(ApiKey::Fetch as i16) {
        api.error(error.code());
    }
}

/// Copies what a request names out of its frame, which must not be kept for as long as a session.
/// Of a name that no topic can have only so much is taken as still is no topic's: sessions hash it at
/// each partition.
fn parse(request: &FetchRequest, by_id: bool) -> (Vec<Wanted>, Vec<(TopicKey, i32)>) {
    let key = |name: &str, id| match by_id {
        true => TopicKey::Id(id),
        false => TopicKey::Name(known_or_too_long(name).into()),
    };
    let mut wanted = Vec::with_capacity(request.topics.iter().map(|t| t.partitions.len()).sum());
    for topic in &request.topics {
        let topic_key = key(topic.topic.as_str(), topic.topic_id);
        wanted.extend(topic.partitions.iter().map(|partition| Wanted {
            topic: topic_key.clone(),
            partition: partition.partition,
            fetch_offset: partition.fetch_offset,
            max_bytes: partition.partition_max_bytes,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
        }));
    }
    let mut forgotten = Vec::new();
    for topic in &request.forgotten_topics_data {
        let topic_key = key(topic.topic.as_str(), topic.topic_id);
        forgotten.extend(topic.partitions.iter().map(|index| (topic_key.clone(), *index)));
    }
    (wanted, forgotten)
}

/// The name, or what is too long by a character of one that may be megabytes long.
fn known_or_too_long(name: &str) -> &str {
    let end = name.ceil_char_boundary(TopicName::LENGTH_MAX + 1);
    name.get(..end).unwrap_or(name)
}

impl Pending {
    /// When the client wants an answer, with data or without; none while a reader is at work.
    pub(super) const fn deadline(&self) -> Option<MonoTime> {
        match self.stage {
            Stage::Waiting { .. } => Some(self.deadline),
            Stage::Reading { .. } | Stage::Ended => None,
        }
    }

    pub(super) fn poll(
        &mut self,
        broker: &Broker,
        session: &mut Session,
        cx: &mut Context<'_>,
    ) -> Polled {
        self.charge.resume(broker.clock);
        let polled = self.poll_stage(broker, session, cx);
        self.charge.pause(broker.clock);
        polled
    }

    fn poll_stage(
        &mut self,
        broker: &Broker,
        session: &mut Session,
        cx: &mut Context<'_>,
    ) -> Polled {
        loop {
            let is_over = self.deadline <= broker.clock.now().mono;
            let answered = match &mut self.stage {
                Stage::Waiting { wait, woken } => {
                    let is_woken = Pin::new(woken).poll(cx).is_ready();
                    if !is_woken && !is_over {
                        return Poll::Pending;
                    }
                    wait.cancel();
                    self.look(broker, session, is_over)
                }
                Stage::Reading { results, .. } => {
                    let Poll::Ready(results) = Pin::new(results).poll(cx) else {
                        return Poll::Pending;
                    };
                    self.read(session, results.unwrap_or_default(), broker, is_over)
                }
                Stage::Ended => return Poll::Ready(Ok(Answered::default())),
            };
            if let Some(answered) = answered {
                return Poll::Ready(answered);
            }
        }
    }

    /// Room for an answer: who asks for more than usual at least gets it, and as much beside it, for
    /// what is there rarely ends where the room does.
    fn answer_bytes(&self) -> usize {
        ANSWER_BYTES_MAX.max(self.min_bytes.saturating_mul(2))
    }

    /// Looks at every partition; `None` if the answer has to wait.
    fn look(
        &mut self,
        broker: &Broker,
        session: &mut Session,
        is_over: bool,
    ) -> Option<Result<Answered, Closed>> {
        let share = broker.answers.reserve(self.max_bytes.min(self.answer_bytes()));
        let mut gathered = gather(broker, &mut session.cursors, &self.wanted, share.bytes());
        if let Some(results) = gathered.cold.take() {
            self.stage = Stage::Reading { gathered, share, results };
            return None;
        }
        self.settle(gathered, session, broker, is_over)
    }

    /// Goes on with what a reader thread brought.
    fn read(
        &mut self,
        session: &mut Session,
        results: Vec<ColdResult>,
        broker: &Broker,
        is_over: bool,
    ) -> Option<Result<Answered, Closed>> {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        let Stage::Reading { mut gathered, share: _held, .. } = stage else { return None };
        gathered.thaw(&mut session.cursors, results);
        self.settle(gathered, session, broker, is_over)
    }

    /// Answers, or waits with every partition for what is missing.
    fn settle(
        &mut self,
        gathered: Gathered,
        session: &mut Session,
        broker: &Broker,
        is_over: bool,
    ) -> Option<Result<Answered, Closed>> {
        // What is there and was not found, because of a limit of ours, does not come by waiting.
        let is_enough =
            self.min_bytes == 0 || gathered.bytes > 0 && gathered.there >= self.min_bytes;
        // Where nothing exists that could bring data, waiting is of no use.
        let is_hopeless = gathered.seen.is_empty();
        if is_over || is_enough || is_hopeless || gathered.is_urgent {
            self.stage = Stage::Ended;
            return Some(self.answer(gathered.found, session, broker));
        }
        let missing = self.min_bytes.saturating_sub(gathered.there).max(1);
        let (wait, woken) = FetchWait::new(u64::try_from(missing).unwrap_or(u64::MAX));
        for (partition, seen_bytes) in gathered.seen {
            partition.wait(seen_bytes, wait.clone());
        }
        self.stage = Stage::Waiting { wait, woken };
        None
    }

    fn answer(
        &mut self,
        found: Vec<Found>,
        session: &mut Session,
        broker: &Broker,
    ) -> Result<Answered, Closed> {
        let answered: Vec<(Wanted, Found)> = self.wanted.drain(..).zip(found).collect();
        if let Some(throttled) = self.throttle(&answered, session, broker) {
            return throttled;
        }
        let mut session_id = 0;
        let mut told = None;
        match self.form {
            Form::Sessionless => {}
            Form::Full => {
                session_id =
                    session.fetch_sessions.create(&broker.fetch_slots, self.by_id, &answered);
            }
            Form::Incremental(id) => {
                session_id = id;
                told = Some(session.fetch_sessions.changed(id, &answered));
            }
        }
        let told: Vec<_> = answered
            .into_iter()
            .enumerate()
            .filter(|(at, _)| told.as_ref().is_none_or(|told| told.get(*at) != Some(&false)))
            .map(|(_, answer)| answer)
            .collect();
        for code in told.iter().filter_map(|(_, found)| found.error) {
            count_error(broker, code);
        }
        let head = head(self.correlation_id, None, session_id, Duration::ZERO);
        // Partitions of a topic that follow each other stand together, as in Kafka.
        let topics: Vec<&[(Wanted, Found)]> =
            told.chunk_by(|(one, _), (next, _)| one.topic == next.topic).collect();
        let mut writer = FetchResponseWriter::new(self.version, &head, topics.len());
        for topic in topics {
            let Some((first, _)) = topic.first() else { continue };
            match &first.topic {
                TopicKey::Name(name) => writer.topic(name, Uuid::nil(), topic.len()),
                TopicKey::Id(id) => writer.topic("", *id, topic.len()),
            }
            for (wanted, found) in topic {
                writer.partition(&self.describe(wanted, found, broker.node.0), &found.records);
            }
        }
        let endpoints = if told.iter().any(|(_, found)| is_moved(found.error)) {
            let (host, port) = session.advertised();
            let rack = broker.settings.broker_rack.clone();
            vec![FetchEndpoint { node_id: broker.node.0, host, port, rack }]
        } else {
            Vec::new()
        };
        Ok(Answered::new(writer.finish(&endpoints)?, Duration::ZERO))
    }

    /// The answer to a client that has used up a quota: without data, and without its session's
    /// hearing of any, so that the next fetch brings it all.
    fn throttle(
        &mut self,
        answered: &[(Wanted, Found)],
        session: &Session,
        broker: &Broker,
    ) -> Option<Result<Answered, Closed>> {
        if self.charge.is_empty() {
            return None;
        }
        let (told, session_id) = match self.form {
            Form::Sessionless | Form::Full => (vec![true; answered.len()], 0),
            Form::Incremental(id) => (session.fetch_sessions.news(id, answered), id),
        };
        let told = answered.iter().zip(told).filter(|(_, is_told)| *is_told);
        let bytes: usize = told.map(|((_, found), _)| PARTITION_BYTES + found.bytes).sum();
        let pause = self.charge.settle_fetch(broker, HEAD_BYTES + bytes);
        if pause.is_zero() {
            return None;
        }
        let head = head(self.correlation_id, None, session_id, pause);
        let frame = FetchResponseWriter::new(self.version, &head, 0).finish(&[]);
        Some(frame.map(|frame| Answered::new(frame, pause)).map_err(Closed::from))
    }

    fn describe(&self, wanted: &Wanted, found: &Found, node: i32) -> FetchedPartition<'static> {
        FetchedPartition {
            index: wanted.partition,
            error: found.error,
            high_watermark: found.high_watermark,
            last_stable_offset: found.high_watermark,
            log_start_offset: found.log_start_offset,
            // Null for read_uncommitted, but an empty list where there is no such partition.
            aborted_transactions: (self.read_committed || !found.is_known).then_some(&[]),
            preferred_read_replica: -1,
            diverging_epoch: found.diverging,
            current_leader: is_moved(found.error).then_some((node, found.leader_epoch)),
        }
    }
}

fn head(
    correlation_id: i32,
    error: Option<ErrorCode>,
    session_id: i32,
    pause: Duration,
) -> FetchHead {
    FetchHead { correlation_id, throttle_time_ms: throttle_time_ms(pause), error, session_id }
}

/// Whether the client should learn who leads: it asked with another epoch than the leader's.
const fn is_moved(error: Option<ErrorCode>) -> bool {
    matches!(error, Some(ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch))
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Stage::Waiting { wait, .. } = &self.stage {
            wait.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::TopicName as WireTopicName;
    use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};

    #[test]
    fn a_name_that_no_topic_can_have_is_not_kept_whole() {
        let name = WireTopicName("n".repeat(1 << 20).into());
        let partition = FetchPartition::default().with_partition(3);
        let request = FetchRequest::default()
            .with_topics(vec![
                FetchTopic::default().with_topic(name.clone()).with_partitions(vec![partition]),
            ])
            .with_forgotten_topics_data(vec![
                ForgottenTopic::default().with_topic(name).with_partitions(vec![3]),
            ]);

        let (wanted, forgotten) = parse(&request, false);

        assert_eq!((&wanted[0].topic, wanted[0].partition), (&forgotten[0].0, 3));
        assert_eq!(wanted[0].topic, TopicKey::Name("n".repeat(250).into()));
    }

    #[test]
    fn a_name_that_is_too_long_is_never_cut_to_one_that_a_topic_may_have() {
        let longest = "n".repeat(TopicName::LENGTH_MAX);
        assert!(TopicName::parse(&longest).is_ok());
        assert_eq!(known_or_too_long(&longest), longest);

        for more in ["n", "nn", "é", "n€", "🦀🦀"] {
            let name = format!("{longest}{more}");
            assert!(TopicName::parse(known_or_too_long(&name)).is_err(), "{more}");
        }
    }
}
