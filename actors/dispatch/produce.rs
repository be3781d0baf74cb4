//! Produce (key 0), versions 3 to 13; announced from 0 (KAFKA-18659).
//!
//! Appends one record batch to each partition named, and answers when `acks` says.
//! v5 log start offset · v7 zstd · v8 record errors · v9 flexible · v10 current leader, KIP-951 ·
//! v12 transactions v2 · v13 topic ids
//! Whatever acks is, a request is open until the partitions have committed it: there is one replica,
//! and what waits for the disk counts against its connection. With acks=0 nothing is sent then.
//! Not done: transactional batches, which no coordinator here could have opened
//! (INVALID_TXN_STATE).

use super::Broker;
use super::answer::{Answered, Ask, Closed, Pending as Started, Polled};
use super::charge::{Charge, throttle_time_ms};
use super::error_codes::count_errors;
use super::named::Named;
use crate::partition::{Appended, Origin, Partition, ProduceError};
use crate::registry::{MetadataImage, TopicImage};
use crate::types::{ErrorCode, MonoTime, Now, TopicConfig, Uuid};
use crate::wire::{ProduceRules, Refused, check_batch, encode_response};
use bytes::Bytes;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    TopicProduceResponse,
};
use kafka_protocol::messages::{ApiKey, BrokerId, ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// The client id that Kafka lets write to internal topics.
const ADMIN_CLIENT: &str = "__admin_client";

type Commit = oneshot::Receiver<Result<Appended, ProduceError>>;

/// A produce request whose batches are with their partitions.
pub struct Pending {
    version: i16,
    correlation_id: i32,
    /// `acks=0`: the client wants no answer.
    is_silent: bool,
    deadline: MonoTime,
    topics: Vec<TopicAnswer>,
    advertised: Option<NodeEndpoint>,
    charge: Charge,
}

struct TopicAnswer {
    name: TopicName,
    id: Uuid,
    partitions: Vec<PartitionAnswer>,
}

struct PartitionAnswer {
    index: i32,
    state: State,
}

enum State {
    Waiting(Commit, Partition),
    Done(Result<Appended, Refusal>),
}

/// Why a partition refuses, and what else its answer says.
struct Refusal {
    code: ErrorCode,
    log_start_offset: i64,
    record_errors: Vec<(i32, String)>,
    message: Option<String>,
}

impl Refusal {
    const fn of(code: ErrorCode) -> Self {
        Self { code, log_start_offset: -1, record_errors: Vec::new(), message: None }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: ProduceRequest) -> Result<Started, Closed> {
    let is_silent = request.acks == 0;
    // Who waits for no answer has none that could be late.
    let timeout_ms = if is_silent { i32::MAX } else { request.timeout_ms };
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let image = ask.broker.registry.image();
    let repeated = repeated_partitions(&request);
    let mut pending = Pending {
        version: ask.version,
        correlation_id: ask.correlation_id,
        is_silent,
        deadline: ask.now.mono.after(timeout),
        topics: Vec::with_capacity(request.topic_data.len()),
        advertised: None,
        charge: Charge::default(),
    };
    for (topic_at, topic) in request.topic_data.iter().enumerate() {
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        let found = find_topic(&image, ask.version, topic.name.as_str(), topic.topic_id);
        for (partition_at, data) in topic.partition_data.iter().enumerate() {
            if repeated.contains(&(topic_at, partition_at)) {
                continue;
            }
            let state = match &found {
                Err(code) => State::Done(Err(Refusal::of(*code))),
                Ok(_) if !matches!(request.acks, -1..=1) => {
                    State::Done(Err(Refusal::of(ErrorCode::InvalidRequiredAcks)))
                }
                Ok(topic) => send(ask, topic, data.index, data.records.as_ref()),
            };
            partitions.push(PartitionAnswer { index: data.index, state });
        }
        let (name, id) = (topic.name.clone(), topic.topic_id);
        pending.topics.push(TopicAnswer { name, id, partitions });
    }
    if pending.topics.iter().flat_map(|topic| &topic.partitions).any(PartitionAnswer::is_moved) {
        let (host, port) = ask.advertised();
        pending.advertised = Some(
            NodeEndpoint::default()
                .with_node_id(BrokerId(ask.broker.node.0))
                .with_host(StrBytes::from_string(host))
                .with_port(port),
        );
    }
    pending.charge = std::mem::take(&mut ask.charge);
    pending.charge.pause(ask.broker.clock);
    Ok(Started::Produce(Box::new(pending)))
}

impl PartitionAnswer {
    fn is_moved(&self) -> bool {
        matches!(&self.state, State::Done(Err(refusal)) if refusal.code == ErrorCode::NotLeaderOrFollower)
    }
}

fn find_topic<'a>(
    image: &'a MetadataImage,
    version: i16,
    name: &str,
    id: Uuid,
) -> Result<&'a Arc<TopicImage>, ErrorCode> {
    if version >= 13 {
        image.topic_by_id(id).ok_or(ErrorCode::UnknownTopicId)
    } else {
        image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)
    }
}

