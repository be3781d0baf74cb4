//! The records of the metadata log, in memory and as bytes.
//!
//! A log entry is one record batch of Kafka's format (magic 2, no compression, no producer), and
//! holds the records of one decision. Keys are null; a value is
//!
//! ```text
//! offset 0  kind     u16, big endian: which record, see `kind`; numbers are never used again
//! offset 2  version  u16, big endian: of that kind, from 1; old versions stay readable for ever
//! offset 4  body     bincode 2, standard configuration, of the kind's stored struct below
//! ```
//!
//! A crash leaves whole batches only: the log cuts what is torn. An unknown kind or version stops
//! the broker: a newer one wrote it, and to skip it would be to forget what it says.
//!
//! Configs and producer ids overwrite each other and topics end, so most of a long log is of no
//! use; it is read whole at the start, and kept small by nothing else yet.

use super::rules::{ConfigResource, ResourceKind};
use super::scram_record::{ScramRecord, read_stored, stored};
use super::state::PartitionState;
use crate::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValue};
use crate::types::{
    LeaderEpoch, NameError, NodeId, Timestamp, TopicName, Uuid, shown_broker_value,
};
use crate::wire::{BatchBuilder, BatchHeader, Records, crc_of};
use bincode::{Decode, Encode};
use bytes::Bytes;
use std::fmt;
use std::net::IpAddr;

/// A change of the cluster's hard state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The cluster uses a feature at another level.
    Feature(FeatureRecord),
    /// A broker is registered, or has started again.
    Broker(BrokerRecord),
    /// A topic is made; its partitions follow in the same batch.
    Topic(TopicRecord),
    /// A topic is deleted, with its partitions and configs.
    RemoveTopic(RemoveTopicRecord),
    /// A partition is made, or is otherwise now. Always whole.
    Partition(PartitionRecord),
    /// A dynamic config is set or unset.
    Config(ConfigRecord),
    /// A client quota is set or unset.
    Quota(QuotaRecord),
    /// A SCRAM user's credential for a mechanism is set or unset.
    Scram(ScramRecord),
    /// Producer ids below `next` belong to somebody.
    ProducerIds(ProducerIdsRecord),
}

/// See [`Record::Feature`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRecord {
    /// Kafka's name of it.
    pub name: String,
    /// Its level; 0: not used.
    pub level: i16,
}

/// See [`Record::Broker`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerRecord {
    /// Who.
    pub node: NodeId,
    /// Its unclean starts so far.
    pub term: i32,
    /// `broker.rack`.
    pub rack: Option<String>,
}

/// See [`Record::Topic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: TopicName,
}

/// See [`Record::RemoveTopic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveTopicRecord {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: TopicName,
}

/// See [`Record::Partition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// Of this topic.
    pub topic_id: Uuid,
    /// Its index, from 0.
    pub partition: i32,
    /// What it is.
    pub state: PartitionState,
}

/// See [`Record::Config`].
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigRecord {
    /// Whose.
    pub resource: ConfigResource,
    /// The key.
    pub name: String,
    /// The value; `None`: the default again.
    pub value: Option<String>,
}

impl fmt::Debug for ConfigRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, name, value } = self;
        let value = value.as_deref().map(|value| match resource {
            ConfigResource::Broker(_) => shown_broker_value(name, value),
            ConfigResource::Topic(_) | ConfigResource::Group(_) => value,
        });
        f.debug_tuple("ConfigRecord").field(resource).field(name).field(&value).finish()
    }
}

/// See [`Record::Quota`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaRecord {
    /// Whose.
    pub entity: QuotaEntity,
    /// Where an address is named: what the name stood for.
    pub address: Option<IpAddr>,
    /// What is bounded.
    pub key: QuotaKey,
    /// The bound; `None`: no bound any more.
    pub value: Option<QuotaValue>,
}

/// See [`Record::ProducerIds`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdsRecord {
    /// The first id that nobody has.
    pub next: i64,
}

