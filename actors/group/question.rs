//! How each request meets a group: what it does to one, and what is answered where there is none.

use super::actor::Replies;
use super::machine::{GroupMachine, Out};
use super::members::{MEMBER_BYTES, said_bytes};
use super::request::{
    Commit, CommitAnswer, DeleteGroup, DeleteOffsets, Describe, Described, FetchAnswer,
    FetchOffsets, GroupSummary, Heartbeat, Join, Joined, Leave, LeaveAnswer, Observe, Observed,
    Summarize, SyncGroup, Synced, TopicDeleted,
};
use super::{GroupError, GroupState};
use crate::runtime::Reply;
use crate::types::Now;

/// What the asker of a question gets.
pub type Answered<Q> = Result<<Q as Question>::Answer, GroupError>;

/// A request to one group.
pub trait Question: Sized + Send + 'static {
    /// What is answered if nothing is wrong.
    type Answer: Send + 'static;

    /// Whether the group comes to be by being asked.
    fn creates_group(&self) -> bool {
        false
    }

    /// Bytes that the group keeps of it for as long as its sender is a member.
    fn kept_bytes(&self) -> usize {
        0
    }

    /// The answer where no such group is.
    ///
    /// # Errors
    /// Where that is an error.
    fn absent(self) -> Answered<Self>;

    /// Asks the group. Returns the answer with its reply, unless the machine has parked it.
    #[doc(hidden)]
    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)>;
}

/// A question in the hands of its group.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "lives for the length of a call")]
pub struct Asked<'a, Q: Question> {
    pub(super) group_id: &'a str,
    pub(super) machine: &'a mut GroupMachine<Replies>,
    pub(super) now: Now,
    pub(super) reply: Reply<Answered<Q>>,
    pub(super) out: &'a mut Out<Replies>,
}

impl Question for Join {
    type Answer = Joined;

    /// A member with an id cannot be one of a group that is not there.
    fn creates_group(&self) -> bool {
        self.member_id.is_empty()
    }

    fn kept_bytes(&self) -> usize {
        MEMBER_BYTES + self.client_id.len() + said_bytes(&self.protocols)
    }

    fn absent(self) -> Answered<Self> {
        Err(GroupError::UnknownMember)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        asked.machine.join(asked.now, self, asked.reply, asked.out);
        None
    }
}

impl Question for SyncGroup {
    type Answer = Synced;

    fn absent(self) -> Answered<Self> {
        Err(GroupError::UnknownMember)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        asked.machine.sync(asked.now, self, asked.reply, asked.out);
        None
    }
}

impl Question for Heartbeat {
    type Answer = ();

    fn absent(self) -> Answered<Self> {
        Err(GroupError::UnknownMember)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let answer = asked.machine.heartbeat(asked.now, &self);
        Some((asked.reply, answer))
    }
}

impl Question for Leave {
    type Answer = LeaveAnswer;

    fn absent(self) -> Answered<Self> {
        let unknown = |leaver| (leaver, Err(GroupError::UnknownMember));
        Ok(self.members.into_iter().map(unknown).collect())
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let answer = asked.machine.leave(asked.now, self, asked.out);
        Some((asked.reply, answer))
    }
}

impl Question for Commit {
    type Answer = CommitAnswer;

    /// A consumer that assigns itself has no other group than its positions.
    fn creates_group(&self) -> bool {
        self.generation_id < 0
    }

    fn absent(self) -> Answered<Self> {
        Err(GroupError::GroupNotFound)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let answer = asked.machine.commit(asked.now, self, asked.out);
        Some((asked.reply, answer))
    }
}

impl Question for FetchOffsets {
    type Answer = FetchAnswer;

    /// No error: clients take one for a reason to give up (`OffsetMetadataManager.fetchOffsets`).
    fn absent(self) -> Answered<Self> {
        let none = |(topic, partitions): (String, Vec<i32>)| {
            (topic, partitions.into_iter().map(|partition| (partition, None)).collect())
        };
        Ok(self.topics.unwrap_or_default().into_iter().map(none).collect())
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let answer = asked.machine.fetch(self);
        Some((asked.reply, Ok(answer)))
    }
}

impl Question for Describe {
    type Answer = Described;

    fn absent(self) -> Answered<Self> {
        Err(GroupError::GroupNotFound)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let answer = asked.machine.describe().ok_or(GroupError::GroupNotFound);
        Some((asked.reply, answer))
    }
}

impl Question for Summarize {
    type Answer = GroupSummary;

    fn absent(self) -> Answered<Self> {
        Err(GroupError::GroupNotFound)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let machine = asked.machine;
        let summary = GroupSummary {
            group_id: asked.group_id.to_owned(),
            protocol_type: machine.protocol_type().to_owned(),
            state: machine.state(),
        };
        let gone = machine.state() == GroupState::Dead;
        Some((asked.reply, if gone { Err(GroupError::GroupNotFound) } else { Ok(summary) }))
    }
}

impl Question for Observe {
    type Answer = Observed;

    fn absent(self) -> Answered<Self> {
        Err(GroupError::GroupNotFound)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let offsets = asked.machine.saved().offsets();
        let observed = Observed {
            group_id: asked.group_id.to_owned(),
            state: asked.machine.state(),
            members: asked.machine.member_count(),
            committed: offsets
                .map(|(topic, partition, value)| (topic.clone(), partition, value.offset))
                .collect(),
        };
        let gone = observed.state == GroupState::Dead;
        Some((asked.reply, if gone { Err(GroupError::GroupNotFound) } else { Ok(observed) }))
    }
}

impl Question for DeleteGroup {
    type Answer = ();

    fn absent(self) -> Answered<Self> {
        Err(GroupError::GroupNotFound)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let answer = asked.machine.delete(asked.now, asked.out);
        Some((asked.reply, answer))
    }
}

impl Question for DeleteOffsets {
    type Answer = CommitAnswer;

    fn absent(self) -> Answered<Self> {
        Err(GroupError::GroupNotFound)
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        let answer = asked.machine.delete_offsets(&self, asked.out);
        Some((asked.reply, answer))
    }
}

impl Question for TopicDeleted {
    type Answer = ();

    fn absent(self) -> Answered<Self> {
        Ok(())
    }

    fn put(self, asked: Asked<'_, Self>) -> Option<(Reply<Answered<Self>>, Answered<Self>)> {
        asked.machine.topic_deleted(&self.topic, asked.out);
        Some((asked.reply, Ok(())))
    }
}
