//! JoinGroup (key 11), versions 0 to 9.
//!
//! Makes a client a member of a group's next generation; waits until that is complete.
//! v1 rebalance timeout · v2 throttle time · v4 new members are sent back with an id, KIP-394 ·
//! v5 group instance id, KIP-345 · v6 flexible · v7 protocol type, null names · v8 reason ·
//! v9 skip assignment, KIP-814
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::group::{GroupError, Join, Joined, Protocol};
use crate::types::Uuid;
use bytes::Bytes;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;
use std::time::Duration;

/// Bytes of a client or instance id that go into a member id, which has to fit a Kafka string.
const PREFIX_BYTES: usize = 32_000;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: JoinGroupRequest) -> Answer<JoinGroupResponse> {
    let version = ask.version;
    let member_id = request.member_id.as_str().to_owned();
    if request.group_id.is_empty() {
        return Answer::Now(refused(version, &member_id, &GroupError::InvalidGroupId));
    }
    let session_timeout = milliseconds(request.session_timeout_ms);
    let settings = ask.broker.groups.settings();
    if session_timeout < settings.min_session_timeout
        || session_timeout > settings.max_session_timeout
    {
        return Answer::Now(refused(version, &member_id, &GroupError::InvalidSessionTimeout));
    }
    let join = to_join(ask, &request, session_timeout);
    let answer = ask.broker.groups.ask(&request.group_id, join);
    Answer::later(async move {
        match answer.await {
            Ok(joined) => accepted(version, joined),
            Err(error) => refused(version, &member_id, &error),
        }
    })
}

/// A timeout from the wire; what is below zero is none at all.
fn milliseconds(raw: i32) -> Duration {
    Duration::from_millis(u64::try_from(raw).unwrap_or(0))
}

fn to_join(ask: &Ask<'_>, request: &JoinGroupRequest, session_timeout: Duration) -> Join {
    let rebalance_timeout =
        if ask.version == 0 { session_timeout } else { milliseconds(request.rebalance_timeout_ms) };
    let instance = request.group_instance_id.as_deref();
    let prefix = instance.unwrap_or(ask.client_id);
    let (prefix, _) = prefix.split_at(prefix.floor_char_boundary(PREFIX_BYTES));
    let protocols = request.protocols.iter().map(|protocol| Protocol {
        name: protocol.name.as_str().to_owned(),
        metadata: Bytes::copy_from_slice(&protocol.metadata),
    });
    Join {
        member_id: request.member_id.as_str().into(),
        new_member_id: format!("{prefix}-{}", Uuid::new_v4()).into(),
        group_instance_id: instance.map(Into::into),
        client_id: ask.client_id.to_owned(),
        client_host: format!("/{}", ask.client_host()),
        session_timeout,
        rebalance_timeout,
        protocol_type: request.protocol_type.as_str().to_owned(),
        protocols: protocols.collect(),
        known_member_id_required: ask.version >= 4,
        assignment_may_be_skipped: ask.version >= 9,
    }
}

/// Null names came with v7; before, they are empty.
fn name(version: i16, name: Option<String>) -> Option<StrBytes> {
    match name {
        None if version >= 7 => None,
        name => Some(StrBytes::from_string(name.unwrap_or_default())),
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn accepted(version: i16, joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(member.group_instance_id.as_deref().map(text))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation_id)
        .with_protocol_type(name(version, joined.protocol_type))
        .with_protocol_name(name(version, joined.protocol_name))
        .with_leader(text(&joined.leader))
        .with_skip_assignment(version >= 9 && joined.skip_assignment)
        .with_member_id(text(&joined.member_id))
        .with_members(members.collect())
}

fn refused(version: i16, member_id: &str, error: &GroupError) -> JoinGroupResponse {
    let member_id = if let GroupError::MemberIdRequired(given) = error {
        given
    } else if *error == GroupError::MaxSizeReached {
        // The member is out: it has no id any more.
        ""
    } else {
        member_id
    };
    JoinGroupResponse::default()
        .with_error_code(error.code().code())
        .with_generation_id(-1)
        .with_protocol_type(name(version, None))
        .with_protocol_name(name(version, None))
        .with_member_id(text(member_id))
}
