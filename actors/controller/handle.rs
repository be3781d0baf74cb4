//! The way to the controller, for everyone above it.

use super::actor::{Ask, AskPosition, ControllerActor};
use super::error::ControllerError;
use super::ports::{ControllerParts, LogReport};
use super::quota_error::QuotaError;
use super::request::{
    AlterConfigs, AlterQuotas, AlterScram, Answer, AskedEntity, ConfigsAltered, CreatePartitions,
    CreateTopics, Declared, DeleteTopics, NewTopic, ProducerIdBlock, QuotaFilter, Reassignment,
    Request, ScramAltered, StartBroker, Started, TopicCreated, TopicDeleted, UpdateFeatures,
};
use super::rules::ConfigResource;
use crate::quota::{EntityQuotas, QuotaEntity};
use crate::runtime::{Reply, start_local, start_on};
use crate::types::{LeaderEpoch, Now, Offset, ProducerId, Uuid};
use actix::prelude::*;
use actix_rt::ArbiterHandle;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Cx, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

/// How far the metadata log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// What its batches are stamped with.
    pub leader_epoch: LeaderEpoch,
    /// End of what is on disk.
    pub high_watermark: Offset,
    /// End of what was appended.
    pub log_end_offset: Offset,
}

/// The way to the controller; cheap to clone, good on every thread.
#[derive(Clone, Debug)]
pub struct ControllerHandle(Arc<Addr<ControllerActor>>);

impl ControllerHandle {
    /// Starts a controller on an arbiter; `make` runs there, and is told where the log reports.
    pub fn start_on<F>(arbiter: &ArbiterHandle, make: F) -> Self
    where
        F: FnOnce(Recipient<LogReport>) -> ControllerParts + Send + 'static,
    {
        Self(Arc::new(start_on(arbiter, |ctx| {
            ControllerActor::new(make(ctx.address().recipient()))
        })))
    }

    /// The same on the current thread.
    pub fn start_local<F>(make: F) -> Self
    where
        F: FnOnce(Recipient<LogReport>) -> ControllerParts,
    {
        Self(Arc::new(start_local(|ctx| ControllerActor::new(make(ctx.address().recipient())))))
    }

    /// Writes down that this broker has started. The first request of a process: its answer comes
    /// after the whole image has been published.
    pub fn start_broker(&self, now: Now, start: StartBroker) -> Pending<Started> {
        self.ask(now, Request::StartBroker(start), |answer| {
            if let Answer::Started(started) = answer { Some(Ok(started)) } else { None }
        })
    }

