//! Words of security: who a client is.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_written_as_kafka_writes_it() {
        assert_eq!(KafkaPrincipal::user("alice").to_string(), "User:alice");
        assert_eq!(KafkaPrincipal::anonymous().to_string(), "User:ANONYMOUS");
    }
}