/// Why stored bytes are no records of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The batch is not of the form that is written here.
    Batch(String),
    /// A value ends within its kind and version.
    Short,
    /// A kind or version that this release does not know.
    Unknown {
        /// The kind.
        kind: u16,
        /// The version.
        version: u16,
    },
    /// The body of a known kind cannot be read.
    Body {
        /// The kind.
        kind: u16,
        /// What bincode says.
        reason: String,
    },
    /// A topic name that breaks the rules.
    Name(NameError),
    /// A type of config resource that is not known.
    Resource(i8),
    /// A quota of nobody, or of a key that is not known.
    Quota(String),
    /// A SCRAM mechanism that is not known.
    Mechanism(i8),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Batch(reason) => write!(f, "metadata batch is damaged: {reason}"),
            Self::Short => write!(f, "metadata record ends within its head"),
            Self::Unknown { kind, version } => write!(
                f,
                "metadata record of kind {kind} version {version} was written by a newer release"
            ),
            Self::Body { kind, reason } => {
                write!(f, "metadata record of kind {kind} cannot be read: {reason}")
            }
            Self::Name(error) => write!(f, "metadata record has a bad name: {error}"),
            Self::Resource(raw) => write!(f, "metadata record has config resource type {raw}"),
            Self::Quota(reason) => write!(f, "metadata record has a bad quota: {reason}"),
            Self::Mechanism(raw) => write!(f, "metadata record has SCRAM mechanism {raw}"),
        }
    }
}

impl std::error::Error for RecordError {}

/// Numbers of the kinds; gaps belong to records that a later stage writes.
mod kind {
    pub(super) const FEATURE: u16 = 1;
    pub(super) const BROKER: u16 = 2;
    pub(super) const TOPIC: u16 = 6;
    pub(super) const REMOVE_TOPIC: u16 = 7;
    pub(super) const PARTITION: u16 = 8;
    pub(super) const CONFIG: u16 = 9;
    pub(super) const QUOTA: u16 = 10;
    pub(super) const SCRAM: u16 = 13;
    pub(super) const PRODUCER_IDS: u16 = 15;
}

#[derive(Encode, Decode)]
struct StoredFeature1 {
    name: String,
    level: i16,
}

#[derive(Encode, Decode)]
struct StoredBroker1 {
    node: i32,
    term: i32,
    rack: Option<String>,
}

#[derive(Encode, Decode)]
struct StoredTopic1 {
    id: u128,
    name: String,
}

#[derive(Encode, Decode)]
struct StoredPartition1 {
    topic_id: u128,
    partition: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    leader: i32,
    leader_epoch: i32,
    partition_epoch: i32,
}

#[derive(Encode, Decode)]
struct StoredConfig1 {
    resource_type: i8,
    resource_name: String,
    name: String,
    value: Option<String>,
}

/// A name of `None` is the default's; a kind of `None` is not part of the entity.
#[derive(Encode, Decode)]
struct StoredQuota1 {
    user: Option<Option<String>>,
    client_id: Option<Option<String>>,
    ip: Option<Option<String>>,
    /// As text.
    address: Option<String>,
    key: String,
    value: Option<f64>,
}

#[derive(Encode, Decode)]
struct StoredProducerIds1 {
    next: i64,
}

/// One batch that holds these records, with base offset and leader epoch 0.
#[must_use]
pub fn encode_batch(records: &[Record], at: Timestamp) -> Bytes {
    let mut batch = BatchBuilder::new().with_leader_epoch(LeaderEpoch(0));
    for record in records {
        batch.record(at.0, None, Some(&encode(record)));
    }
    batch.build()
}

/// The records of a batch.
///
/// # Errors
/// Damage, or a newer release's records.
pub fn decode_batch(batch: &[u8]) -> Result<Vec<Record>, RecordError> {
    let damaged = |reason: String| RecordError::Batch(reason);
    let header = BatchHeader::parse(batch).map_err(|error| damaged(error.to_string()))?;
    if header.size_bytes != batch.len() || header.crc != crc_of(batch) {
        return Err(damaged("its length or checksum does not match".to_owned()));
    }
    let records = Records::open(batch, batch.len()).map_err(|error| damaged(error.to_string()))?;
    let values = records.iter().map(|placed| {
        let value = placed.map_err(|error| damaged(error.to_string()))?.record.value;
        decode(value.ok_or(RecordError::Short)?)
    });
    values.collect()
}

