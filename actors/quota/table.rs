//! What can be set, and for whom.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// What a quota bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaKey {
    /// Bytes of produce requests in a second.
    ProducerByteRate,
    /// Bytes of fetch answers in a second.
    ConsumerByteRate,
    /// Time of the broker's threads, in percent of one thread.
    RequestPercentage,
    /// Partitions that are made or deleted in a second.
    ControllerMutationRate,
    /// Connections of an address in a second.
    ConnectionCreationRate,
}

impl QuotaKey {
    /// All keys.
    pub const ALL: [Self; 5] = [
        Self::ProducerByteRate,
        Self::ConsumerByteRate,
        Self::RequestPercentage,
        Self::ControllerMutationRate,
        Self::ConnectionCreationRate,
    ];

    /// Kafka's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProducerByteRate => "producer_byte_rate",
            Self::ConsumerByteRate => "consumer_byte_rate",
            Self::RequestPercentage => "request_percentage",
            Self::ControllerMutationRate => "controller_mutation_rate",
            Self::ConnectionCreationRate => "connection_creation_rate",
        }
    }

    /// The key of Kafka's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// Whether it is a quota of addresses; all others are of users and client ids.
    #[must_use]
    pub const fn is_of_addresses(self) -> bool {
        matches!(self, Self::ConnectionCreationRate)
    }
}

/// A user, client id or address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaName {
    /// Everyone of the kind who has no quota by name.
    Default,
    /// This one.
    Named(String),
}

impl QuotaName {
    /// The name; none for the default.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Default => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl From<Option<String>> for QuotaName {
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Default, Self::Named)
    }
}

/// Whose quotas.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuotaEntity {
    /// A user, over all client ids.
    User(QuotaName),
    /// A user's client id.
    UserClient(QuotaName, QuotaName),
    /// A client id, over all users.
    Client(QuotaName),
    /// An address.
    Ip(QuotaName),
}

impl QuotaEntity {
    /// Kafka's word for users.
    pub const USER: &str = "user";
    /// Kafka's word for client ids.
    pub const CLIENT_ID: &str = "client-id";
    /// Kafka's word for addresses.
    pub const IP: &str = "ip";

    /// What it is made of: Kafka's word for the kind, and which one. In the order in which Kafka's
    /// hash map happens to have them.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, &QuotaName)> {
        match self {
            Self::User(user) => vec![(Self::USER, user)],
            Self::UserClient(user, client) => vec![(Self::CLIENT_ID, client), (Self::USER, user)],
            Self::Client(client) => vec![(Self::CLIENT_ID, client)],
            Self::Ip(ip) => vec![(Self::IP, ip)],
        }
    }
}

/// The value of a quota. Two of them are equal if their bits are, so that records can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaValue(u64);

impl QuotaValue {
    /// A value from the wire.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        Self(value.to_bits())
    }

    /// As a number.
    #[must_use]
    pub const fn value(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// The quotas of one entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntityQuotas {
    /// Where an address was named by its host: what that was when the quota was set.
    pub address: Option<IpAddr>,
    /// What is set; at least one.
    pub values: BTreeMap<QuotaKey, QuotaValue>,
}

/// All quotas that are set.
pub type QuotaTable = BTreeMap<QuotaEntity, EntityQuotas>;
