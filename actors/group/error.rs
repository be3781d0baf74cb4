//! Why a group coordinator refuses, and the code that tells a client.

use super::MemberId;
use crate::types::ErrorCode;
use std::fmt;

/// A refusal. What a client does about it follows from [`GroupError::code`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// The empty group id, where a group is needed.
    InvalidGroupId,
    /// A session timeout outside `group.min.session.timeout.ms` to `group.max.session.timeout.ms`.
    InvalidSessionTimeout,
    /// No such member.
    UnknownMember,
    /// Join again with this id (KIP-394).
    MemberIdRequired(MemberId),
    /// Another generation than the group's.
    IllegalGeneration,
    /// The group is between two generations: join again.
    RebalanceInProgress,
    /// Another protocol type, or no protocol that all members know.
    InconsistentProtocol,
    /// Another member has taken over the instance id (KIP-345).
    FencedInstance,
    /// `group.max.size` members are in already.
    MaxSizeReached,
    /// A commit's metadata is longer than `offset.metadata.max.bytes`.
    OffsetMetadataTooLarge,
    /// No such group.
    GroupNotFound,
    /// The group has members.
    NonEmptyGroup,
    /// Members of the group read the topic.
    SubscribedToTopic,
    /// The group's partition of `__consumer_offsets` is being read.
    LoadInProgress,
    /// This broker does not keep the group.
    NotCoordinator,
    /// What was decided could not be written down; try again.
    NotAvailable,
    /// What was decided is larger than the log takes.
    RecordsTooLarge,
}

impl GroupError {
    /// The code that the response carries.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidGroupId => ErrorCode::InvalidGroupId,
            Self::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
            Self::UnknownMember => ErrorCode::UnknownMemberId,
            Self::MemberIdRequired(_) => ErrorCode::MemberIdRequired,
            Self::IllegalGeneration => ErrorCode::IllegalGeneration,
            Self::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            Self::InconsistentProtocol => ErrorCode::InconsistentGroupProtocol,
            Self::FencedInstance => ErrorCode::FencedInstanceId,
            Self::MaxSizeReached => ErrorCode::GroupMaxSizeReached,
            Self::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
            Self::GroupNotFound => ErrorCode::GroupIdNotFound,
            Self::NonEmptyGroup => ErrorCode::NonEmptyGroup,
            Self::SubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
            Self::LoadInProgress => ErrorCode::CoordinatorLoadInProgress,
            Self::NotCoordinator => ErrorCode::NotCoordinator,
            Self::NotAvailable => ErrorCode::CoordinatorNotAvailable,
            Self::RecordsTooLarge => ErrorCode::UnknownServerError,
        }
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidGroupId => "group id is empty",
            Self::InvalidSessionTimeout => {
                "session timeout is outside group.min.session.timeout.ms to \
                 group.max.session.timeout.ms"
            }
            Self::UnknownMember => "group has no such member",
            Self::MemberIdRequired(_) => "member has to join again with the id it was given",
            Self::IllegalGeneration => "group is in another generation",
            Self::RebalanceInProgress => "group is rebalancing",
            Self::InconsistentProtocol => "members have no protocol in common",
            Self::FencedInstance => "another member has taken over the group instance id",
            Self::MaxSizeReached => "group has group.max.size members already",
            Self::OffsetMetadataTooLarge => "metadata is longer than offset.metadata.max.bytes",
            Self::GroupNotFound => "group does not exist",
            Self::NonEmptyGroup => "group has members",
            Self::SubscribedToTopic => "members of the group are subscribed to the topic",
            Self::LoadInProgress => "group's partition of __consumer_offsets is being read",
            Self::NotCoordinator => "group is kept by another broker",
            Self::NotAvailable => "group's change could not be written",
            Self::RecordsTooLarge => "group's change is larger than a log takes",
        })
    }
}

impl std::error::Error for GroupError {}
