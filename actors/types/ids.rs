//! Identifiers and positions, each its own type so that the compiler keeps them apart.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
pub use uuid::Uuid;

/// Position of a record in a partition, counted from 0.
///
/// An `Offset` plus a count of records is an `Offset`; two offsets never add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(i64);

impl Offset {
    /// The first offset of any partition.
    pub const ZERO: Self = Self(0);
    /// Larger than any position; a bound for reads that want everything.
    pub const MAX: Self = Self(i64::MAX);

    /// Takes an offset from the wire; negative values are sentinels there, never positions.
    #[must_use]
    pub const fn from_wire(raw: i64) -> Option<Self> {
        if raw >= 0 { Some(Self(raw)) } else { None }
    }

    /// Takes what this broker wrote itself; anything below zero counts as zero.
    #[must_use]
    pub const fn clamped(raw: i64) -> Self {
        Self(if raw < 0 { 0 } else { raw })
    }

    /// The value as Kafka's wire format wants it.
    #[must_use]
    pub const fn to_wire(self) -> i64 {
        self.0
    }

    /// The offset `count` records further on; `None` at the end of the number space.
    #[must_use]
    pub const fn advance(self, count: u32) -> Option<Self> {
        match self.0.checked_add(count as i64) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// How many offsets lie between `earlier` and this one; zero where `earlier` lies ahead.
    #[must_use]
    pub const fn distance_from(self, earlier: Self) -> u64 {
        if self.0 > earlier.0 { self.0.abs_diff(earlier.0) } else { 0 }
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Generation of a partition's leadership; a smaller epoch is a deposed leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaderEpoch(pub i32);

/// `node.id` of a broker or controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i32);

/// Identity of an idempotent producer, given out by InitProducerId.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerId(pub i64);

/// Incarnation of a producer id; a smaller one is fenced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerEpoch(pub i16);

/// Names one log: the topic by its id, so that a topic made again under the same name is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// Topic id; [`LogId::METADATA`] uses Kafka's reserved id 1.
    pub topic_id: Uuid,
    /// Partition index, 0 or more.
    pub partition: i32,
}

impl LogId {
    /// The controller's own log, in the folder `metadata/`.
    pub const METADATA: Self = Self { topic_id: Uuid::from_u128(1), partition: 0 };
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic_id, self.partition)
    }
}

/// Why a topic name is refused; the texts are Kafka's (`Topic.java`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The empty string.
    Empty,
    /// `.` or `..`.
    Dots(String),
    /// More than 249 characters, of which these are the first.
    TooLong(String),
    /// A character outside `[a-zA-Z0-9._-]`.
    Character(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topic name is invalid: ")?;
        match self {
            Self::Empty => write!(f, "the empty string is not allowed"),
            Self::Dots(name) => write!(f, "'{name}' is not allowed"),
            Self::TooLong(name) => {
                let max = TopicName::LENGTH_MAX;
                write!(f, "the length of '{name}' is longer than the max allowed length {max}")
            }
            Self::Character(name) => write!(
                f,
                "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' \
                 and '-'"
            ),
        }
    }
}

impl std::error::Error for NameError {}

/// A topic's name that Kafka would take. Cheap to clone; holds its own memory, never a frame's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Most characters of a name.
    pub const LENGTH_MAX: usize = 249;

    /// What a text tells of a name from the wire, which may be megabytes long.
    #[must_use]
    pub fn shown(name: &str) -> &str {
        name.get(..name.floor_char_boundary(Self::LENGTH_MAX)).unwrap_or_default()
    }

    /// Checks a name by the rules of Kafka's `Topic.validate`.
    ///
    /// # Errors
    /// The first rule that the name breaks.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name == "." || name == ".." {
            return Err(NameError::Dots(name.to_owned()));
        }
        if name.len() > Self::LENGTH_MAX {
            return Err(NameError::TooLong(Self::shown(name).to_owned()));
        }
        if !name.chars().all(allowed) {
            return Err(NameError::Character(name.to_owned()));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `.` and `_` are one in metric names, so names that differ in them alone collide.
    #[must_use]
    pub fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }

    /// Whether the broker keeps its own state in it (`Topic.isInternal`).
    #[must_use]
    pub fn is_internal(&self) -> bool {
        matches!(&*self.0, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
    }
}

impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
