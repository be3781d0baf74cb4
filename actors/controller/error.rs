//! Why the controller refuses; the texts are Kafka's where Kafka has one.

use super::scram::ScramError;
use crate::types::{ErrorCode, NameError, TopicName, Uuid};
use std::fmt;
use std::sync::Arc;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControllerError {
    /// The name breaks Kafka's rules.
    InvalidName(NameError),
    /// Another topic's name is the same but for `.` and `_`.
    NameCollision {
        /// The name asked for.
        name: String,
        /// The topic that is there.
        existing: String,
    },
    /// The name is taken.
    TopicExists(String),
    /// The request names this topic more than once.
    DuplicateTopic,
    /// The request names this id more than once.
    DuplicateTopicId,
    /// The topic of the metadata quorum is made by nobody.
    MetadataTopic,
    /// Configs that cannot be.
    Config(ConfigError),
    /// A level of a feature that cannot be.
    Feature(FeatureError),
    /// Credentials that cannot be.
    Scram(ScramError),
    /// Counts or replicas that cannot be.
    Placement(PlacementError),
    /// More partitions in one request than one batch may hold.
    TooLarge,
    /// More of other records.
    TooManyRecords,
    /// No topic of this name has partitions that could be moved.
    NoTopic(Arc<str>),
    /// The topic of this name has no such partition.
    NoPartition(Arc<str>, i32),
    /// There is no move that could be given up.
    NoReassignment,
    /// The replicas would have to go from one broker to another.
    ReplicasStay,
    /// No topic of this name.
    UnknownTopic(String),
    /// No topic of this id.
    UnknownTopicId(Uuid),
    /// An empty name where a topic is meant.
    EmptyName,
    /// A topic is named neither by name nor by id.
    NeitherNameNorId,
    /// A topic is named by name and by id.
    NameAndId,
    /// The name belongs to an id that the request names as well.
    NameOfGivenId,
    /// `delete.topic.enable` is false.
    DeletionDisabled,
    /// The client has used up its quota of changes.
    Throttled,
    /// The requester gave no time.
    TimedOut,
    /// The end of the number space of producer ids.
    ProducerIdsExhausted,
    /// The metadata log takes nothing at the moment, the disk is full.
    LogRefuses(String),
    /// The metadata log cannot be read: the broker must not start, or goes on without changes.
    LogUnreadable(String),
    /// The controller is stopping, or restarting after a defect.
    Unavailable,
}

impl ControllerError {
    /// The code that the response carries.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidName(_) | Self::NameCollision { .. } => ErrorCode::InvalidTopicException,
            Self::TopicExists(_) => ErrorCode::TopicAlreadyExists,
            Self::DuplicateTopic
            | Self::DuplicateTopicId
            | Self::MetadataTopic
            | Self::EmptyName
            | Self::NeitherNameNorId
            | Self::NameAndId
            | Self::NameOfGivenId => ErrorCode::InvalidRequest,
            Self::Config(error) => error.code(),
            Self::Feature(_) => ErrorCode::InvalidUpdateVersion,
            Self::Scram(error) => error.code(),
            Self::Placement(error) => error.code(),
            Self::TooLarge | Self::TooManyRecords => ErrorCode::PolicyViolation,
            Self::UnknownTopic(_) | Self::NoTopic(_) | Self::NoPartition(..) => {
                ErrorCode::UnknownTopicOrPartition
            }
            Self::NoReassignment => ErrorCode::NoReassignmentInProgress,
            Self::ReplicasStay => ErrorCode::InvalidReplicaAssignment,
            Self::UnknownTopicId(_) => ErrorCode::UnknownTopicId,
            Self::DeletionDisabled => ErrorCode::TopicDeletionDisabled,
            Self::Throttled => ErrorCode::ThrottlingQuotaExceeded,
            Self::ProducerIdsExhausted => ErrorCode::UnknownServerError,
            Self::TimedOut => ErrorCode::RequestTimedOut,
            Self::LogRefuses(_) | Self::LogUnreadable(_) => ErrorCode::KafkaStorageError,
            Self::Unavailable => ErrorCode::NotController,
        }
    }
}

