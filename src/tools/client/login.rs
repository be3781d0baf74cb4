//! Says who this client is, on a listener with SASL.

use std::time::{Duration, Instant};

use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;
use ottla_actors::sasl::{
    ITERATIONS_MAX, ITERATIONS_MIN, ScramKeys, from_base64, salted_password, to_base64,
};
use ottla_actors::types::{SaslLogin, SaslMechanism, ScramMechanism, Secret};
use uuid::Uuid;

use super::Connection;
use crate::tools::problem::ToolError;

/// Of the time after which it has to say it again, what is left for doing so.
const EARLY: u32 = 5;

/// Logs in; when it has to be done again, if ever.
pub(super) fn log_in(
    connection: &mut Connection,
    login: &SaslLogin,
) -> Result<Option<Instant>, ToolError> {
    let version = connection.version_of::<SaslHandshakeRequest>(1)?;
    let name = StrBytes::from_static_str(login.mechanism.name());
    let answer = connection.talk(version, &SaslHandshakeRequest::default().with_mechanism(name))?;
    if answer.error_code != 0 {
        let enabled: Vec<&str> = answer.mechanisms.iter().map(|name| &**name).collect();
        let enabled = enabled.join(", ");
        let (code, mechanism) = (answer.error_code, login.mechanism.name());
        let why = format!(
            "Client SASL mechanism '{mechanism}' not enabled in the server, enabled mechanisms are [{enabled}]"
        );
        return Err(ToolError::refused(code, Some(&why)));
    }
    let lifetime_ms = match login.mechanism {
        SaslMechanism::Plain => {
            let token = [b"\0", login.user.as_bytes(), b"\0", login.password.bytes()].concat();
            say(connection, token)?.1
        }
        SaslMechanism::Scram(scram) => {
            // Two random ids are as good a nonce as any.
            let nonce = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
            let mut client = ScramClient::new(scram, &login.user, &nonce);
            let (challenge, _) = say(connection, client.first().into_bytes())?;
            let proof = client.prove(&challenge, &login.password).map_err(ToolError::Protocol)?;
            let (answer, lifetime_ms) = say(connection, proof.into_bytes())?;
            client.check(&answer).map_err(ToolError::Protocol)?;
            lifetime_ms
        }
    };
    let lifetime = u64::try_from(lifetime_ms).ok().filter(|ms| *ms > 0).map(Duration::from_millis);
    Ok(lifetime.map(|lifetime| Instant::now() + lifetime - lifetime / EARLY))
}

/// Sends a token; the answer, and the lifetime of the session once it begins.
fn say(connection: &mut Connection, token: Vec<u8>) -> Result<(Vec<u8>, i64), ToolError> {
    let version = connection.version_of::<SaslAuthenticateRequest>(i16::MAX)?;
    let request = SaslAuthenticateRequest::default().with_auth_bytes(token.into());
    let answer = connection.talk(version, &request)?;
    ToolError::check(answer.error_code, answer.error_message.as_deref())?;
    Ok((answer.auth_bytes.to_vec(), answer.session_lifetime_ms))
}

/// The client of a SCRAM exchange (RFC 5802).
struct ScramClient<'a> {
    mechanism: ScramMechanism,
    nonce: &'a str,
    /// What both sides sign, as far as it is known.
    signed: String,
    /// What the server has to answer.
    signature: String,
}

impl<'a> ScramClient<'a> {
    fn new(mechanism: ScramMechanism, user: &str, nonce: &'a str) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let signed = format!("n={user},r={nonce}");
        Self { mechanism, nonce, signed, signature: String::new() }
    }

    fn first(&self) -> String {
        format!("n,,{}", self.signed)
    }

    /// Answers the server's challenge.
    fn prove(&mut self, challenge: &[u8], password: &Secret) -> Result<String, String> {
        let wrong = || "the broker's SCRAM challenge cannot be read".to_owned();
        let challenge = std::str::from_utf8(challenge).map_err(|_| wrong())?;
        let mut parts = challenge.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name));
        let (nonce, salt) = (part("r=").ok_or_else(wrong)?, part("s=").ok_or_else(wrong)?);
        let iterations: u32 = part("i=").and_then(|count| count.parse().ok()).ok_or_else(wrong)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(self.nonce) {
            return Err("the broker's SCRAM challenge is for another exchange".to_owned());
        }
        // Fewer would let somebody in the middle guess the password, more would keep us busy.
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(format!("the broker's SCRAM challenge asks for {iterations} iterations"));
        }
        let salt = from_base64(salt).ok_or_else(wrong)?;
        let unproven = format!("c=biws,r={nonce}");
        let signed = format!("{},{challenge},{unproven}", self.signed);
        let salted = salted_password(self.mechanism, password.bytes(), &salt, iterations);
        let keys = ScramKeys::of(self.mechanism, &salted);
        self.signature = format!("v={}", to_base64(&keys.server_signature(signed.as_bytes())));
        Ok(format!("{unproven},p={}", to_base64(&keys.client_proof(signed.as_bytes()))))
    }

    /// Whether the server knows the password as well.
    fn check(&self, answer: &[u8]) -> Result<(), String> {
        if answer == self.signature.as_bytes() {
            return Ok(());
        }
        Err("the broker did not prove that it knows the password".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &[u8] = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                               s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_exchange_of_the_rfc_is_held_as_it_says() {
        let mut client = ScramClient::new(ScramMechanism::Sha256, "user", "rOprNGfwEbeRWgbNEkqO");

        let first = client.first();
        let proof = client.prove(CHALLENGE, &Secret::new("pencil")).unwrap();

        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        assert_eq!(
            proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(client.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").is_ok());
        assert!(client.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=").is_err());
    }

    #[test]
    fn a_challenge_that_is_not_ours_or_is_weak_is_not_answered() {
        for challenge in [
            "",
            "r=nonce,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=other-ours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            "r=nonce-ours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1",
            "r=nonce-ours,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4000000000",
            "r=nonce-ours,s=?,i=4096",
        ] {
            let mut client = ScramClient::new(ScramMechanism::Sha512, "us,er", "nonce");
            assert_eq!(client.first(), "n,,n=us=2Cer,r=nonce");
            assert!(client.prove(challenge.as_bytes(), &Secret::new("p")).is_err(), "{challenge}");
        }
    }
}
