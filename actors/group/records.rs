//! Records of `__consumer_offsets`, byte for byte Kafka's: tools read that topic.
//!
//! Integers are big-endian. A *string* is an i16 length and UTF-8; *nullable*: length -1 for null;
//! *bytes*: an i32 length and bytes. A record without a value (tombstone) deletes its key.
//!
//! | key | |
//! |---|---|
//! | i16 0 or 1 | a position: group string, topic string, partition i32. 1 is written |
//! | i16 2 | a group: group string |
//! | others | consumer, share and streams groups; skipped |
//!
//! | value of a position | versions (i16 at the front); 3 is written, 1 with an expiry |
//! |---|---|
//! | offset i64 | all |
//! | leader epoch i32 | 3 and later; -1 for none |
//! | metadata string, commit time i64 in ms | all |
//! | expiry i64 in ms | 1 alone; -1 for none |
//!
//! | value of a group | versions; 3 is written |
//! |---|---|
//! | protocol type string, generation i32 | all |
//! | protocol nullable, leader nullable | all |
//! | time of its state i64 in ms | 2 and later; -1 for none |
//! | members: i32 count, each with id string | all |
//! | ..instance id nullable | 3 and later |
//! | ..client id string, client host string | all |
//! | ..rebalance timeout i32 in ms | 1 and later; the session timeout where it is missing |
//! | ..session timeout i32 in ms, subscription bytes, assignment bytes | all |
//!
//! Version 4 of either is *flexible*: lengths are unsigned varints of length + 1 (0 for null), and
//! tagged fields end each structure. (`OffsetCommitKey.json`, `OffsetCommitValue.json`,
//! `GroupMetadataKey.json`, `GroupMetadataValue.json`)

use super::cursor::{Cursor, RecordError, put_bytes, put_nullable, put_string};
use super::{InstanceId, MemberId};
use crate::types::{Timestamp, TopicName};
use bytes::{BufMut, Bytes};
use std::time::Duration;

const POSITION_KEY: i16 = 1;
const GROUP_KEY: i16 = 2;
const GROUP_VALUE: i16 = 3;
const POSITION_VALUE: i16 = 3;
const POSITION_VALUE_WITH_EXPIRY: i16 = 1;
/// The newest version of either value that is read.
const VALUE_MAX: i16 = 4;
/// From this version on a value is flexible.
const FLEXIBLE: i16 = 4;

/// A change of a group's hard state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A position is stored, or deleted.
    Offset {
        /// Topic.
        topic: TopicName,
        /// Partition.
        partition: i32,
        /// `None` deletes.
        value: Option<OffsetValue>,
    },
    /// A generation is stored, or the group deleted.
    Group(Option<GroupValue>),
}

/// A stored position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetValue {
    /// Next offset to read.
    pub offset: i64,
    /// Epoch of the last record read, or -1.
    pub leader_epoch: i32,
    /// The client's note.
    pub metadata: String,
    /// When it was committed.
    pub commit_timestamp: Timestamp,
    /// When it goes, where the client said so.
    pub expire_timestamp: Option<Timestamp>,
}

/// A stored generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupValue {
    /// Empty for none.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The protocol chosen.
    pub protocol: Option<String>,
    /// Who assigned.
    pub leader: Option<MemberId>,
    /// When the group came into its state.
    pub state_timestamp: Option<Timestamp>,
    /// Members in the order in which they came.
    pub members: Vec<MemberValue>,
}

/// One member of a stored generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberValue {
    /// Its id.
    pub member_id: MemberId,
    /// For static members.
    pub group_instance_id: Option<InstanceId>,
    /// The client's name for itself.
    pub client_id: String,
    /// Where it connected from.
    pub client_host: String,
    /// How long it may take to join again.
    pub rebalance_timeout: Duration,
    /// How long it may be silent.
    pub session_timeout: Duration,
    /// Its metadata for the protocol.
    pub subscription: Bytes,
    /// What it was assigned.
    pub assignment: Bytes,
}

/// What a record of the topic means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// Something about a classic group or one that stores offsets.
    Group {
        /// Which one.
        group_id: String,
        /// What.
        record: Record,
    },
    /// Of a kind that is not kept here; the number is the key's type.
    Other(i16),
}

impl Record {
    /// Whether one takes the place of the other in a compacted log.
    #[must_use]
    pub(super) fn has_key_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Group(_), Self::Group(_)) => true,
            (
                Self::Offset { topic, partition, .. },
                Self::Offset { topic: other_topic, partition: other_partition, .. },
            ) => (topic, partition) == (other_topic, other_partition),
            (Self::Group(_), Self::Offset { .. }) | (Self::Offset { .. }, Self::Group(_)) => false,
        }
    }

    /// Key and value as the log takes them.
    #[must_use]
    pub fn encode(&self, group_id: &str) -> (Bytes, Option<Bytes>) {
        let mut key = Vec::new();
        match self {
            Self::Offset { topic, partition, value } => {
                key.put_i16(POSITION_KEY);
                put_string(&mut key, group_id);
                put_string(&mut key, topic.as_str());
                key.put_i32(*partition);
                (key.into(), value.as_ref().map(OffsetValue::encode))
            }
            Self::Group(value) => {
                key.put_i16(GROUP_KEY);
                put_string(&mut key, group_id);
                (key.into(), value.as_ref().map(GroupValue::encode))
            }
        }
    }
}