fn encode(record: &Record) -> Vec<u8> {
    match record {
        Record::Feature(FeatureRecord { name, level }) => {
            frame(kind::FEATURE, &StoredFeature1 { name: name.clone(), level: *level })
        }
        Record::Broker(BrokerRecord { node, term, rack }) => {
            frame(kind::BROKER, &StoredBroker1 { node: node.0, term: *term, rack: rack.clone() })
        }
        Record::Topic(TopicRecord { id, name }) => frame(kind::TOPIC, &topic(*id, name)),
        Record::RemoveTopic(RemoveTopicRecord { id, name }) => {
            frame(kind::REMOVE_TOPIC, &topic(*id, name))
        }
        Record::Partition(record) => frame(kind::PARTITION, &stored_partition(record)),
        Record::Config(record) => frame(kind::CONFIG, &stored_config(record)),
        Record::Quota(record) => frame(kind::QUOTA, &stored_quota(record)),
        Record::Scram(record) => frame(kind::SCRAM, &stored(record)),
        Record::ProducerIds(ProducerIdsRecord { next }) => {
            frame(kind::PRODUCER_IDS, &StoredProducerIds1 { next: *next })
        }
    }
}

fn topic(id: Uuid, name: &TopicName) -> StoredTopic1 {
    StoredTopic1 { id: id.as_u128(), name: name.as_str().to_owned() }
}

fn stored_partition(record: &PartitionRecord) -> StoredPartition1 {
    let state = &record.state;
    StoredPartition1 {
        topic_id: record.topic_id.as_u128(),
        partition: record.partition,
        replicas: state.replicas.iter().map(|node| node.0).collect(),
        isr: state.isr.iter().map(|node| node.0).collect(),
        leader: state.leader.0,
        leader_epoch: state.leader_epoch.0,
        partition_epoch: state.partition_epoch,
    }
}

fn stored_config(record: &ConfigRecord) -> StoredConfig1 {
    let (kind, resource_name) = match &record.resource {
        ConfigResource::Topic(name) => (ResourceKind::Topic, name.as_str().to_owned()),
        ConfigResource::Broker(None) => (ResourceKind::Broker, String::new()),
        ConfigResource::Broker(Some(node)) => (ResourceKind::Broker, node.0.to_string()),
        ConfigResource::Group(group) => (ResourceKind::Group, group.clone()),
    };
    StoredConfig1 {
        resource_type: kind.to_wire(),
        resource_name,
        name: record.name.clone(),
        value: record.value.clone(),
    }
}

fn stored_quota(record: &QuotaRecord) -> StoredQuota1 {
    let parts = record.entity.parts();
    let named = |kind: &str| {
        let found = parts.iter().find(|(of, _)| *of == kind);
        found.map(|(_, name)| name.name().map(str::to_owned))
    };
    StoredQuota1 {
        user: named(QuotaEntity::USER),
        client_id: named(QuotaEntity::CLIENT_ID),
        ip: named(QuotaEntity::IP),
        address: record.address.map(|address| address.to_string()),
        key: record.key.name().to_owned(),
        value: record.value.map(QuotaValue::value),
    }
}

/// Version of every kind so far.
const VERSION: u16 = 1;

fn frame(kind: u16, body: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    let written = bincode::encode_into_std_write(body, &mut bytes, bincode::config::standard());
    assert!(written.is_ok(), "a metadata record of kind {kind} cannot be encoded: {written:?}");
    bytes
}

fn decode(value: &[u8]) -> Result<Record, RecordError> {
    let (head, body) = value.split_first_chunk::<4>().ok_or(RecordError::Short)?;
    let [a, b, c, d] = *head;
    let (kind, version) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    if version != VERSION {
        return Err(RecordError::Unknown { kind, version });
    }
    match kind {
        kind::FEATURE => {
            let StoredFeature1 { name, level } = read(kind, body)?;
            Ok(Record::Feature(FeatureRecord { name, level }))
        }
        kind::BROKER => {
            let StoredBroker1 { node, term, rack } = read(kind, body)?;
            Ok(Record::Broker(BrokerRecord { node: NodeId(node), term, rack }))
        }
        kind::TOPIC => {
            let (id, name) = read_topic(kind, body)?;
            Ok(Record::Topic(TopicRecord { id, name }))
        }
        kind::REMOVE_TOPIC => {
            let (id, name) = read_topic(kind, body)?;
            Ok(Record::RemoveTopic(RemoveTopicRecord { id, name }))
        }
        kind::PARTITION => Ok(Record::Partition(read_partition(read(kind, body)?))),
        kind::CONFIG => Ok(Record::Config(read_config(read(kind, body)?)?)),
        kind::QUOTA => Ok(Record::Quota(read_quota(read(kind, body)?)?)),
        kind::SCRAM => Ok(Record::Scram(read_stored(read(kind, body)?)?)),
        kind::PRODUCER_IDS => {
            let StoredProducerIds1 { next } = read(kind, body)?;
            Ok(Record::ProducerIds(ProducerIdsRecord { next }))
        }
        _ => Err(RecordError::Unknown { kind, version }),
    }
}