/// Places that name a partition again later on: Kafka appends and answers the last one alone.
fn repeated_partitions(request: &ProduceRequest) -> BTreeSet<(usize, usize)> {
    let mut repeated = BTreeSet::new();
    let several = request.topic_data.len() > 1
        || request.topic_data.iter().any(|topic| topic.partition_data.len() > 1);
    if !several {
        return repeated;
    }
    let mut named = Named::nothing();
    for (topic_at, topic) in request.topic_data.iter().enumerate().rev() {
        let of_topic = named.of((topic.name.as_str(), topic.topic_id));
        for (partition_at, data) in topic.partition_data.iter().enumerate().rev() {
            if !of_topic.insert(data.index) {
                repeated.insert((topic_at, partition_at));
            }
        }
    }
    repeated
}

fn send(ask: &Ask<'_>, topic: &TopicImage, index: i32, records: Option<&Bytes>) -> State {
    if topic.name.is_internal() && ask.client_id != ADMIN_CLIENT {
        return State::Done(Err(Refusal::of(ErrorCode::InvalidTopicException)));
    }
    let Some(target) = topic.partition(index) else {
        return State::Done(Err(Refusal::of(ErrorCode::UnknownTopicOrPartition)));
    };
    match check_batch(records, &rules(ask.version, ask.now, &topic.config)) {
        Ok(batch) => {
            let partition = target.partition.clone();
            State::Waiting(
                partition.produce(batch, Some(ask.hold.clone()), Origin::Client),
                partition,
            )
        }
        Err(refused) => {
            let log_start = target.partition.log().log_start_offset().to_wire();
            log::debug!(topic = topic.name.as_str(), partition = index, error:% = refused; "batch refused");
            State::Done(Err(refusal(refused, log_start)))
        }
    }
}

fn refusal(refused: Refused, log_start: i64) -> Refusal {
    Refusal {
        code: refused.code(),
        log_start_offset: if refused.by_log { log_start } else { -1 },
        message: Some(refused.to_string()),
        record_errors: refused.record_errors,
    }
}

fn rules(produce_version: i16, now: Now, config: &TopicConfig) -> ProduceRules {
    ProduceRules {
        produce_version,
        max_message_bytes: i32::try_from(config.max_message_bytes).unwrap_or(i32::MAX),
        segment_bytes: i32::try_from(config.segment_bytes).unwrap_or(i32::MAX),
        is_compacted: config.cleanup_policy.compact,
        timestamp_type: config.message_timestamp_type,
        before_max_ms: config.message_timestamp_before_max_ms,
        after_max_ms: config.message_timestamp_after_max_ms,
        compression_type: config.compression_target(),
        now: now.wall,
    }
}

impl Pending {
    /// When the answer goes out even if batches are not committed (`timeout.ms`).
    pub(super) const fn deadline(&self) -> MonoTime {
        self.deadline
    }

    pub(super) fn poll(&mut self, broker: &Broker, cx: &mut Context<'_>) -> Polled {
        self.charge.resume(broker.clock);
        let polled = self.poll_commits(broker, cx);
        self.charge.pause(broker.clock);
        polled
    }

