//! How far a client of a SASL listener is with saying who it is (`SaslServerAuthenticator`).
//!
//! ```text
//! Handshake → Exchange → Done → Exchange → Done …        a client that has to do it again does
//!      └──────────┴──────────────┴─→ Refused             the connection ends
//! ```

use crate::sasl::{SaslError, SaslServer, SaslStep, SaslUsers, ScramCredential, ScramUsers};
use crate::types::{KafkaPrincipal, MonoTime, SaslMechanism, SaslSettings, ScramMechanism, Secret};
use kafka_protocol::messages::ApiKey;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A client may not authenticate anew more often than this (`KafkaChannel`).
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What the next bytes of a connection may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frames {
    /// Requests, each within the bounds of its API.
    Requests,
    /// One request of at most so many bytes; the one behind it is judged when it was answered.
    Authenticating(usize),
    /// One token without a header, of at most so many bytes (SaslHandshake v0).
    Tokens(usize),
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Authentication {
    /// The listener's name.
    listener: Arc<str>,
    /// `sasl.server.max.receive.size`.
    bytes_max: usize,
    stage: Stage,
    known: Option<Known>,
    /// When it last began to authenticate anew.
    begun_again: Option<MonoTime>,
}

#[derive(Debug)]
enum Stage {
    Handshake,
    Exchange(Box<Exchange>),
    Done,
    Refused(String),
}

#[derive(Debug)]
struct Exchange {
    mechanism: SaslMechanism,
    server: SaslServer,
    /// Whether tokens come in requests.
    in_requests: bool,
    /// The client will be refused for this.
    wrong: Option<String>,
}

/// Who the client has proved to be.
#[derive(Debug)]
struct Known {
    principal: KafkaPrincipal,
    mechanism: SaslMechanism,
    expires: Option<MonoTime>,
}

/// What a SaslHandshake led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// Tokens of the mechanism are awaited.
    Begun,
    /// There is no such mechanism; the connection ends.
    Unsupported,
    /// Nobody asked for one; the connection ends unless the client is known.
    Illegal,
}

/// Whether a request may be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may.
    Granted,
    /// The connection ends, after the delay that refused clients have.
    Refused,
    /// The connection ends at once.
    Expired,
}

/// What a token led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authenticated {
    /// The client is to answer this.
    Challenge(Vec<u8>),
    /// The client is known.
    Known {
        principal: KafkaPrincipal,
        answer: Vec<u8>,
        /// When it has to say again who it is, in milliseconds; 0 for never.
        lifetime_ms: i64,
    },
    /// No token was asked for.
    Illegal,
    /// It is not who it says; the connection ends. The text is for the client.
    Refused(String),
}

/// Users as both kinds of mechanism find them.
struct Users<'a> {
    passwords: &'a BTreeMap<String, Secret>,
    scram: &'a ScramUsers,
}

impl SaslUsers for Users<'_> {
    fn password(&self, user: &str) -> Option<&Secret> {
        self.passwords.get(user)
    }

    fn credential(&self, user: &str, mechanism: ScramMechanism) -> Option<&ScramCredential> {
        self.scram.credential(user, mechanism)
    }
}

impl Authentication {
    /// Of a client that has said nothing yet.
    pub(super) const fn new(listener: Arc<str>, bytes_max: usize) -> Self {
        Self { listener, bytes_max, stage: Stage::Handshake, known: None, begun_again: None }
    }

    /// The listener's name.
    pub(super) fn listener(&self) -> &str {
        &self.listener
    }

    /// What may come next.
    pub(super) fn frames(&self) -> Frames {
        match &self.stage {
            Stage::Exchange(exchange) if !exchange.in_requests => Frames::Tokens(self.bytes_max),
            Stage::Handshake | Stage::Exchange(_) | Stage::Refused(_) => {
                Frames::Authenticating(self.bytes_max)
            }
            Stage::Done => Frames::Requests,
        }
    }

    /// Why the client is refused.
    pub(super) fn refusal(&self) -> Option<&str> {
        match &self.stage {
            Stage::Refused(why) => Some(why),
            Stage::Handshake | Stage::Exchange(_) | Stage::Done => None,
        }
    }

    /// Whether a request of this API may be started.
    pub(super) fn admit(&mut self, api_key: i16, now: MonoTime) -> Admission {
        let key = ApiKey::try_from(api_key).ok();
        let is_handshake = key == Some(ApiKey::SaslHandshake);
        let during = match &self.stage {
            Stage::Done if !self.is_expired(now) => return Admission::Granted,
            Stage::Done if is_handshake && self.may_begin_again(now) => return Admission::Granted,
            Stage::Done => return Admission::Expired,
            Stage::Refused(_) => return Admission::Refused,
            Stage::Handshake if is_handshake || key == Some(ApiKey::ApiVersions) => {
                return Admission::Granted;
            }
            Stage::Exchange(_) if is_handshake || key == Some(ApiKey::SaslAuthenticate) => {
                return Admission::Granted;
            }
            Stage::Handshake => "SASL handshake",
            Stage::Exchange(_) => "SASL authentication",
        };
        let name = key.map_or_else(|| format!("API key {api_key}"), |key| format!("{key:?}"));
        let why = format!("Unexpected Kafka request of type {name} during {during}.");
        self.stage = Stage::Refused(why);
        Admission::Refused
    }

