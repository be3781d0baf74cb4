//! Words of security: who a client is, by which mechanism it says so, and texts that nobody sees.

use std::fmt;
use std::sync::Arc;

/// Who a client is (`KafkaPrincipal`); always of type `User`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KafkaPrincipal(Arc<str>);

impl KafkaPrincipal {
    /// A client that did not have to say who it is.
    pub const ANONYMOUS: &str = "ANONYMOUS";

    /// The user of this name.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// A client that did not have to say who it is.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::user(Self::ANONYMOUS)
    }

    /// The user's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KafkaPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User:{}", self.0)
    }
}

/// A password, or what is as good as one. Neither logs nor panics show it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Keeps these bytes from being shown.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, for those who compute with them. Compare them in constant time.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// A hash function that SCRAM is used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScramMechanism {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl ScramMechanism {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// Kafka's number (`ScramMechanism.type`).
    #[must_use]
    pub const fn to_wire(self) -> i8 {
        match self {
            Self::Sha256 => 1,
            Self::Sha512 => 2,
        }
    }

    /// Reads Kafka's number.
    #[must_use]
    pub fn from_wire(raw: i8) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.to_wire() == raw)
    }

    /// The mechanism's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }
}

/// How a client may say who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    /// Name and password as they are.
    Plain,
    /// Proofs that both sides know the password.
    Scram(ScramMechanism),
}

impl SaslMechanism {
    /// All that are served.
    pub const ALL: [Self; 3] =
        [Self::Plain, Self::Scram(ScramMechanism::Sha256), Self::Scram(ScramMechanism::Sha512)];

    /// The mechanism's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Scram(scram) => scram.name(),
        }
    }

    /// The mechanism of this name, if it is served.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("geheim")), "[hidden]");
    }

    #[test]
    fn mechanisms_are_found_by_name_and_number() {
        for mechanism in SaslMechanism::ALL {
            assert_eq!(SaslMechanism::named(mechanism.name()), Some(mechanism));
        }
        for mechanism in ScramMechanism::ALL {
            assert_eq!(ScramMechanism::from_wire(mechanism.to_wire()), Some(mechanism));
        }
        assert_eq!((SaslMechanism::named("plain"), ScramMechanism::from_wire(0)), (None, None));
    }

    #[test]
    fn a_principal_is_written_as_kafka_writes_it() {
        assert_eq!(KafkaPrincipal::user("alice").to_string(), "User:alice");
        assert_eq!(KafkaPrincipal::anonymous().to_string(), "User:ANONYMOUS");
    }
}
