//! SaslHandshake (key 17), versions 0 to 1.
//!
//! Chooses the mechanism by which a client of a SASL listener says who it is.
//! v0 tokens follow without headers · v1 tokens follow in SaslAuthenticate
//! Not done: GSSAPI, OAUTHBEARER.

use super::answer::{Answer, Ask};
use super::authentication::Handshake;
use crate::types::ErrorCode;
use kafka_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: SaslHandshakeRequest,
) -> Answer<SaslHandshakeResponse> {
    let refuse = |error: ErrorCode| SaslHandshakeResponse::default().with_error_code(error.code());
    let (version, now) = (ask.version, ask.now.mono);
    let Some(client) = &mut ask.session.authentication else {
        return Answer::Now(refuse(ErrorCode::IllegalSaslState));
    };
    let image = ask.broker.registry.image();
    let Some(settings) = image.sasl.get(client.listener()) else {
        return Answer::Now(refuse(ErrorCode::IllegalSaslState));
    };
    let name = |name: &'static str| StrBytes::from_static_str(name);
    let enabled = settings.mechanisms.iter().map(|(mechanism, _)| name(mechanism.name())).collect();
    match client.handshake(version, &request.mechanism, settings, nonce(), now) {
        Handshake::Begun => Answer::Now(SaslHandshakeResponse::default().with_mechanisms(enabled)),
        Handshake::Unsupported => {
            let error = refuse(ErrorCode::UnsupportedSaslMechanism).with_mechanisms(enabled);
            Answer::Last(error, ask.refused_at())
        }
        Handshake::Illegal if client.refusal().is_some() => {
            Answer::Last(refuse(ErrorCode::IllegalSaslState), ask.refused_at())
        }
        Handshake::Illegal => Answer::Now(refuse(ErrorCode::IllegalSaslState)),
    }
}

/// Two random ids are as good a nonce as any.
fn nonce() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