    fn is_expired(&self, now: MonoTime) -> bool {
        let expires = self.known.as_ref().and_then(|known| known.expires);
        expires.is_some_and(|expires| now > expires)
    }

    fn may_begin_again(&self, now: MonoTime) -> bool {
        let has_end = self.known.as_ref().is_some_and(|known| known.expires.is_some());
        has_end && self.begun_again.is_none_or(|begun| now.since(begun) >= AGAIN_AFTER)
    }

    /// A SaslHandshake of this version names a mechanism.
    pub(super) fn handshake(
        &mut self,
        version: i16,
        name: &str,
        settings: &SaslSettings,
        nonce: String,
        now: MonoTime,
    ) -> Handshake {
        match &self.stage {
            Stage::Handshake => {}
            Stage::Done if version >= 1 && self.may_begin_again(now) => {
                self.begun_again = Some(now);
            }
            Stage::Done => return Handshake::Illegal,
            Stage::Exchange(_) | Stage::Refused(_) => {
                self.stage = Stage::Refused("Unexpected SaslHandshake".to_owned());
                return Handshake::Illegal;
            }
        }
        let enabled = |mechanism: &SaslMechanism| settings.mechanism(*mechanism).is_some();
        let Some(mechanism) = SaslMechanism::named(name).filter(enabled) else {
            let shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
            self.stage = Stage::Refused(format!("Unsupported SASL mechanism {shown:?}"));
            return Handshake::Unsupported;
        };
        let before = self.known.as_ref().map(|known| known.mechanism);
        let wrong = before.filter(|before| *before != mechanism).map(|before| {
            format!(
                "SASL mechanism '{}' requested by client is not supported for re-authentication \
                 of mechanism '{}'",
                mechanism.name(),
                before.name()
            )
        });
        self.stage = Stage::Exchange(Box::new(Exchange {
            mechanism,
            server: SaslServer::new(mechanism, nonce),
            in_requests: version >= 1,
            wrong,
        }));
        Handshake::Begun
    }

    /// The client's next token, judged by what is set now.
    pub(super) fn token(
        &mut self,
        token: &[u8],
        settings: &SaslSettings,
        scram: &ScramUsers,
        now: MonoTime,
    ) -> Authenticated {
        let Stage::Exchange(exchange) = &mut self.stage else { return Authenticated::Illegal };
        let mechanism = exchange.mechanism;
        let Some(lifetime) = settings.mechanism(mechanism) else {
            let name = mechanism.name();
            return self.refuse(format!("SASL mechanism {name} is no longer enabled"));
        };
        let step = match exchange.wrong.take() {
            Some(wrong) => Err(SaslError::Told(wrong)),
            None => {
                let users = Users { passwords: &settings.passwords, scram };
                exchange.server.step(token, &users)
            }
        };
        match step {
            Ok(SaslStep::Challenge(answer)) => Authenticated::Challenge(answer),
            Ok(SaslStep::Done { user, answer }) => {
                let principal = KafkaPrincipal::user(&user);
                if let Some(before) = self.known.as_ref().map(|known| &known.principal)
                    && *before != principal
                {
                    return self.refuse(format!(
                        "Cannot change principals during re-authentication from {before}: \
                         {principal}"
                    ));
                }
                let expires = lifetime.map(|lifetime| now.after(lifetime));
                self.known = Some(Known { principal: principal.clone(), mechanism, expires });
                self.stage = Stage::Done;
                let ms = lifetime.map_or(0, |lifetime| lifetime.as_millis());
                let lifetime_ms = i64::try_from(ms).unwrap_or(i64::MAX);
                Authenticated::Known { principal, answer, lifetime_ms }
            }
            Err(SaslError::Told(why)) => self.refuse(why),
            // No more than this: it could say whether there is such a user.
            Err(SaslError::Credentials) => self.refuse(format!(
                "Authentication failed during {} due to invalid credentials with SASL mechanism {}",
                if self.known.is_some() { "re-authentication" } else { "authentication" },
                mechanism.name()
            )),
        }
    }

    fn refuse(&mut self, why: String) -> Authenticated {
        self.stage = Stage::Refused(why.clone());
        Authenticated::Refused(why)
    }
}

/// Of a mechanism's name that is not known, what a log shows.
const NAME_SHOWN_MAX: usize = 40;

#[cfg(test)]
#[path = "authentication_test.rs"]
mod tests;
