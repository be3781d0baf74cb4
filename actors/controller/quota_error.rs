//! Why quotas, or questions about them, are refused; codes and texts are Kafka's.

use super::error::ControllerError;
use crate::types::ErrorCode;
use std::fmt;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuotaError {
    /// An entity that names nobody.
    EmptyEntity,
    /// An entity of a kind that has no quotas.
    UnhandledType(String),
    /// An empty name; of this kind.
    EmptyName(String),
    /// An address together with a user or a client id.
    IpWithOthers,
    /// An address that is none, and no host's name.
    UnknownHost(String),
    /// A key that no entity of this kind has.
    UnknownKey(String),
    /// A value of 0 or below; its key.
    NotPositive(String),
    /// A value beyond what the key's type holds; key and type.
    TooLarge(String, &'static str),
    /// A value that is no whole number; its key.
    Fractional(String),
    /// The request names the entity again, or one of its keys twice; the entity.
    Duplicate(String),
    /// More records than one batch may hold.
    TooMany,
    /// A question about an empty kind.
    EmptyType,
    /// A question that names a kind more than once.
    RepeatedType(String),
    /// A question about a kind that has no quotas.
    UnsupportedType(String),
    /// A question about a name that it does not give.
    ExactWithoutName,
    /// A question about a default that gives a name; its kind of match.
    NameGiven(&'static str),
    /// A question with a kind of match that does not exist.
    UnknownMatch(i8),
    /// A question about addresses together with users or client ids.
    FilterIpWithOthers,
    /// The controller did not answer.
    Controller(ControllerError),
}

impl QuotaError {
    /// The code that the response carries.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::EmptyEntity
            | Self::UnhandledType(_)
            | Self::EmptyName(_)
            | Self::IpWithOthers
            | Self::UnknownHost(_)
            | Self::UnknownKey(_)
            | Self::NotPositive(_)
            | Self::TooLarge(..)
            | Self::Fractional(_)
            | Self::Duplicate(_)
            | Self::EmptyType
            | Self::RepeatedType(_)
            | Self::ExactWithoutName
            | Self::NameGiven(_)
            | Self::UnknownMatch(_)
            | Self::FilterIpWithOthers => ErrorCode::InvalidRequest,
            Self::UnsupportedType(_) => ErrorCode::UnsupportedVersion,
            Self::TooMany => ErrorCode::PolicyViolation,
            Self::Controller(error) => error.code(),
        }
    }
}

impl fmt::Display for QuotaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyEntity => write!(f, "Invalid empty client quota entity"),
            Self::UnhandledType(kind) => write!(f, "Unhandled client quota entity type: {kind}"),
            Self::EmptyName(kind) => write!(f, "Empty {kind} not supported"),
            // Without the blank, as Kafka has it.
            Self::IpWithOthers => write!(
                f,
                "Invalid quota entity combination, IP entity shouldnot be combined with User or \
                 ClientId"
            ),
            Self::UnknownHost(name) => {
                write!(f, "{name} is not a valid IP or resolvable host.")
            }
            Self::UnknownKey(key) => write!(f, "Invalid configuration key {key}"),
            Self::NotPositive(key) => write!(f, "Quota {key} must be greater than 0"),
            Self::TooLarge(key, kind) => {
                let article = if *kind == "INT" { "an" } else { "a" };
                write!(f, "Proposed value for {key} is too large for {article} {kind}.")
            }
            Self::Fractional(key) => write!(f, "{key} cannot be a fractional value."),
            Self::Duplicate(entity) => write!(f, "Ignoring duplicate entity {entity}"),
            Self::TooMany => write!(f, "Unable to perform excessively large batch operation."),
            Self::EmptyType => write!(f, "Invalid empty entity type."),
            Self::RepeatedType(kind) => {
                write!(f, "Entity type {kind} cannot appear more than once in the filter.")
            }
            Self::UnsupportedType(kind) => write!(f, "Unsupported entity type {kind}"),
            Self::ExactWithoutName => {
                write!(f, "Request specified MATCH_TYPE_EXACT, but set match string to null.")
            }
            Self::NameGiven(kind) => {
                write!(f, "Request specified {kind}, but also specified a match string.")
            }
            Self::UnknownMatch(raw) => write!(f, "Unknown match type {raw}"),
            Self::FilterIpWithOthers => write!(
                f,
                "Invalid entity filter component combination. IP filter component should not be \
                 used with user or clientId filter component."
            ),
            Self::Controller(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for QuotaError {}
