//! What the controller can be asked, and what it answers.

use super::error::ControllerError;
use super::quota_error::QuotaError;
use super::rules::ConfigResource;
use crate::quota::{EntityQuotas, QuotaEntity};
use crate::types::{NodeId, ProducerId, Secret, TopicName, Uuid};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A request, as the machine takes it.
#[derive(Clone, Debug)]
pub enum Request {
    /// This broker's process has started.
    StartBroker(StartBroker),
    /// Make topics.
    CreateTopics(CreateTopics),
    /// Make sure that topics the broker itself needs are there.
    DeclareTopics(Vec<NewTopic>),
    /// Remove topics.
    DeleteTopics(DeleteTopics),
    /// Make topics larger.
    CreatePartitions(CreatePartitions),
    /// Move partitions' replicas, or give moves up.
    Reassign(Vec<Reassignment>),
    /// Change levels of features.
    UpdateFeatures(UpdateFeatures),
    /// Change dynamic configs.
    AlterConfigs(AlterConfigs),
    /// Change credentials of SCRAM users.
    AlterScram(AlterScram),
    /// The dynamic configs of a resource.
    ConfigsOf(ConfigResource),
    /// Names of groups that have dynamic configs.
    ConfiguredGroups,
    /// Change client quotas.
    AlterQuotas(AlterQuotas),
    /// Client quotas that a filter matches.
    Quotas(QuotaFilter),
    /// One producer id that nobody has had.
    NewProducerId,
    /// A whole block of producer ids that nobody has had.
    AllocateProducerIds,
}

/// An answer; always of its request's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To [`Request::StartBroker`].
    Started(Started),
    /// To [`Request::CreateTopics`]: a result for each name, in the request's order, names that
    /// were refused as duplicates at the end.
    TopicsCreated(Vec<(String, Result<TopicCreated, ControllerError>)>),
    /// To [`Request::DeclareTopics`], in the request's order.
    TopicsDeclared(Vec<(String, Result<Declared, ControllerError>)>),
    /// To [`Request::DeleteTopics`].
    TopicsDeleted(Vec<TopicDeleted>),
    /// To [`Request::CreatePartitions`].
    PartitionsCreated(Vec<(String, Result<(), ControllerError>)>),
    /// To [`Request::Reassign`], in the request's order.
    Reassigned(Vec<Result<(), ControllerError>>),
    /// To [`Request::UpdateFeatures`].
    FeaturesUpdated(Result<(), ControllerError>),
    /// To [`Request::AlterConfigs`], in the request's order.
    ConfigsAltered(Vec<ConfigsAltered>),
    /// To [`Request::AlterScram`]: one for each user, in the order of their names.
    ScramAltered(Vec<ScramAltered>),
    /// To [`Request::ConfigsOf`]; empty if nothing is set.
    Configs(Arc<BTreeMap<String, String>>),
    /// To [`Request::ConfiguredGroups`].
    ConfiguredGroups(Vec<String>),
    /// To [`Request::AlterQuotas`]: a result for each entity.
    QuotasAltered(Vec<(AskedEntity, Result<(), QuotaError>)>),
    /// To [`Request::Quotas`].
    Quotas(Result<Vec<(QuotaEntity, EntityQuotas)>, QuotaError>),
    /// To a request that used up its client's quota of changes: the client is to pause for so long.
    Throttled(Box<Self>, Duration),
    /// To [`Request::NewProducerId`].
    ProducerId(Result<ProducerId, ControllerError>),
    /// To [`Request::AllocateProducerIds`].
    ProducerIds(Result<ProducerIdBlock, ControllerError>),
}

/// Where the replicas of one partition shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassignment {
    /// The topic's name, whatever the requester wrote.
    pub topic: Arc<str>,
    /// The partition's index, as it was asked for.
    pub partition: i32,
    /// Its replicas; none gives up a move that is in progress.
    pub replicas: Option<Vec<NodeId>>,
}

/// A broker's process has started; always the first request of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartBroker {
    /// Who.
    pub node: NodeId,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// Whether the process before it ended in good order, so that every log is as its leader
    /// left it. Otherwise the leader epochs of its partitions go up.
    pub clean: bool,
    /// `min.insync.replicas` from this broker's files. A new cluster keeps it as the dynamic
    /// default of all brokers, as Kafka does since 4.1 (KIP-966).
    pub min_insync_replicas: String,
}

/// A start has been written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// How often brokers have started uncleanly; 0 in a new cluster.
    pub term: i32,
}

