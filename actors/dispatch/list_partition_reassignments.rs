//! ListPartitionReassignments (key 46), version 0.
//!
//! Lists partitions whose replicas are being moved. With one broker none ever is, so the list is
//! empty; topics that do not exist are left out without an error, as Kafka does it.
//! Not done: nothing.

use super::answer::{Answer, Ask};
use kafka_protocol::messages::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};

pub(super) fn start(
    _: &mut Ask<'_>,
    _: ListPartitionReassignmentsRequest,
) -> Answer<ListPartitionReassignmentsResponse> {
    Answer::Now(nothing())
}

/// Kafka does not look at the timeout either.
fn nothing() -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse::default().with_error_message(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;

    #[test]
    fn nothing_is_being_moved() {
        let answer = nothing();

        assert_eq!((answer.error_code, answer.error_message.clone()), (0, None));
        assert!(answer.topics.is_empty());
        assert!(encode_response(1, 0, &answer).is_ok());
    }
}