impl ControllerError {
    /// The text that stands beside the code; none where Kafka's would be that of the code itself.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        (!matches!(self, Self::Throttled)).then(|| self.to_string())
    }
}

impl fmt::Display for ControllerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName(error) => error.fmt(f),
            Self::NameCollision { name, existing } => {
                write!(f, "Topic '{name}' collides with existing topic: {existing}")
            }
            Self::TopicExists(name) => write!(f, "Topic '{name}' already exists."),
            Self::DuplicateTopic => write!(f, "Duplicate topic name."),
            Self::DuplicateTopicId => write!(f, "Duplicate topic id."),
            Self::MetadataTopic => {
                write!(f, "Creation of internal topic __cluster_metadata is prohibited.")
            }
            Self::Config(error) => error.fmt(f),
            Self::Feature(error) => error.fmt(f),
            Self::Scram(error) => error.fmt(f),
            Self::Placement(error) => error.fmt(f),
            Self::NoTopic(name) => {
                write!(f, "Unable to find a topic named {}.", TopicName::shown(name))
            }
            Self::NoPartition(topic, index) => {
                write!(f, "Unable to find partition {topic}:{index}.")
            }
            Self::NoReassignment => write!(f, "No partition reassignment is in progress."),
            Self::ReplicasStay => write!(f, "Replicas are not moved between brokers yet."),
            Self::UnknownTopic(name) => write!(f, "The topic '{name}' does not exist."),
            Self::UnknownTopicId(id) => write!(f, "No topic has the id {id}."),
            Self::EmptyName => write!(f, "Invalid topic name."),
            Self::NeitherNameNorId => write!(f, "Neither topic name nor id were specified."),
            Self::NameAndId => write!(f, "You may not specify both topic name and topic id."),
            Self::NameOfGivenId => {
                write!(f, "The provided topic name maps to an ID that was already supplied.")
            }
            Self::DeletionDisabled => write!(f, "Topic deletion is disabled."),
            Self::Throttled => write!(f, "The throttling quota has been exceeded."),
            Self::TimedOut => write!(f, "The request timed out before it was begun."),
            Self::ProducerIdsExhausted => write!(f, "There are no producer ids left."),
            Self::LogRefuses(why) => write!(f, "The metadata log takes no records: {why}"),
            Self::LogUnreadable(why) => write!(f, "The metadata log cannot be read: {why}"),
            Self::Unavailable => write!(f, "The controller is not available."),
            Self::TooLarge => write!(f, "Excessively large number of partitions per request."),
            Self::TooManyRecords => {
                write!(f, "Unable to perform excessively large batch operation.")
            }
        }
    }
}

impl std::error::Error for ControllerError {}

/// Configs that the controller refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Configs of a new topic without a value; their keys.
    NullAtCreation(Vec<String>),
    /// The settings refuse a key or its value.
    Invalid(String),
    /// The same for a broker's configs, where Kafka answers another code (KAFKA-13609).
    InvalidForBroker(String),
    /// The request names this resource more than once.
    DuplicateResource,
    /// The request names a key more than once.
    DuplicateKeys,
    /// Values that may not be null; their keys.
    NullValues(Vec<String>),
    /// A resource type without configs.
    UnknownResourceType(i8),
    /// A broker's resource name that is neither empty nor this broker's id.
    UnexpectedBroker {
        /// The name.
        name: String,
        /// This broker's id.
        node: i32,
    },
    /// A topic's resource name is empty.
    EmptyTopic,
    /// A group's resource name is empty.
    EmptyGroup,
    /// A number that is no operation.
    UnknownOperation(i8),
    /// Append or subtract where the value is no list.
    NotAList {
        /// `APPEND` or `SUBTRACT`.
        operation: &'static str,
        /// The key.
        name: String,
    },
    /// `min.insync.replicas` is the cluster's, not one broker's.
    BrokerMinIsr,
    /// `min.insync.replicas` of the cluster may change, not go.
    ClusterMinIsrRemoval,
}