/// A topic to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name, not checked yet.
    pub name: String,
    /// Its id, drawn outside with [`fresh_topic_id`](super::fresh_topic_id).
    pub id: Uuid,
    /// Partitions; -1 for `num.partitions`.
    pub partitions: i32,
    /// Replicas of each; -1 for `default.replication.factor`.
    pub replication_factor: i16,
    /// Partition index and its replicas, leader first; both counts are -1 then.
    pub assignments: Vec<(i32, Vec<NodeId>)>,
    /// Overrides, as they came; null values are refused.
    pub configs: Vec<(String, Option<String>)>,
}

impl NewTopic {
    /// A topic with the broker's defaults for both counts, and no overrides.
    #[must_use]
    pub const fn with_defaults(name: String, id: Uuid) -> Self {
        Self {
            name,
            id,
            partitions: -1,
            replication_factor: -1,
            assignments: Vec::new(),
            configs: Vec::new(),
        }
    }
}

/// A client that makes or deletes partitions, for its quota of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// Its user.
    pub user: String,
    /// Its client id.
    pub client_id: String,
    /// Whether it can be refused; clients of before can only be told to pause.
    pub is_strict: bool,
}

/// CreateTopics (key 19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTopics {
    /// The client; none is the broker itself.
    pub requester: Option<Requester>,
    /// The topics.
    pub topics: Vec<NewTopic>,
    /// Check everything, change nothing.
    pub validate_only: bool,
    /// How long the requester waits, in ms; below 0 nothing is done.
    pub timeout_ms: i32,
}

/// A topic was made, or would have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicCreated {
    /// Its name.
    pub name: TopicName,
    /// Its id.
    pub id: Uuid,
    /// Its partitions.
    pub partitions: i32,
    /// Replicas of partition 0.
    pub replication_factor: i16,
    /// Its overrides.
    pub configs: BTreeMap<String, String>,
}

/// A topic that the broker needs is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its id.
    pub id: Uuid,
    /// Its partitions; those of the topic that was there, if there was one.
    pub partitions: i32,
    /// Whether this request made it.
    pub created: bool,
    /// The replication factor that was asked for, where there were fewer brokers than that.
    pub clamped_from: Option<i16>,
}

/// DeleteTopics (key 20).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteTopics {
    /// The client; none is the broker itself.
    pub requester: Option<Requester>,
    /// The topics.
    pub topics: Vec<TopicRef>,
    /// How long the requester waits, in ms; below 0 nothing is done.
    pub timeout_ms: i32,
}

/// A topic as a request names it: by name or by id, and not by both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRef {
    /// Its name.
    pub name: Option<String>,
    /// Its id; nil if it is not given.
    pub id: Uuid,
}

/// What became of a topic that was to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDeleted {
    /// Its name, where the request or the cluster knows it.
    pub name: Option<String>,
    /// Its id; nil if unknown.
    pub id: Uuid,
    /// Gone, or why not.
    pub result: Result<(), ControllerError>,
}

/// CreatePartitions (key 37).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitions {
    /// The client; none is the broker itself.
    pub requester: Option<Requester>,
    /// The topics.
    pub topics: Vec<MorePartitions>,
    /// Check everything, change nothing.
    pub validate_only: bool,
    /// How long the requester waits, in ms; below 0 nothing is done.
    pub timeout_ms: i32,
}

/// A topic that is to grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MorePartitions {
    /// Its name.
    pub name: String,
    /// Partitions afterwards.
    pub count: i32,
    /// Replicas of each partition that is added, if the requester chose them.
    pub assignments: Option<Vec<Vec<NodeId>>>,
}

/// UpdateFeatures (key 57).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateFeatures {
    /// The features; all of them or none.
    pub updates: Vec<FeatureUpdate>,
    /// Check everything, change nothing.
    pub validate_only: bool,
    /// The broker that was asked.
    pub node: NodeId,
}

/// A feature that is to have another level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// Its name.
    pub name: String,
    /// The level; 0: not used any more.
    pub level: i16,
    /// `FeatureUpdate.UpgradeType` of Kafka: whether this may be down.
    pub upgrade_type: i8,
}

/// IncrementalAlterConfigs (key 44), or AlterConfigs (key 33).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterConfigs {
    /// The resources.
    pub resources: Vec<ResourceAlteration>,
    /// Keys that are not named go back to their defaults (AlterConfigs).
    pub replace: bool,
    /// Check everything, change nothing.
    pub validate_only: bool,
    /// The broker that was asked: it changes its own configs and the default of all, no others'.
    pub node: NodeId,
}

