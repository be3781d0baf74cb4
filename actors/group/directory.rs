//! Who keeps which group: for each partition of `__consumer_offsets` the groups in it.

use super::actor::{Ask, Close, GroupActor, GroupStart};
use super::log::OffsetsLog;
use super::question::{Answered, Question};
use super::records::{self, Decoded};
use super::request::{GroupSummary, Observe, Observed, Summarize, TopicDeleted};
use super::saved::Saved;
use super::{GroupError, GroupSettings};
use crate::runtime::{Budget, Clock, Reply, Seldom, start_on};
use crate::types::{Metrics, MonoTime, TopicName};
use actix::Addr;
use actix_rt::ArbiterHandle;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as Cx, Poll};
use tokio::sync::oneshot;

/// Bytes of the longest group id: Kafka's strings have an i16 length.
const GROUP_ID_MAX: usize = 32_767;

/// An answer on its way. The question was sent when this was made; dropping it takes nothing back.
#[derive(Debug)]
#[must_use = "someone waits for this answer"]
pub struct Awaited<T>(oneshot::Receiver<Result<T, GroupError>>);

impl<T> Future for Awaited<T> {
    type Output = Result<T, GroupError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Cx<'_>) -> Poll<Self::Output> {
        // A reply that is gone without an answer: its group has failed and is being restarted.
        Pin::new(&mut self.0).poll(cx).map(|got| got.unwrap_or(Err(GroupError::NotAvailable)))
    }
}

/// Handle to every group that this broker keeps. Cheap to clone.
#[derive(Clone)]
pub struct Groups(Arc<Inner>);

type Shards = Vec<Arc<Mutex<Shard>>>;

struct Inner {
    settings: Arc<GroupSettings>,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// What members say of themselves is kept for their session, which may be half an hour, and costs
    /// nothing to say. Each group tells after its turn what its members take; one that comes while
    /// nothing is left is told to try again. Between the two lie the requests that are open.
    memory: Budget,
    /// Members that found no memory, and records that the log refused.
    refused_members: Seldom,
    refused_records: Arc<Seldom>,
    arbiters: Vec<ArbiterHandle>,
    /// By partition of `__consumer_offsets`.
    /// As many as `__consumer_offsets` has partitions; others when that topic is made anew.
    shards: ArcSwap<Shards>,
}

/// The groups of one partition.
enum Shard {
    /// Another broker's, or nobody's yet.
    Elsewhere,
    /// Being read; topics deleted meanwhile are to be forgotten then.
    Loading { deleted: Vec<TopicName> },
    /// Kept here.
    Here { log: Arc<dyn OffsetsLog>, groups: BTreeMap<Arc<str>, Entry> },
}

struct Entry {
    address: Addr<GroupActor>,
    /// Questions sent. A group ends only when it has taken them all, so that none is lost.
    sent: u64,
}

/// A partition whose groups are being read.
pub(super) struct Awaiting(Arc<Mutex<Shard>>);

impl Awaiting {
    /// Whether they are wanted still: the topic may be gone or another, or the broker at its end.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(&*lock(&self.0), Shard::Loading { .. })
    }
}

/// What a group knows of its place in the directory.
pub(super) struct Keeper(Arc<Mutex<Shard>>);

impl Keeper {
    /// Takes a group out that is gone, unless a question is on its way to it.
    pub(super) fn retire(&self, group_id: &str, taken: u64) -> bool {
        let Shard::Here { groups, .. } = &mut *lock(&self.0) else { return true };
        if groups.get(group_id).is_some_and(|entry| entry.sent > taken) {
            return false;
        }
        groups.remove(group_id);
        true
    }
}

/// Gathers what a partition's records leave of its groups. Takes as long as there are records: not
/// for an arbiter's thread.
#[derive(Debug, Default)]
pub struct Loader {
    groups: BTreeMap<Arc<str>, Saved>,
    skipped: u64,
}

impl Loader {
    /// Takes the next record, oldest first. One that cannot be read is skipped, as Kafka does.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) {
        match records::decode(key, value) {
            Ok(Decoded::Group { group_id, record }) => {
                if let Some(saved) = self.groups.get_mut(group_id.as_str()) {
                    saved.replay(&record);
                } else {
                    self.groups.entry(group_id.into()).or_default().replay(&record);
                }
            }
            Ok(Decoded::Other(_)) => {}
            Err(error) => {
                if self.skipped == 0 {
                    log::warn!(error:% = error; "skipped a record of __consumer_offsets");
                }
                self.skipped += 1;
            }
        }
    }

    /// How many records could not be read.
    #[must_use]
    pub const fn skipped(&self) -> u64 {
        self.skipped
    }
}

/// No code that holds the lock can leave a shard half changed.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn empty_shards(partitions: usize) -> Shards {
    (0..partitions.max(1)).map(|_| Arc::new(Mutex::new(Shard::Elsewhere))).collect()
}

