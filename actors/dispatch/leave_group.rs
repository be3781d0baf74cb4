//! LeaveGroup (key 13), versions 0 to 5.
//!
//! Takes members out of a group at once, instead of by the end of their session.
//! v1 throttle time · v3 a list of members, removal by instance id, KIP-345 · v4 flexible ·
//! v5 reason
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::group::{GroupError, Leave, LeaveAnswer, Leaver};
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use kafka_protocol::protocol::StrBytes;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: LeaveGroupRequest) -> Answer<LeaveGroupResponse> {
    let version = ask.version;
    if request.group_id.is_empty() {
        return Answer::Now(response(version, Err(GroupError::InvalidGroupId)));
    }
    let members = if version >= 3 {
        let members = request.members.iter().map(|member| Leaver {
            member_id: member.member_id.as_str().into(),
            group_instance_id: member.group_instance_id.as_deref().map(Into::into),
        });
        members.collect()
    } else {
        vec![Leaver { member_id: request.member_id.as_str().into(), group_instance_id: None }]
    };
    let answer = ask.broker.groups.ask(&request.group_id, Leave { members });
    Answer::later(async move { response(version, answer.await) })
}

fn response(version: i16, answer: Result<LeaveAnswer, GroupError>) -> LeaveGroupResponse {
    let code = |result: &Result<(), GroupError>| match result {
        Ok(()) => 0,
        Err(error) => error.code().code(),
    };
    match answer {
        Err(error) => LeaveGroupResponse::default().with_error_code(error.code().code()),
        Ok(members) if version >= 3 => {
            let members = members.iter().map(|(leaver, result)| {
                let instance = leaver.group_instance_id.as_deref();
                MemberResponse::default()
                    .with_member_id(StrBytes::from_string(leaver.member_id.as_ref().to_owned()))
                    .with_group_instance_id(
                        instance.map(|instance| StrBytes::from_string(instance.to_owned())),
                    )
                    .with_error_code(code(result))
            });
            LeaveGroupResponse::default().with_members(members.collect())
        }
        // One member, so its result is the request's.
        Ok(members) => {
            let code = members.first().map_or(0, |(_, result)| code(result));
            LeaveGroupResponse::default().with_error_code(code)
        }
    }
}
