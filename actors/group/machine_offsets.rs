//! Positions: commit, fetch, expiry, deletion (`OffsetMetadataManager`, `ClassicGroup`).

use super::machine::{GroupMachine, Out, Parking};
use super::records::{OffsetValue, Record};
use super::request::{
    Commit, CommitAnswer, CommitOffset, DeleteOffsets, FetchAnswer, FetchOffsets, FetchedOffset,
};
use super::{GroupError, GroupState};
use crate::types::{Now, Timestamp, TopicName};
use std::time::Duration;

impl<P: Parking> GroupMachine<P> {
    /// OffsetCommit.
    ///
    /// # Errors
    /// The whole commit is refused: unknown or fenced member, another generation, a rebalance that
    /// waits for its assignment, a consumer without group among members.
    pub fn commit(
        &mut self,
        now: Now,
        commit: Commit,
        out: &mut Out<P>,
    ) -> Result<CommitAnswer, GroupError> {
        self.check_commit(&commit)?;
        if matches!(self.live.state, GroupState::Stable | GroupState::PreparingRebalance) {
            self.live.touch(&commit.member_id, now);
        }
        let expire_timestamp = commit.retention.map(|retention| later(now.wall, retention));
        let mut answer = CommitAnswer::new();
        for CommitOffset { topic, partition, offset, leader_epoch, metadata } in commit.offsets {
            if metadata.encode_utf16().count() > self.settings.offset_metadata_max {
                answer.push(Err(GroupError::OffsetMetadataTooLarge));
                continue;
            }
            let value = OffsetValue {
                offset,
                leader_epoch,
                metadata,
                commit_timestamp: now.wall,
                expire_timestamp,
            };
            out.records.push(Record::Offset { topic, partition, value: Some(value) });
            answer.push(Ok(()));
        }
        Ok(answer)
    }

