//! SyncGroup (key 14), versions 0 to 5.
//!
//! Takes the leader's assignment, and gives each member its part of it.
//! v1 throttle time · v3 group instance id, KIP-345 · v4 flexible · v5 protocol type and name
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::group::{GroupError, SyncGroup, Synced};
use bytes::Bytes;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: SyncGroupRequest) -> Answer<SyncGroupResponse> {
    if request.group_id.is_empty() {
        return Answer::Now(response(Err(GroupError::InvalidGroupId)));
    }
    let unnamed = request.protocol_type.is_none() || request.protocol_name.is_none();
    if ask.version >= 5 && unnamed {
        return Answer::Now(response(Err(GroupError::InconsistentProtocol)));
    }
    let owned = |text: &StrBytes| text.as_str().to_owned();
    let assignments = request.assignments.iter().map(|assigned| {
        (assigned.member_id.as_str().into(), Bytes::copy_from_slice(&assigned.assignment))
    });
    let sync = SyncGroup {
        member_id: request.member_id.as_str().into(),
        generation_id: request.generation_id,
        group_instance_id: request.group_instance_id.as_deref().map(Into::into),
        protocol_type: request.protocol_type.as_ref().map(owned),
        protocol_name: request.protocol_name.as_ref().map(owned),
        assignments: assignments.collect(),
    };
    let answer = ask.broker.groups.ask(&request.group_id, sync);
    Answer::later(async move { response(answer.await) })
}

fn response(answer: Result<Synced, GroupError>) -> SyncGroupResponse {
    match answer {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(synced.protocol_type.map(StrBytes::from_string))
            .with_protocol_name(synced.protocol_name.map(StrBytes::from_string))
            .with_assignment(synced.assignment),
        // What a coordinator that starts knew of the rebalance is lost: the member has to join
        // again, and old clients do not know the code that says so of the coordinator.
        Err(GroupError::LoadInProgress) => SyncGroupResponse::default()
            .with_error_code(GroupError::RebalanceInProgress.code().code()),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code().code()),
    }
}