/// Changes of one resource; all of them or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceAlteration {
    /// `ConfigResource.Type` of Kafka.
    pub resource_type: i8,
    /// Topic name, broker id or empty, group id.
    pub resource_name: String,
    /// The changes.
    pub changes: Vec<ConfigChange>,
}

/// One key's change.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// The key.
    pub name: String,
    /// `AlterConfigOp.OpType` of Kafka; see [`ConfigOperation`].
    pub operation: i8,
    /// The value; null only for a deletion.
    pub value: Option<String>,
}

impl fmt::Debug for ConfigChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whether the value is a secret depends on whose it is.
        let Self { name, operation, .. } = self;
        f.debug_tuple("ConfigChange").field(name).field(operation).finish_non_exhaustive()
    }
}

/// What to do with a key (`AlterConfigOp.OpType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigOperation {
    /// Give it this value.
    Set,
    /// Go back to the default.
    Delete,
    /// Add to a list.
    Append,
    /// Take out of a list.
    Subtract,
}

impl ConfigOperation {
    /// Kafka's number.
    #[must_use]
    pub const fn to_wire(self) -> i8 {
        match self {
            Self::Set => 0,
            Self::Delete => 1,
            Self::Append => 2,
            Self::Subtract => 3,
        }
    }

    /// Reads Kafka's number; `None` for one that Kafka does not know either.
    #[must_use]
    pub const fn from_wire(raw: i8) -> Option<Self> {
        match raw {
            0 => Some(Self::Set),
            1 => Some(Self::Delete),
            2 => Some(Self::Append),
            3 => Some(Self::Subtract),
            _ => None,
        }
    }
}

/// What became of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigsAltered {
    /// As in the request.
    pub resource_type: i8,
    /// As in the request.
    pub resource_name: String,
    /// The resource that was changed, or why none was.
    pub result: Result<ConfigResource, ControllerError>,
}

/// Whose quotas, as a request names it: kind and name, null for the default.
pub type AskedEntity = BTreeMap<String, Option<String>>;

/// AlterClientQuotas (key 49).
#[derive(Clone, Debug)]
pub struct AlterQuotas {
    /// The changes.
    pub alterations: Vec<QuotaAlteration>,
    /// Check everything, change nothing.
    pub validate_only: bool,
}

/// Changes of one entity's quotas; all of them or none.
#[derive(Clone, Debug)]
pub struct QuotaAlteration {
    /// Whose.
    pub entity: AskedEntity,
    /// What an address that it names is; none for a name that nobody knows.
    pub address: Option<IpAddr>,
    /// Key and value; none unsets it.
    pub changes: Vec<(String, Option<f64>)>,
}

/// DescribeClientQuotas (key 48).
#[derive(Clone, Debug)]
pub struct QuotaFilter {
    /// What an entity has to have.
    pub components: Vec<QuotaComponent>,
    /// Whether it may have nothing else.
    pub strict: bool,
}

/// What an entity has to have of one kind.
#[derive(Clone, Debug)]
pub struct QuotaComponent {
    /// The kind.
    pub kind: String,
    /// Kafka's number: 0 this name, 1 the default, 2 any.
    pub match_type: i8,
    /// The name.
    pub name: Option<String>,
}

/// AlterUserScramCredentials (key 51).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterScram {
    /// Credentials that shall go.
    pub deletions: Vec<ScramDeletion>,
    /// Credentials that shall be there.
    pub upsertions: Vec<ScramUpsertion>,
}

impl AlterScram {
    /// Names of the users that it is about.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        let deleted = self.deletions.iter().map(|deletion| deletion.user.as_str());
        deleted.chain(self.upsertions.iter().map(|upsertion| upsertion.user.as_str()))
    }
}

/// A credential that shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramDeletion {
    /// Whose.
    pub user: String,
    /// Kafka's number of the mechanism.
    pub mechanism: i8,
}

/// A credential that shall be there, in the place of the one that may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramUpsertion {
    /// Whose.
    pub user: String,
    /// Kafka's number of the mechanism.
    pub mechanism: i8,
    /// Rounds of hashing.
    pub iterations: i32,
    /// What the password was salted with.
    pub salt: Vec<u8>,
    /// The password, salted and hashed.
    pub salted_password: Secret,
}

/// What became of a user's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramAltered {
    /// The user.
    pub user: String,
    /// Changed, or why not.
    pub result: Result<(), ControllerError>,
}

/// Producer ids that belong to whoever asked, for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerIdBlock {
    /// The ids.
    pub ids: Range<i64>,
}
