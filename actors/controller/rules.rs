//! What configs mean, asked from whoever keeps the tables.

use crate::types::{NodeId, TopicName};
use std::collections::BTreeMap;

/// A kind of thing that has dynamic configs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// A topic.
    Topic,
    /// One broker, or the default of all.
    Broker,
    /// A group.
    Group,
}

impl ResourceKind {
    /// Kafka's number (`ConfigResource.Type`); `None` for kinds that have no configs here.
    #[must_use]
    pub const fn from_wire(raw: i8) -> Option<Self> {
        match raw {
            2 => Some(Self::Topic),
            4 => Some(Self::Broker),
            32 => Some(Self::Group),
            _ => None,
        }
    }

    /// Kafka's number.
    #[must_use]
    pub const fn to_wire(self) -> i8 {
        match self {
            Self::Topic => 2,
            Self::Broker => 4,
            Self::Group => 32,
        }
    }
}

/// A thing that has dynamic configs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    /// A topic.
    Topic(TopicName),
    /// One broker, or the default of all.
    Broker(Option<NodeId>),
    /// A group, by its id.
    Group(String),
}

/// Checks and facts about configs. The machine asks; the tables of settings answer.
///
/// Texts of refusals reach the client as they are, so they read like Kafka's: lower case or upper,
/// no secrets, naming key and value.
pub trait ConfigRules: Send + Sync {
    /// Whether these may be all the overrides of a resource of this kind together.
    ///
    /// # Errors
    /// The first override that is unknown or has a bad value, as a text for the client.
    fn check(
        &self,
        resource: &ConfigResource,
        all: &BTreeMap<String, String>,
    ) -> Result<(), String>;

    /// Whether a broker can go by these values of its own and of all brokers together.
    ///
    /// # Errors
    /// It could not serve its clients with them; a text for the client.
    fn check_broker(
        &self,
        of_broker: &BTreeMap<String, String>,
        of_all: &BTreeMap<String, String>,
    ) -> Result<(), String>;

    /// Whether values of this key are lists, which can be appended to.
    fn is_list(&self, kind: ResourceKind, name: &str) -> bool;

    /// The default that a list is appended to as long as nobody set it (`ConfigDef`'s default).
    fn default_of(&self, kind: ResourceKind, name: &str) -> Option<String>;
}