/// Reads a record of `__consumer_offsets`.
///
/// # Errors
/// Bytes that are no such record, a value version from the future, or a topic name that cannot be.
pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Decoded, RecordError> {
    let mut key = Cursor::new(key);
    let kind = key.i16()?;
    match kind {
        0 | POSITION_KEY => {
            let group_id = key.string(false)?;
            let topic = key.string(false)?;
            let topic = TopicName::parse(&topic).map_err(|_| RecordError::Topic(topic))?;
            let partition = key.i32()?;
            let value = value.map(OffsetValue::decode).transpose()?;
            Ok(Decoded::Group { group_id, record: Record::Offset { topic, partition, value } })
        }
        GROUP_KEY => {
            let group_id = key.string(false)?;
            let value = value.map(GroupValue::decode).transpose()?;
            Ok(Decoded::Group { group_id, record: Record::Group(value) })
        }
        _ => Ok(Decoded::Other(kind)),
    }
}

fn version(cursor: &mut Cursor<'_>) -> Result<i16, RecordError> {
    let version = cursor.i16()?;
    if (0..=VALUE_MAX).contains(&version) {
        Ok(version)
    } else {
        Err(RecordError::Version(version))
    }
}

/// Kafka's -1 for "no time".
fn time(raw: i64) -> Option<Timestamp> {
    (raw >= 0).then_some(Timestamp(raw))
}

fn raw_time(time: Option<Timestamp>) -> i64 {
    time.map_or(-1, |Timestamp(raw)| raw)
}

fn millis(raw: i32) -> Duration {
    Duration::from_millis(u64::try_from(raw).unwrap_or(0))
}

fn raw_millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

impl OffsetValue {
    fn encode(&self) -> Bytes {
        let mut to = Vec::new();
        if self.expire_timestamp.is_some() {
            to.put_i16(POSITION_VALUE_WITH_EXPIRY);
            to.put_i64(self.offset);
        } else {
            to.put_i16(POSITION_VALUE);
            to.put_i64(self.offset);
            to.put_i32(self.leader_epoch);
        }
        put_string(&mut to, &self.metadata);
        to.put_i64(self.commit_timestamp.0);
        if self.expire_timestamp.is_some() {
            to.put_i64(raw_time(self.expire_timestamp));
        }
        to.into()
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut from = Cursor::new(bytes);
        let version = version(&mut from)?;
        let flexible = version >= FLEXIBLE;
        let offset = from.i64()?;
        let leader_epoch = if version >= 3 { from.i32()? } else { -1 };
        let metadata = from.string(flexible)?;
        let commit_timestamp = Timestamp(from.i64()?);
        let expire_timestamp = if version == 1 { time(from.i64()?) } else { None };
        if flexible {
            from.skip_tags()?;
        }
        Ok(Self { offset, leader_epoch, metadata, commit_timestamp, expire_timestamp })
    }
}

impl GroupValue {
    fn encode(&self) -> Bytes {
        let mut to = Vec::new();
        to.put_i16(GROUP_VALUE);
        put_string(&mut to, &self.protocol_type);
        to.put_i32(self.generation);
        put_nullable(&mut to, self.protocol.as_deref());
        put_nullable(&mut to, self.leader.as_deref());
        to.put_i64(raw_time(self.state_timestamp));
        to.put_i32(i32::try_from(self.members.len()).unwrap_or(i32::MAX));
        for member in &self.members {
            put_string(&mut to, &member.member_id);
            put_nullable(&mut to, member.group_instance_id.as_deref());
            put_string(&mut to, &member.client_id);
            put_string(&mut to, &member.client_host);
            to.put_i32(raw_millis(member.rebalance_timeout));
            to.put_i32(raw_millis(member.session_timeout));
            put_bytes(&mut to, &member.subscription);
            put_bytes(&mut to, &member.assignment);
        }
        to.into()
    }

    fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut from = Cursor::new(bytes);
        let version = version(&mut from)?;
        let flexible = version >= FLEXIBLE;
        let protocol_type = from.string(flexible)?;
        let generation = from.i32()?;
        let protocol = from.nullable(flexible)?;
        let leader = from.nullable(flexible)?.map(MemberId::from);
        let state_timestamp = if version >= 2 { time(from.i64()?) } else { None };
        let count = from.count(flexible)?;
        let mut members = Vec::new();
        for _ in 0..count {
            members.push(MemberValue::decode(&mut from, version)?);
        }
        if flexible {
            from.skip_tags()?;
        }
        Ok(Self { protocol_type, generation, protocol, leader, state_timestamp, members })
    }
}

impl MemberValue {
    fn decode(from: &mut Cursor<'_>, version: i16) -> Result<Self, RecordError> {
        let flexible = version >= FLEXIBLE;
        let member_id = from.string(flexible)?.into();
        let group_instance_id =
            if version >= 3 { from.nullable(flexible)?.map(InstanceId::from) } else { None };
        let client_id = from.string(flexible)?;
        let client_host = from.string(flexible)?;
        let rebalance_timeout = if version >= 1 { Some(from.i32()?) } else { None };
        let session_timeout = from.i32()?;
        let subscription = from.bytes(flexible)?;
        let assignment = from.bytes(flexible)?;
        if flexible {
            from.skip_tags()?;
        }
        Ok(Self {
            member_id,
            group_instance_id,
            client_id,
            client_host,
            rebalance_timeout: millis(rebalance_timeout.unwrap_or(session_timeout)),
            session_timeout: millis(session_timeout),
            subscription,
            assignment,
        })
    }
}
