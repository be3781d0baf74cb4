//! The server of a SCRAM exchange (`ScramSaslServer`): two messages in, two out.

use super::credential::ScramCredential;
use super::keys::{are_equal, hash, hash_bytes, hmac, xor};
use super::message::{ClientFinal, ClientFirst, to_base64};
use super::server::{OTHER_AUTHORIZATION_ID, SaslError, SaslStep, SaslUsers};
use crate::types::ScramMechanism;

/// One exchange.
#[derive(Debug)]
pub struct ScramServer {
    mechanism: ScramMechanism,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Waits for the client's first message, with our half of the nonce.
    First(String),
    /// Waits for its proof.
    Final(Box<Challenged>),
    /// Either is known now: no further token is taken.
    Over,
}

/// What the client was sent, and what its proof is checked by.
#[derive(Debug)]
struct Challenged {
    user: String,
    credential: ScramCredential,
    gs2_header: String,
    /// The client's half and ours.
    nonce: String,
    /// The front of what both sides sign: both first messages.
    signed: String,
}

impl ScramServer {
    /// An exchange that begins, with our half of its nonce.
    pub(super) const fn new(mechanism: ScramMechanism, nonce: String) -> Self {
        Self { mechanism, state: State::First(nonce) }
    }

    pub(super) fn step(
        &mut self,
        token: &[u8],
        users: &dyn SaslUsers,
    ) -> Result<SaslStep, SaslError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::First(nonce) => {
                let (challenged, answer) = self.challenge(token, &nonce, users)?;
                self.state = State::Final(Box::new(challenged));
                Ok(SaslStep::Challenge(answer.into_bytes()))
            }
            State::Final(challenged) => self.check(*challenged, token),
            State::Over => Err(SaslError::Credentials),
        }
    }

    fn challenge(
        &self,
        token: &[u8],
        nonce: &str,
        users: &dyn SaslUsers,
    ) -> Result<(Challenged, String), SaslError> {
        let first = ClientFirst::parse(token).ok_or(SaslError::Credentials)?;
        // A user is not a delegation token, of which there are none.
        let credential = users.credential(&first.user, self.mechanism).filter(|_| !first.is_token);
        let credential = credential.ok_or(SaslError::Credentials)?;
        if !first.authorization_id.is_empty() && first.authorization_id != first.user {
            return Err(SaslError::Told(OTHER_AUTHORIZATION_ID.to_owned()));
        }
        let nonce = format!("{}{nonce}", first.nonce);
        let salt = to_base64(&credential.salt);
        let answer = format!("r={nonce},s={salt},i={}", credential.iterations);
        let challenged = Challenged {
            credential: credential.clone(),
            gs2_header: first.gs2_header.to_owned(),
            nonce,
            signed: format!("{},{answer}", first.bare),
            user: first.user,
        };
        Ok((challenged, answer))
    }

    fn check(&self, challenged: Challenged, token: &[u8]) -> Result<SaslStep, SaslError> {
        let Challenged { user, credential, gs2_header, nonce, signed } = challenged;
        let last = ClientFinal::parse(token).ok_or(SaslError::Credentials)?;
        let is_of_this_exchange = last.nonce == nonce && last.channel == gs2_header.as_bytes();
        if !is_of_this_exchange || last.proof.len() != hash_bytes(self.mechanism) {
            return Err(SaslError::Credentials);
        }
        let signed = format!("{signed},{}", last.without_proof);
        let signature = hmac(self.mechanism, &credential.stored_key, signed.as_bytes());
        let client_key = xor(&last.proof, &signature);
        if !are_equal(&hash(self.mechanism, &client_key), &credential.stored_key) {
            return Err(SaslError::Credentials);
        }
        let proof = hmac(self.mechanism, &credential.server_key, signed.as_bytes());
        Ok(SaslStep::Done { user, answer: format!("v={}", to_base64(&proof)).into_bytes() })
    }
}