impl ConfigError {
    /// The code that the response carries.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::DuplicateResource
            | Self::DuplicateKeys
            | Self::NullValues(_)
            | Self::UnknownResourceType(_)
            | Self::EmptyTopic
            | Self::EmptyGroup
            | Self::InvalidForBroker(_)
            | Self::UnexpectedBroker { .. } => ErrorCode::InvalidRequest,
            Self::NullAtCreation(_)
            | Self::Invalid(_)
            | Self::NotAList { .. }
            | Self::BrokerMinIsr
            | Self::ClusterMinIsrRemoval => ErrorCode::InvalidConfig,
            Self::UnknownOperation(_) => ErrorCode::UnknownServerError,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NullAtCreation(names) => {
                write!(f, "Null value not supported for topic configs: {}", names.join(","))
            }
            Self::Invalid(text) | Self::InvalidForBroker(text) => f.write_str(text),
            Self::DuplicateResource => write!(f, "Each resource must appear at most once."),
            Self::DuplicateKeys => write!(f, "Error due to duplicate config keys"),
            Self::NullValues(names) => {
                write!(f, "Null value not supported for : {}", names.join(", "))
            }
            Self::UnknownResourceType(raw) => write!(f, "Unknown resource type {raw}"),
            Self::UnexpectedBroker { name, node } if name.parse::<i32>().is_ok() => {
                write!(f, "Unexpected broker id, expected {node}, but received {name}")
            }
            Self::UnexpectedBroker { name, .. } => {
                write!(f, "Node id must be an integer, but it is: {name}")
            }
            Self::EmptyTopic => write!(f, "Default topic resources are not allowed."),
            Self::EmptyGroup => write!(f, "Default group resources are not allowed."),
            Self::UnknownOperation(raw) => write!(f, "Unknown config operation {raw}"),
            Self::NotAList { operation, name } => {
                write!(f, "Can't {operation} to key {name} because its type is not LIST.")
            }
            Self::BrokerMinIsr => write!(
                f,
                "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
            ),
            Self::ClusterMinIsrRemoval => write!(
                f,
                "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
            ),
        }
    }
}

/// A level that a feature cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureError {
    /// The feature, as the request names it.
    pub name: String,
    /// The level.
    pub level: i16,
    /// Why not.
    pub fault: FeatureFault,
}

/// What is wrong with a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureFault {
    /// Neither up nor down.
    UpgradeType,
    /// Below 0.
    Negative,
    /// This release has others.
    Unsupported {
        /// This broker.
        node: i32,
        /// Lowest level that it has.
        min: i16,
        /// Highest; 0 where it has nothing of the feature.
        max: i16,
    },
    /// Down, where the request means up.
    DowngradeUnasked,
    /// Up, where the request means down.
    DowngradeToNewer,
    /// Not even Kafka has it.
    Unknown,
}

impl fmt::Display for FeatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = TopicName::shown(&self.name);
        write!(f, "Invalid update version {} for feature {name}. ", self.level)?;
        match self.fault {
            FeatureFault::UpgradeType => {
                write!(f, "The controller does not support the given upgrade type.")
            }
            FeatureFault::Negative => write!(f, "A feature version cannot be less than 0."),
            FeatureFault::Unsupported { node, max: 0, .. } => {
                write!(f, "Local controller {node} does not support this feature.")
            }
            FeatureFault::Unsupported { node, min, max } if min == max => {
                write!(f, "Local controller {node} only supports versions {min}")
            }
            FeatureFault::Unsupported { node, min, max } => {
                write!(f, "Local controller {node} only supports versions {min}-{max}")
            }
            FeatureFault::DowngradeUnasked => write!(
                f,
                "Can't downgrade the version of this feature without setting the upgrade type to \
                 either safe or unsafe downgrade."
            ),
            FeatureFault::DowngradeToNewer => write!(f, "Can't downgrade to a newer version."),
            FeatureFault::Unknown => write!(f, "Feature {name} not found."),
        }
    }
}

