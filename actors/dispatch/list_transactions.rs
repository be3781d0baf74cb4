//! ListTransactions (key 66), versions 0 to 1.
//!
//! Lists transactional ids. No producer is given one yet, so the list is empty.
//! v1 filter by duration
//! Not done: v2, whose pattern would have to be checked.

use super::answer::{Answer, Ask};
use kafka_protocol::messages::{ListTransactionsRequest, ListTransactionsResponse};

/// Kafka's names of a transaction's states.
const STATES: &[&str] = &[
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Empty",
    "Dead",
    "PrepareEpochFence",
];

pub(super) fn start(
    _: &mut Ask<'_>,
    request: ListTransactionsRequest,
) -> Answer<ListTransactionsResponse> {
    let filters = request.state_filters.into_iter();
    let unknown = filters.filter(|state| !STATES.contains(&state.as_str())).collect();
    Answer::Now(ListTransactionsResponse::default().with_unknown_state_filters(unknown))
}
