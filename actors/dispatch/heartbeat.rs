//! Heartbeat (key 12), versions 0 to 4.
//!
//! Keeps a member in its group; tells it that a rebalance has begun.
//! v1 throttle time · v3 group instance id, KIP-345 · v4 flexible
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::group::{GroupError, Heartbeat};
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: HeartbeatRequest) -> Answer<HeartbeatResponse> {
    if request.group_id.is_empty() {
        return Answer::Now(response(Err(GroupError::InvalidGroupId)));
    }
    let beat = Heartbeat {
        member_id: request.member_id.as_str().into(),
        generation_id: request.generation_id,
        group_instance_id: request.group_instance_id.as_deref().map(Into::into),
    };
    let answer = ask.broker.groups.ask(&request.group_id, beat);
    Answer::later(async move { response(answer.await) })
}

fn response(answer: Result<(), GroupError>) -> HeartbeatResponse {
    let code = match answer {
        // The group is not there yet to say otherwise, and the member did show that it lives.
        Ok(()) | Err(GroupError::LoadInProgress) => 0,
        Err(error) => error.code().code(),
    };
    HeartbeatResponse::default().with_error_code(code)
}