    /// Who may commit (`ClassicGroup.validateOffsetCommit`).
    fn check_commit(&self, commit: &Commit) -> Result<(), GroupError> {
        let Commit { member_id, generation_id, group_instance_id, .. } = commit;
        let state = self.live.state;
        if state == GroupState::Dead {
            return Err(GroupError::NotAvailable);
        }
        // A consumer that assigns itself, or a tool, while nobody else is here.
        if *generation_id < 0 && state == GroupState::Empty {
            return Ok(());
        }
        if *generation_id < 0 && member_id.is_empty() && group_instance_id.is_none() {
            return Err(GroupError::UnknownMember);
        }
        self.live.check_member(member_id, group_instance_id.as_ref())?;
        if *generation_id != self.live.generation {
            return Err(GroupError::IllegalGeneration);
        }
        if state == GroupState::CompletingRebalance {
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// OffsetFetch.
    #[must_use]
    pub fn fetch(&self, fetch: FetchOffsets) -> FetchAnswer {
        let Some(topics) = fetch.topics else { return self.fetch_all() };
        let find = |topic: &str, partition: i32| {
            (partition, self.saved.offset(topic, partition).map(fetched))
        };
        topics
            .into_iter()
            .map(|(topic, partitions)| {
                let found = partitions.into_iter().map(|partition| find(&topic, partition));
                let found = found.collect();
                (topic, found)
            })
            .collect()
    }

    fn fetch_all(&self) -> FetchAnswer {
        let mut answer = FetchAnswer::new();
        for (topic, partition, value) in self.saved.offsets() {
            let found = (partition, Some(fetched(value)));
            match answer.last_mut().filter(|(last, _)| last == topic.as_str()) {
                Some((_, partitions)) => partitions.push(found),
                None => answer.push((topic.as_str().to_owned(), vec![found])),
            }
        }
        answer
    }

    /// DeleteGroups: an empty group goes, with its positions.
    ///
    /// # Errors
    /// The group has members, or is gone.
    pub fn delete(&mut self, now: Now, out: &mut Out<P>) -> Result<(), GroupError> {
        self.check_vacant()?;
        for (topic, partition, _) in self.saved.offsets() {
            out.records.push(Record::Offset { topic: topic.clone(), partition, value: None });
        }
        self.bury(now, out);
        Ok(())
    }

    /// OffsetDelete.
    ///
    /// # Errors
    /// The group has members and is none of consumers, or is gone. For each partition: a member
    /// reads the topic.
    pub fn delete_offsets(
        &self,
        delete: &DeleteOffsets,
        out: &mut Out<P>,
    ) -> Result<CommitAnswer, GroupError> {
        if self.protocol_type() != "consumer" || self.live.state == GroupState::Dead {
            self.check_vacant()?;
        }
        let mut answer = CommitAnswer::new();
        for (topic, partition) in &delete.partitions {
            if self.live.reads(topic) {
                answer.push(Err(GroupError::SubscribedToTopic));
                continue;
            }
            if self.saved.offset(topic, *partition).is_some()
                && let Ok(topic) = TopicName::parse(topic)
            {
                out.records.push(Record::Offset { topic, partition: *partition, value: None });
            }
            answer.push(Ok(()));
        }
        Ok(answer)
    }

    /// A topic was deleted: its positions mean nothing any more.
    pub fn topic_deleted(&self, topic: &TopicName, out: &mut Out<P>) {
        for (partition, _) in self.saved.offsets_of(topic.as_str()) {
            out.records.push(Record::Offset { topic: topic.clone(), partition, value: None });
        }
    }

    fn check_vacant(&self) -> Result<(), GroupError> {
        match self.live.state {
            GroupState::Empty => Ok(()),
            GroupState::Dead => Err(GroupError::GroupNotFound),
            GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Stable => Err(GroupError::NonEmptyGroup),
        }
    }

    fn bury(&mut self, now: Now, out: &mut Out<P>) {
        if self.saved.group().is_some() {
            out.records.push(Record::Group(None));
        }
        while let Some(member_id) = self.live.pending_joins.pop_first() {
            self.live.sessions.cancel(&member_id);
        }
        self.live.leader = None;
        self.live.step(GroupState::Dead, now);
    }

    /// Positions that have expired go; a group without members or positions goes as well.
    pub(super) fn sweep(&mut self, now: Now, out: &mut Out<P>) {
        let Some(counted_from) = self.expiry_rule() else { return };
        let retention = self.settings.offsets_retention;
        let mut left = 0usize;
        for (topic, partition, value) in self.saved.offsets() {
            let expiry = match value.expire_timestamp {
                Some(expiry) => expiry,
                None => later(counted_from.unwrap_or(value.commit_timestamp), retention),
            };
            if now.wall < expiry || self.live.reads(topic.as_str()) {
                left += 1;
            } else {
                out.records.push(Record::Offset { topic: topic.clone(), partition, value: None });
            }
        }
        let vacant = self.live.state == GroupState::Empty && self.live.pending_joins.is_empty();
        if left == 0 && vacant {
            self.bury(now, out);
        }
    }

    /// Whether positions may expire, and from when on they are counted: the moment at which the
    /// group became empty, or (`Some(None)`) that of the commit
    /// (`ClassicGroup.offsetExpirationCondition`).
    fn expiry_rule(&self) -> Option<Option<Timestamp>> {
        if self.live.protocol_type.is_none() {
            return Some(None);
        }
        let consumers = self.protocol_type() == "consumer" && self.live.subscribed.is_some();
        match self.live.state {
            GroupState::Empty => Some(self.live.state_timestamp),
            GroupState::Stable if consumers => Some(None),
            GroupState::Stable
            | GroupState::PreparingRebalance
            | GroupState::CompletingRebalance
            | GroupState::Dead => None,
        }
    }
}

fn later(time: Timestamp, wait: Duration) -> Timestamp {
    Timestamp(time.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
}

fn fetched(value: &OffsetValue) -> FetchedOffset {
    FetchedOffset {
        offset: value.offset,
        leader_epoch: value.leader_epoch,
        metadata: value.metadata.clone(),
    }
}
