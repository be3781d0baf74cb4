//! InitProducerId (key 22), versions 0 to 5.
//!
//! Gives an idempotent producer an id that nobody has had, and epoch 0.
//! v2 flexible · v3 producer id and epoch of before, KIP-360 · v4 PRODUCER_FENCED ·
//! v5 transactions by KIP-890
//! Not done: transactions. A transactional id is answered as by a broker that has no transaction
//! coordinator (yet): COORDINATOR_NOT_AVAILABLE, once the arguments are in order.

use super::answer::{Answer, Ask};
use crate::controller::ControllerError;
use crate::types::ErrorCode;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use std::time::Duration;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: InitProducerIdRequest,
) -> Answer<InitProducerIdResponse> {
    if let Some(error) = refuse(&request, ask.broker.settings.transaction_max_timeout) {
        return Answer::Now(failed(error));
    }
    let id = ask.broker.controller.new_producer_id(ask.now);
    Answer::later(async move {
        match id.await {
            Ok(id) => InitProducerIdResponse::default()
                .with_producer_id(ProducerId(id.0))
                .with_producer_epoch(0),
            Err(error) => {
                log::debug!(reason = error.to_string().as_str(); "no producer id");
                failed(code(&error))
            }
        }
    })
}

fn failed(error: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(error.code())
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1)
}

/// What clients take for a reason to ask again (`ProducerIdManager`: no block yet).
fn code(error: &ControllerError) -> ErrorCode {
    if *error == ControllerError::ProducerIdsExhausted {
        error.code()
    } else {
        ErrorCode::CoordinatorLoadInProgress
    }
}

/// Checks in the order of `KafkaApis` and `TransactionCoordinator.handleInitProducerId`.
fn refuse(request: &InitProducerIdRequest, timeout_max: Duration) -> Option<ErrorCode> {
    if (request.producer_id.0 == -1) != (request.producer_epoch == -1) {
        return Some(ErrorCode::InvalidRequest);
    }
    let transactional_id = request.transactional_id.as_ref()?;
    if transactional_id.is_empty() {
        return Some(ErrorCode::InvalidRequest);
    }
    let timeout = u64::try_from(request.transaction_timeout_ms).unwrap_or(0);
    if timeout == 0 || Duration::from_millis(timeout) > timeout_max {
        return Some(ErrorCode::InvalidTransactionTimeout);
    }
    Some(ErrorCode::CoordinatorNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;
    use kafka_protocol::messages::TransactionalId;

    fn request(
        transactional_id: Option<&'static str>,
        timeout_ms: i32,
        (id, epoch): (i64, i16),
    ) -> Option<ErrorCode> {
        let transactional_id = transactional_id.map(|id| TransactionalId(id.into()));
        let request = InitProducerIdRequest::default()
            .with_transactional_id(transactional_id)
            .with_transaction_timeout_ms(timeout_ms)
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(epoch);
        refuse(&request, Duration::from_secs(900))
    }

    #[test]
    fn an_idempotent_producer_needs_no_arguments() {
        assert_eq!(request(None, 0, (-1, -1)), None);
        assert_eq!(request(None, i32::MAX, (7, 3)), None);
    }

    #[test]
    fn producer_id_and_epoch_come_together() {
        assert_eq!(request(None, 0, (7, -1)), Some(ErrorCode::InvalidRequest));
        assert_eq!(request(None, 0, (-1, 3)), Some(ErrorCode::InvalidRequest));
    }

    #[test]
    fn a_transactional_id_is_refused_once_its_arguments_are_in_order() {
        let none = (-1, -1);

        assert_eq!(request(Some(""), 1000, none), Some(ErrorCode::InvalidRequest));
        let bad_timeout = Some(ErrorCode::InvalidTransactionTimeout);
        assert_eq!(request(Some("t"), 0, none), bad_timeout);
        assert_eq!(request(Some("t"), -1, none), bad_timeout);
        assert_eq!(request(Some("t"), 900_001, none), bad_timeout);
        let no_coordinator = Some(ErrorCode::CoordinatorNotAvailable);
        assert_eq!(request(Some("t"), 900_000, none), no_coordinator);
    }

    #[test]
    fn every_version_can_be_encoded() {
        let given = InitProducerIdResponse::default().with_producer_id(ProducerId(4));
        for version in 0..=5 {
            for response in [given.clone(), failed(ErrorCode::InvalidRequest)] {
                assert!(encode_response(1, version, &response).is_ok(), "version {version}");
            }
        }
    }
}