/// Counts and replicas that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlacementError {
    /// A manual assignment and a count exclude each other; which count.
    AssignmentWithCount(&'static str),
    /// A replication factor of 0 or below -1.
    ReplicationFactorRange,
    /// A partition count of 0 or below -1.
    PartitionsRange,
    /// More replicas than brokers.
    TooFewBrokers {
        /// Replicas asked for.
        replication_factor: i16,
        /// Brokers that are registered.
        brokers: usize,
    },
    /// A partition is assigned twice.
    DuplicateAssignment(i32),
    /// Assigned partitions are not 0, 1, 2, ….
    AssignmentGap,
    /// A partition without replicas.
    EmptyReplicas,
    /// A replica on a broker that is not registered.
    UnregisteredBroker(i32),
    /// Two replicas on one broker.
    RepeatedBroker(i32),
    /// Partitions of one topic with different numbers of replicas.
    UnevenReplication {
        /// Of this partition.
        replicas: usize,
        /// Of those before it.
        expected: usize,
    },
    /// As many assignments as partitions to add are needed.
    AssignmentCount {
        /// Partitions to add.
        needed: usize,
        /// Assignments given.
        given: usize,
    },
    /// The topic has that many partitions already.
    PartitionsSame(usize),
    /// The topic has more partitions already.
    PartitionsFewer {
        /// The topic.
        name: String,
        /// Its partitions.
        current: usize,
        /// Those asked for.
        asked: i32,
    },
}

impl PlacementError {
    /// The code that the response carries.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::AssignmentWithCount(_) => ErrorCode::InvalidRequest,
            Self::ReplicationFactorRange | Self::TooFewBrokers { .. } => {
                ErrorCode::InvalidReplicationFactor
            }
            Self::PartitionsRange | Self::PartitionsSame(_) | Self::PartitionsFewer { .. } => {
                ErrorCode::InvalidPartitions
            }
            Self::DuplicateAssignment(_)
            | Self::AssignmentGap
            | Self::EmptyReplicas
            | Self::UnregisteredBroker(_)
            | Self::RepeatedBroker(_)
            | Self::UnevenReplication { .. }
            | Self::AssignmentCount { .. } => ErrorCode::InvalidReplicaAssignment,
        }
    }
}

impl fmt::Display for PlacementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MANUAL: &str = "The manual partition assignment includes";
        match self {
            Self::AssignmentWithCount(count) => write!(
                f,
                "A manual partition assignment was specified, but {count} was not set to -1."
            ),
            Self::ReplicationFactorRange => write!(
                f,
                "Replication factor must be larger than 0, or -1 to use the default value."
            ),
            Self::PartitionsRange => {
                write!(f, "Number of partitions was set to an invalid non-positive value.")
            }
            Self::TooFewBrokers { replication_factor, brokers } => write!(
                f,
                "Unable to replicate the partition {replication_factor} time(s): The target \
                 replication factor of {replication_factor} cannot be reached because only \
                 {brokers} broker(s) are registered."
            ),
            Self::DuplicateAssignment(index) => {
                write!(f, "Found multiple manual partition assignments for partition {index}")
            }
            Self::AssignmentGap => {
                write!(f, "partitions should be a consecutive 0-based integer sequence")
            }
            Self::EmptyReplicas => write!(f, "{MANUAL} an empty replica list."),
            Self::UnregisteredBroker(id) => {
                write!(f, "{MANUAL} broker {id}, but no such broker is registered.")
            }
            Self::RepeatedBroker(id) => write!(f, "{MANUAL} the broker {id} more than once."),
            Self::UnevenReplication { replicas, expected } => write!(
                f,
                "{MANUAL} a partition with {replicas} replica(s), but this is not consistent \
                 with previous partitions, which have {expected} replica(s)."
            ),
            Self::AssignmentCount { needed, given } => write!(
                f,
                "Attempted to add {needed} additional partition(s), but only {given} \
                 assignment(s) were specified."
            ),
            Self::PartitionsSame(count) => {
                write!(f, "Topic already has {count} partition(s).")
            }
            Self::PartitionsFewer { name, current, asked } => write!(
                f,
                "The topic {name} currently has {current} partition(s); {asked} would not be \
                 an increase."
            ),
        }
    }
}
