//! ListPartitionReassignments (key 46), version 0.
//!
//! Lists partitions whose replicas are being moved. With one broker none ever is, so the list is
//! empty; topics that do not exist are left out without an error, as Kafka does it.
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::controller::ControllerError;
use kafka_protocol::messages::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    _: &mut Ask<'_>,
    request: ListPartitionReassignmentsRequest,
) -> Answer<ListPartitionReassignmentsResponse> {
    Answer::Now(answer(request.timeout_ms))
}

fn answer(timeout_ms: i32) -> ListPartitionReassignmentsResponse {
    let response = ListPartitionReassignmentsResponse::default();
    if timeout_ms >= 0 {
        return response.with_error_message(None);
    }
    let error = ControllerError::TimedOut;
    response.with_error_code(error.code().code()).with_error_message(Some(error.to_string().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;

    #[test]
    fn nothing_is_being_moved() {
        let answer = answer(1000);

        assert_eq!((answer.error_code, answer.error_message.clone()), (0, None));
        assert!(answer.topics.is_empty());
        assert!(encode_response(1, 0, &answer).is_ok());
    }

    #[test]
    fn a_negative_timeout_has_passed_already() {
        assert_eq!(answer(-1).error_code, 7);
    }
}
