//! SaslAuthenticate (key 36), versions 0 to 2.
//!
//! Carries one token of the mechanism that SaslHandshake chose, and the answer to it.
//! v1 lifetime of the session · v2 flexible
//! Not done: nothing.

use super::answer::{Answer, Answered, Ask, Pending};
use super::authentication::Authenticated;
use super::{Broker, Session};
use crate::quota::ClientQuotas;
use crate::types::ErrorCode;
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use std::time::Duration;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: SaslAuthenticateRequest,
) -> Answer<SaslAuthenticateResponse> {
    let refuse = |error: ErrorCode, why: String| {
        SaslAuthenticateResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(why.into()))
    };
    match authenticate(ask.broker, ask.session, &request.auth_bytes) {
        Authenticated::Challenge(answer) => {
            Answer::Now(SaslAuthenticateResponse::default().with_auth_bytes(answer.into()))
        }
        Authenticated::Known { answer, lifetime_ms, .. } => {
            let answer = SaslAuthenticateResponse::default().with_auth_bytes(answer.into());
            let lifetime_ms = if ask.version >= 1 { lifetime_ms } else { 0 };
            Answer::Now(answer.with_session_lifetime_ms(lifetime_ms))
        }
        Authenticated::Illegal => {
            let why = match &ask.session.authentication {
                Some(_) => "SaslAuthenticate request received after successful authentication",
                None => "SaslAuthenticate request received on a listener without SASL",
            };
            Answer::Now(refuse(ErrorCode::IllegalSaslState, why.to_owned()))
        }
        Authenticated::Refused(why) => {
            Answer::Last(refuse(ErrorCode::SaslAuthenticationFailed, why), ask.refused_at())
        }
    }
}

/// A token without a header; who is refused hears nothing.
pub(super) fn start_token(broker: &Broker, session: &mut Session, token: &[u8]) -> Pending {
    match authenticate(broker, session, token) {
        Authenticated::Challenge(answer) | Authenticated::Known { answer, .. } => {
            Pending::Ready(Answered::new(vec![sized(&answer)], Duration::ZERO))
        }
        Authenticated::Illegal | Authenticated::Refused(_) => {
            Pending::Delayed { answered: Answered::default(), until: broker.refused_at() }
        }
    }
}

fn authenticate(broker: &Broker, session: &mut Session, token: &[u8]) -> Authenticated {
    let Some(client) = &mut session.authentication else { return Authenticated::Illegal };
    let image = broker.registry.image();
    let Some(settings) = image.sasl.get(client.listener()) else { return Authenticated::Illegal };
    let outcome = client.token(token, settings, &image.scram, broker.clock.mono());
    if let Authenticated::Known { principal, .. } = &outcome {
        session.principal = principal.clone();
        // Those of nobody, so far.
        session.quotas = ClientQuotas::default();
        log::debug!(client:% = session.client(); "authenticated");
    }
    outcome
}

fn sized(answer: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(size_of::<u32>() + answer.len());
    frame.put_u32(u32::try_from(answer.len()).unwrap_or(u32::MAX));
    frame.put_slice(answer);
    frame.freeze()
}
