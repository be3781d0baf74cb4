//! An exchange of tokens, whatever its mechanism.

use super::credential::ScramCredential;
use super::plain;
use super::scram::ScramServer;
use crate::types::{SaslMechanism, ScramMechanism, Secret};

/// Who may authenticate.
pub trait SaslUsers {
    /// The password of a user of PLAIN.
    fn password(&self, user: &str) -> Option<&Secret>;

    /// The credential of a user of SCRAM.
    fn credential(&self, user: &str, mechanism: ScramMechanism) -> Option<&ScramCredential>;
}

/// What a token led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslStep {
    /// The client is to answer this.
    Challenge(Vec<u8>),
    /// The client is this user; it is sent the answer, which may be empty.
    Done {
        /// Its name.
        user: String,
        /// The server's own proof, where the mechanism has one.
        answer: Vec<u8>,
    },
}

/// Why a client is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaslError {
    /// In words that it may be told.
    Told(String),
    /// Something is wrong with what it sent, and it is not told what (`SaslException`).
    Credentials,
}

/// A client that acts for another than the one that it proves to be.
pub(super) const OTHER_AUTHORIZATION_ID: &str =
    "Authentication failed: Client requested an authorization id that is different from username";

/// One exchange.
#[derive(Debug)]
pub enum SaslServer {
    /// Waits for its only token.
    Plain,
    /// Waits for one of its two.
    Scram(ScramServer),
}

impl SaslServer {
    /// An exchange that begins. Nobody may guess the nonce, and none is used twice.
    #[must_use]
    pub fn new(mechanism: SaslMechanism, nonce: String) -> Self {
        match mechanism {
            SaslMechanism::Plain => Self::Plain,
            SaslMechanism::Scram(scram) => Self::Scram(ScramServer::new(scram, nonce)),
        }
    }

    /// Takes the client's next token.
    ///
    /// # Errors
    /// The client is not who it says. The exchange is over.
    pub fn step(&mut self, token: &[u8], users: &dyn SaslUsers) -> Result<SaslStep, SaslError> {
        match self {
            Self::Plain => {
                let user = plain::authenticate(token, users)?;
                Ok(SaslStep::Done { user, answer: Vec::new() })
            }
            Self::Scram(scram) => scram.step(token, users),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::sasl::{ITERATIONS_MIN, salted_password};

    /// One user, with a password for each mechanism.
    pub(in crate::sasl) struct Users {
        name: String,
        password: Secret,
        credentials: Vec<(ScramMechanism, ScramCredential)>,
    }

    impl Users {
        pub(in crate::sasl) fn with(name: &str, password: &str) -> Self {
            Self::salted(name, password, b"salt of the user")
        }

        pub(in crate::sasl) fn salted(name: &str, password: &str, salt: &[u8]) -> Self {
            let credential = |mechanism| {
                let salted = salted_password(mechanism, password.as_bytes(), salt, ITERATIONS_MIN);
                let salt = salt.to_vec();
                (mechanism, ScramCredential::new(mechanism, &salted, salt, ITERATIONS_MIN))
            };
            Self {
                name: name.to_owned(),
                password: Secret::new(password),
                credentials: ScramMechanism::ALL.into_iter().map(credential).collect(),
            }
        }
    }

    impl SaslUsers for Users {
        fn password(&self, user: &str) -> Option<&Secret> {
            (user == self.name).then_some(&self.password)
        }

        fn credential(&self, user: &str, mechanism: ScramMechanism) -> Option<&ScramCredential> {
            let of_user = self.credentials.iter().filter(|_| user == self.name);
            of_user.into_iter().find(|(known, _)| *known == mechanism).map(|(_, found)| found)
        }
    }
}