    fn poll_commits(&mut self, broker: &Broker, cx: &mut Context<'_>) -> Polled {
        for answer in self.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            let State::Waiting(commit, partition) = &mut answer.state else { continue };
            let result = match Pin::new(commit).poll(cx) {
                Poll::Ready(Ok(Ok(appended))) => Ok(appended),
                Poll::Ready(Ok(Err(error))) => Err(Refusal {
                    message: Some(error.to_string()),
                    log_start_offset: if error.is_of_producer() {
                        partition.log().log_start_offset().to_wire()
                    } else {
                        -1
                    },
                    ..Refusal::of(error.code())
                }),
                // The actor ended, or starts again: the batch may be there or not.
                Poll::Ready(Err(_)) => Err(Refusal::of(ErrorCode::NotLeaderOrFollower)),
                Poll::Pending if self.deadline <= broker.clock.now().mono => {
                    Err(Refusal::of(ErrorCode::RequestTimedOut))
                }
                Poll::Pending => return Poll::Pending,
            };
            answer.state = State::Done(result);
        }
        Poll::Ready(self.finish(broker))
    }

    fn finish(&mut self, broker: &Broker) -> Result<Answered, Closed> {
        let pause = self.charge.settle_produce(broker, !self.is_silent);
        if self.is_silent {
            let failed =
                self.topics.iter().flat_map(|topic| &topic.partitions).find_map(|answer| {
                    match &answer.state {
                        State::Done(Err(refusal)) => Some(refusal.code),
                        State::Done(Ok(_)) | State::Waiting(..) => None,
                    }
                });
            // Nobody reads an answer; closing makes the producer look again who leads.
            return match failed {
                Some(code) => {
                    if let Some(api) = broker.metrics().api(ApiKey::Produce as i16) {
                        api.error(code.code());
                    }
                    Err(Closed(format!("produce with acks=0 failed: {code:?}")))
                }
                None => Ok(Answered { frame: None, pause }),
            };
        }
        let topics = std::mem::take(&mut self.topics);
        let mut response = ProduceResponse::default()
            .with_throttle_time_ms(throttle_time_ms(pause))
            .with_responses(topics.into_iter().map(|topic| topic.encode(self.version)).collect());
        if let (10.., Some(endpoint)) = (self.version, self.advertised.take()) {
            response.node_endpoints = vec![endpoint];
        }
        count_errors(broker.metrics(), ApiKey::Produce as i16, &response);
        let frame = encode_response(self.correlation_id, self.version, &response)?;
        Ok(Answered::new(vec![frame], pause))
    }
}

impl TopicAnswer {
    fn encode(self, version: i16) -> TopicProduceResponse {
        let partitions =
            self.partitions.into_iter().filter_map(|answer| answer.encode(version)).collect();
        let topic = TopicProduceResponse::default().with_partition_responses(partitions);
        if version >= 13 { topic.with_topic_id(self.id) } else { topic.with_name(self.name) }
    }
}

impl PartitionAnswer {
    fn encode(self, version: i16) -> Option<PartitionProduceResponse> {
        let State::Done(result) = self.state else { return None };
        let answer = PartitionProduceResponse::default().with_index(self.index);
        Some(match result {
            Ok(appended) => answer
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.log_append_time_ms)
                .with_log_start_offset(appended.log_start_offset),
            Err(refusal) => refusal.encode(answer, version),
        })
    }
}

impl Refusal {
    fn encode(self, answer: PartitionProduceResponse, version: i16) -> PartitionProduceResponse {
        let mut answer = answer
            .with_error_code(self.code.code())
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_log_start_offset(self.log_start_offset);
        if version >= 8 {
            answer.error_message = self.message.map(StrBytes::from_string);
            let record_error = |(index, message): (i32, String)| {
                BatchIndexAndErrorMessage::default()
                    .with_batch_index(index)
                    .with_batch_index_error_message(Some(StrBytes::from_string(message)))
            };
            answer.record_errors = self.record_errors.into_iter().map(record_error).collect();
        }
        if version >= 10 && self.code == ErrorCode::NotLeaderOrFollower {
            answer.current_leader = LeaderIdAndEpoch::default();
        }
        answer
    }
}