fn read<T: Decode<()>>(kind: u16, body: &[u8]) -> Result<T, RecordError> {
    let failed = |reason: String| RecordError::Body { kind, reason };
    // The limit keeps a damaged length from being allocated.
    let config = bincode::config::standard().with_limit::<BODY_BYTES_MAX>();
    let (value, used) =
        bincode::decode_from_slice(body, config).map_err(|error| failed(error.to_string()))?;
    if used == body.len() { Ok(value) } else { Err(failed("bytes are left over".to_owned())) }
}

/// No record comes near this; what claims to is damaged.
const BODY_BYTES_MAX: usize = 8 << 20;

fn read_topic(kind: u16, body: &[u8]) -> Result<(Uuid, TopicName), RecordError> {
    let StoredTopic1 { id, name } = read(kind, body)?;
    let name = TopicName::parse(&name).map_err(RecordError::Name)?;
    Ok((Uuid::from_u128(id), name))
}

fn read_partition(stored: StoredPartition1) -> PartitionRecord {
    PartitionRecord {
        topic_id: Uuid::from_u128(stored.topic_id),
        partition: stored.partition,
        state: PartitionState {
            replicas: stored.replicas.into_iter().map(NodeId).collect(),
            isr: stored.isr.into_iter().map(NodeId).collect(),
            leader: NodeId(stored.leader),
            leader_epoch: LeaderEpoch(stored.leader_epoch),
            partition_epoch: stored.partition_epoch,
        },
    }
}

fn read_config(stored: StoredConfig1) -> Result<ConfigRecord, RecordError> {
    let unknown = RecordError::Resource(stored.resource_type);
    let resource = match ResourceKind::from_wire(stored.resource_type) {
        Some(ResourceKind::Topic) => ConfigResource::Topic(
            TopicName::parse(&stored.resource_name).map_err(RecordError::Name)?,
        ),
        Some(ResourceKind::Broker) if stored.resource_name.is_empty() => {
            ConfigResource::Broker(None)
        }
        Some(ResourceKind::Broker) => {
            let node = stored.resource_name.parse().map_err(|_| unknown)?;
            ConfigResource::Broker(Some(NodeId(node)))
        }
        Some(ResourceKind::Group) => ConfigResource::Group(stored.resource_name),
        None => return Err(unknown),
    };
    Ok(ConfigRecord { resource, name: stored.name, value: stored.value })
}

fn read_quota(stored: StoredQuota1) -> Result<QuotaRecord, RecordError> {
    let name = |part: Option<Option<String>>| part.map(QuotaName::from);
    let entity = match (name(stored.user), name(stored.client_id), name(stored.ip)) {
        (Some(user), None, None) => QuotaEntity::User(user),
        (Some(user), Some(client), None) => QuotaEntity::UserClient(user, client),
        (None, Some(client), None) => QuotaEntity::Client(client),
        (None, None, Some(ip)) => QuotaEntity::Ip(ip),
        (_, _, Some(_)) | (None, None, None) => {
            return Err(RecordError::Quota("its entity is of no kind".to_owned()));
        }
    };
    let key = QuotaKey::parse(&stored.key)
        .ok_or_else(|| RecordError::Quota(format!("its key is {}", stored.key)))?;
    let address = stored.address.map(|text| {
        text.parse::<IpAddr>().map_err(|_| RecordError::Quota(format!("its address is {text}")))
    });
    let value = stored.value.map(QuotaValue::new);
    Ok(QuotaRecord { entity, address: address.transpose()?, key, value })
}