/// Java's `String.hashCode`, over UTF-16 units.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

impl Groups {
    /// A directory that keeps no group before `__consumer_offsets` is there. Groups are spread over
    /// the arbiters.
    #[must_use]
    pub fn new(
        settings: GroupSettings,
        clock: Clock,
        arbiters: Vec<ArbiterHandle>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let shards = ArcSwap::from_pointee(empty_shards(1));
        Self(Arc::new(Inner {
            memory: Budget::new(settings.members_bytes_max),
            settings: Arc::new(settings),
            clock,
            metrics,
            refused_members: Seldom::default(),
            refused_records: Arc::default(),
            arbiters,
            shards,
        }))
    }

    /// Begins anew over so many partitions, none of them loaded: `__consumer_offsets` is there for
    /// the first time, or another one. Groups that were kept end.
    pub fn reset(&self, partitions: usize) {
        // Nobody waits for their end: what they wrote went to a topic that is gone.
        drop(self.close());
        self.0.shards.store(Arc::new(empty_shards(partitions)));
    }

    /// What groups are held to.
    #[must_use]
    pub fn settings(&self) -> &GroupSettings {
        &self.0.settings
    }

    /// The partition of `__consumer_offsets` that keeps a group: `abs(javaHash(id)) % partitions`
    /// (`GroupCoordinatorService.partitionFor`; `Utils.abs` of the smallest number is 0).
    #[must_use]
    pub fn partition_of(&self, group_id: &str) -> usize {
        let hash = java_hash(group_id).checked_abs().unwrap_or(0);
        usize::try_from(hash).unwrap_or(0) % self.0.shards.load().len()
    }

    fn shard(&self, group_id: &str) -> Option<Arc<Mutex<Shard>>> {
        self.0.shards.load().get(self.partition_of(group_id)).cloned()
    }

    /// Asks a group. The question is in the group's mailbox when this returns.
    pub fn ask<Q: Question>(&self, group_id: &str, question: Q) -> Awaited<Q::Answer> {
        let (reply, answer) = Reply::new();
        if let Err((reply, at_once)) = self.send(group_id, question, reply) {
            reply.send(at_once);
        }
        Awaited(answer)
    }

    /// Sends the question, or gives back the answer that needs no group.
    fn send<Q: Question>(
        &self,
        group_id: &str,
        question: Q,
        reply: Reply<Answered<Q>>,
    ) -> Result<(), (Reply<Answered<Q>>, Answered<Q>)> {
        if group_id.len() > GROUP_ID_MAX {
            return Err((reply, Err(GroupError::InvalidGroupId)));
        }
        let Some(shard) = self.shard(group_id) else {
            return Err((reply, Err(GroupError::NotCoordinator)));
        };
        if !self.may_keep(group_id, question.kept_bytes()) {
            return Err((reply, Err(GroupError::NotAvailable)));
        }
        let mut held = lock(&shard);
        let (log, groups) = match &mut *held {
            Shard::Elsewhere => return Err((reply, Err(GroupError::NotCoordinator))),
            Shard::Loading { .. } => return Err((reply, Err(GroupError::LoadInProgress))),
            Shard::Here { log, groups } => (log, groups),
        };
        let entry = match groups.get_mut(group_id) {
            Some(entry) => entry,
            None if question.creates_group() => {
                let id: Arc<str> = group_id.into();
                let entry = self.start(&shard, log, &id, Saved::default());
                groups.entry(id).or_insert(entry)
            }
            None => return Err((reply, question.absent())),
        };
        entry.sent += 1;
        entry.address.do_send(Ask { question, sent: self.0.clock.mono(), reply });
        Ok(())
    }

    /// Whether there is memory for what a member says of itself.
    fn may_keep(&self, group: &str, bytes: usize) -> bool {
        let fits = bytes == 0 || self.0.memory.has_room_for(bytes);
        if !fits && let Some(untold) = self.0.refused_members.happened(self.0.clock.mono()) {
            let max = self.0.settings.members_bytes_max;
            log::warn!(
                group, bytes, max, others_before = untold;
                "member refused: members take all of ottla.group.members.max.bytes"
            );
        }
        fits
    }

    fn start(
        &self,
        shard: &Arc<Mutex<Shard>>,
        log: &Arc<dyn OffsetsLog>,
        group_id: &Arc<str>,
        saved: Saved,
    ) -> Entry {
        let start = GroupStart {
            group_id: group_id.clone(),
            settings: self.0.settings.clone(),
            saved,
            log: log.clone(),
            keeper: Keeper(shard.clone()),
            clock: self.0.clock,
            metrics: self.0.metrics.clone(),
            share: self.0.memory.share(),
            refusals: self.0.refused_records.clone(),
        };
        let place = java_hash(group_id).unsigned_abs() >> 8;
        let turn = usize::try_from(place).unwrap_or(0) % self.0.arbiters.len().max(1);
        let address = match self.0.arbiters.get(turn) {
            Some(arbiter) => start_on(arbiter, move |_| GroupActor::new(start)),
            None => crate::runtime::start_local(move |_| GroupActor::new(start)),
        };
        Entry { address, sent: 0 }
    }