    /// CreateTopics; when the answer is there, the image has the topics.
    pub fn create_topics(
        &self,
        now: Now,
        request: CreateTopics,
    ) -> Pending<Vec<(String, Result<TopicCreated, ControllerError>)>> {
        self.ask(now, Request::CreateTopics(request), |answer| {
            if let Answer::TopicsCreated(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// Makes sure that topics which the broker itself needs are there.
    pub fn declare_topics(
        &self,
        now: Now,
        topics: Vec<NewTopic>,
    ) -> Pending<Vec<(String, Result<Declared, ControllerError>)>> {
        self.ask(now, Request::DeclareTopics(topics), |answer| {
            if let Answer::TopicsDeclared(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// DeleteTopics; when the answer is there, the image has lost the topics.
    pub fn delete_topics(&self, now: Now, request: DeleteTopics) -> Pending<Vec<TopicDeleted>> {
        self.ask(now, Request::DeleteTopics(request), |answer| {
            if let Answer::TopicsDeleted(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// CreatePartitions.
    pub fn create_partitions(
        &self,
        now: Now,
        request: CreatePartitions,
    ) -> Pending<Vec<(String, Result<(), ControllerError>)>> {
        self.ask(now, Request::CreatePartitions(request), |answer| {
            if let Answer::PartitionsCreated(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// AlterPartitionReassignments; the results are in the request's order.
    pub fn reassign(
        &self,
        now: Now,
        asked: Vec<Reassignment>,
    ) -> Pending<Vec<Result<(), ControllerError>>> {
        self.ask(now, Request::Reassign(asked), |answer| {
            if let Answer::Reassigned(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// How far the metadata log is, without waiting for what is on its way to the disk.
    #[must_use]
    pub fn log_position(&self) -> oneshot::Receiver<Result<LogPosition, ControllerError>> {
        let (reply, answer) = Reply::new();
        self.0.do_send(AskPosition(reply));
        answer
    }

    /// UpdateFeatures.
    pub fn update_features(&self, now: Now, request: UpdateFeatures) -> Pending<()> {
        self.ask(now, Request::UpdateFeatures(request), |answer| {
            if let Answer::FeaturesUpdated(result) = answer { Some(result) } else { None }
        })
    }

    /// IncrementalAlterConfigs and AlterConfigs.
    pub fn alter_configs(&self, now: Now, request: AlterConfigs) -> Pending<Vec<ConfigsAltered>> {
        self.ask(now, Request::AlterConfigs(request), |answer| {
            if let Answer::ConfigsAltered(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// AlterUserScramCredentials; when the answer is there, the image has the credentials.
    pub fn alter_scram(&self, now: Now, request: AlterScram) -> Pending<Vec<ScramAltered>> {
        self.ask(now, Request::AlterScram(request), |answer| {
            if let Answer::ScramAltered(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// The dynamic configs of a resource, empty if nothing is set. Those of topics and brokers are
    /// in the image as well.
    pub fn configs_of(
        &self,
        now: Now,
        resource: ConfigResource,
    ) -> Pending<Arc<BTreeMap<String, String>>> {
        self.ask(now, Request::ConfigsOf(resource), |answer| {
            if let Answer::Configs(configs) = answer { Some(Ok(configs)) } else { None }
        })
    }

    /// Names of groups that have dynamic configs.
    pub fn configured_groups(&self, now: Now) -> Pending<Vec<String>> {
        self.ask(now, Request::ConfiguredGroups, |answer| {
            if let Answer::ConfiguredGroups(groups) = answer { Some(Ok(groups)) } else { None }
        })
    }

    /// AlterClientQuotas; when the answer is there, the quotas count.
    pub fn alter_quotas(
        &self,
        now: Now,
        request: AlterQuotas,
    ) -> Pending<Vec<(AskedEntity, Result<(), QuotaError>)>> {
        self.ask(now, Request::AlterQuotas(request), |answer| {
            if let Answer::QuotasAltered(results) = answer { Some(Ok(results)) } else { None }
        })
    }

    /// DescribeClientQuotas.
    pub fn quotas(
        &self,
        now: Now,
        filter: QuotaFilter,
    ) -> Pending<Result<Vec<(QuotaEntity, EntityQuotas)>, QuotaError>> {
        self.ask(now, Request::Quotas(filter), |answer| {
            if let Answer::Quotas(found) = answer { Some(Ok(found)) } else { None }
        })
    }

    /// A producer id that nobody has had.
    pub fn new_producer_id(&self, now: Now) -> Pending<ProducerId> {
        self.ask(now, Request::NewProducerId, |answer| {
            if let Answer::ProducerId(result) = answer { Some(result) } else { None }
        })
    }

    /// A block of producer ids that nobody has had.
    pub fn allocate_producer_ids(&self, now: Now) -> Pending<ProducerIdBlock> {
        self.ask(now, Request::AllocateProducerIds, |answer| {
            if let Answer::ProducerIds(result) = answer { Some(result) } else { None }
        })
    }

    fn ask<T>(&self, now: Now, request: Request, take: Take<T>) -> Pending<T> {
        let (reply, answer) = Reply::new();
        self.0.do_send(Ask { now, request, reply });
        Pending { answer, take, pause: Duration::ZERO }
    }
}

/// Reads an answer of the request's kind; `None` for any other.
type Take<T> = fn(Answer) -> Option<Result<T, ControllerError>>;

/// An answer that is on its way. The request is under way already: dropping this takes nothing
/// back.
#[derive(Debug)]
#[must_use = "whether it was done is in the answer"]
pub struct Pending<T> {
    answer: oneshot::Receiver<Result<Answer, ControllerError>>,
    take: Take<T>,
    pause: Duration,
}

impl<T> Pending<T> {
    /// The answer, and how long the client has to pause that asked.
    pub async fn with_pause(mut self) -> (Result<T, ControllerError>, Duration) {
        let answer = (&mut self).await;
        (answer, self.pause)
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, ControllerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        let take = self.take;
        Pin::new(&mut self.answer).poll(cx).map(|answer| {
            let mut answer = answer.unwrap_or(Err(ControllerError::Unavailable))?;
            if let Answer::Throttled(throttled, pause) = answer {
                answer = *throttled;
                self.pause = pause;
            }
            let taken = take(answer);
            assert!(taken.is_some(), "the controller answered a request of another kind");
            taken.unwrap_or(Err(ControllerError::Unavailable))
        })
    }
}

/// Draws a random id (version 4) for a new topic: none of those that Kafka keeps for itself, and
/// none whose text begins with a dash, which command lines would take for an option
/// (`Uuid.randomUuid`).
#[must_use]
pub fn fresh_topic_id() -> Uuid {
    /// Kafka reserves ids whose value is below this.
    const RESERVED: u128 = 100;
    /// The first six bits of an id whose base64url text begins with `-`.
    const DASH: u8 = 62;
    loop {
        let id = Uuid::new_v4();
        let first = id.as_bytes().first().copied().unwrap_or(0);
        if id.as_u128() >= RESERVED && first >> 2 != DASH {
            return id;
        }
    }
}