    /// From now on until [`finish_load`](Self::finish_load) groups of this partition answer
    /// COORDINATOR_LOAD_IN_PROGRESS.
    pub(super) fn begin_load(&self, partition: usize) -> Option<Awaiting> {
        let shard = self.0.shards.load().get(partition)?.clone();
        *lock(&shard) = Shard::Loading { deleted: Vec::new() };
        Some(Awaiting(shard))
    }

    /// Starts the groups that a partition's records leave, unless nobody wants them any more.
    /// Returns how many there are.
    pub(super) fn finish_load(
        &self,
        Awaiting(shard): &Awaiting,
        log: Arc<dyn OffsetsLog>,
        loader: Loader,
    ) -> Option<usize> {
        let mut all = loader.groups;
        all.retain(|_, saved| !saved.is_empty());
        let count = all.len();
        let mut held = lock(shard);
        let Shard::Loading { deleted } = &*held else { return None };
        let groups = all.into_iter().map(|(group_id, saved)| {
            let entry = self.start(shard, &log, &group_id, saved);
            (group_id, entry)
        });
        let mut groups: BTreeMap<_, _> = groups.collect();
        let sent = self.0.clock.mono();
        deleted.iter().for_each(|topic| forget(&mut groups, sent, topic));
        *held = Shard::Here { log, groups };
        Some(count)
    }

    /// Every group that is kept here.
    ///
    /// # Errors
    /// A partition is still being read.
    pub fn summaries(&self) -> Result<Vec<Awaited<GroupSummary>>, GroupError> {
        let mut all = Vec::new();
        for shard in self.0.shards.load().iter() {
            match &mut *lock(shard) {
                Shard::Elsewhere => {}
                Shard::Loading { .. } => return Err(GroupError::LoadInProgress),
                Shard::Here { groups, .. } => {
                    let sent = self.0.clock.mono();
                    all.extend(groups.values_mut().map(|entry| entry.ask(sent, Summarize)));
                }
            }
        }
        Ok(all)
    }

    /// Asks every group that is loaded for its members and positions.
    #[must_use]
    pub fn observe(&self) -> Vec<Awaited<Observed>> {
        let mut all = Vec::new();
        let sent = self.0.clock.mono();
        for shard in self.0.shards.load().iter() {
            if let Shard::Here { groups, .. } = &mut *lock(shard) {
                all.extend(groups.values_mut().map(|entry| entry.ask(sent, Observe)));
            }
        }
        all
    }

    /// Whether no partition is being read.
    #[must_use]
    pub fn are_loaded(&self) -> bool {
        self.0.shards.load().iter().all(|shard| !matches!(*lock(shard), Shard::Loading { .. }))
    }

    /// A topic was deleted: groups forget their positions in it.
    pub fn topic_deleted(&self, topic: &TopicName) {
        let sent = self.0.clock.mono();
        for shard in self.0.shards.load().iter() {
            match &mut *lock(shard) {
                Shard::Elsewhere => {}
                Shard::Loading { deleted } => deleted.push(topic.clone()),
                Shard::Here { groups, .. } => forget(groups, sent, topic),
            }
        }
    }

    /// Ends every group once what it decided is committed; later questions are answered
    /// NOT_COORDINATOR. Await all that is returned before the partitions close.
    #[must_use]
    pub fn close(&self) -> Vec<oneshot::Receiver<()>> {
        let mut closing = Vec::new();
        for shard in self.0.shards.load().iter() {
            let before = std::mem::replace(&mut *lock(shard), Shard::Elsewhere);
            let Shard::Here { groups, .. } = before else { continue };
            for entry in groups.into_values() {
                let (reply, closed) = Reply::new();
                entry.address.do_send(Close(reply));
                closing.push(closed);
            }
        }
        closing
    }
}

/// Makes groups forget their positions in a topic.
fn forget(groups: &mut BTreeMap<Arc<str>, Entry>, sent: MonoTime, topic: &TopicName) {
    for entry in groups.values_mut() {
        drop(entry.ask(sent, TopicDeleted { topic: topic.clone() }));
    }
}

impl Entry {
    fn ask<Q: Question>(&mut self, sent: MonoTime, question: Q) -> Awaited<Q::Answer> {
        let (reply, answer) = Reply::new();
        self.sent += 1;
        self.address.do_send(Ask { question, sent, reply });
        Awaited(answer)
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups")
            .field("partitions", &self.0.shards.load().len())
            .finish_non_exhaustive()
    }
}
