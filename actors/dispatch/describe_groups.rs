//! DescribeGroups (key 15), versions 0 to 6.
//!
//! State and members of groups, for tools.
//! v1 throttle time · v3 authorized operations · v4 group instance id, KIP-345 · v5 flexible ·
//! v6 error message, GROUP_ID_NOT_FOUND
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::group::{Awaited, Describe, Described, DescribedMember, GroupError, GroupState};
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};
use kafka_protocol::protocol::StrBytes;

/// What everyone may do with a group while nothing is forbidden: READ, DELETE, DESCRIBE,
/// DESCRIBE_CONFIGS, ALTER_CONFIGS, each the bit of its number in `AclOperation`.
const ALL_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;
/// Nobody asked.
const OPERATIONS_OMITTED: i32 = i32::MIN;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeGroupsRequest,
) -> Answer<DescribeGroupsResponse> {
    let version = ask.version;
    let wanted = version >= 3 && request.include_authorized_operations;
    let operations = if wanted { ALL_OPERATIONS } else { OPERATIONS_OMITTED };
    let groups = &ask.broker.groups;
    let asked: Vec<(GroupId, Awaited<Described>)> = request
        .groups
        .into_iter()
        .map(|group_id| {
            let answer = groups.ask(&group_id, Describe);
            (group_id, answer)
        })
        .collect();
    Answer::later(async move {
        let mut groups = Vec::with_capacity(asked.len());
        for (group_id, answer) in asked {
            let group = DescribedGroup::default().with_group_id(group_id);
            groups.push(match answer.await {
                Ok(described) => describe(group, described).with_authorized_operations(operations),
                Err(error) => refuse(version, group, &error, operations),
            });
        }
        DescribeGroupsResponse::default().with_groups(groups)
    })
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn describe(group: DescribedGroup, described: Described) -> DescribedGroup {
    group
        .with_group_state(StrBytes::from_static_str(described.state.name()))
        .with_protocol_type(StrBytes::from_string(described.protocol_type))
        .with_protocol_data(StrBytes::from_string(described.protocol_data))
        .with_members(described.members.into_iter().map(describe_member).collect())
}

fn describe_member(member: DescribedMember) -> DescribedGroupMember {
    DescribedGroupMember::default()
        .with_member_id(text(&member.member_id))
        .with_group_instance_id(member.group_instance_id.as_deref().map(text))
        .with_client_id(StrBytes::from_string(member.client_id))
        .with_client_host(StrBytes::from_string(member.client_host))
        .with_member_metadata(member.metadata)
        .with_member_assignment(member.assignment)
}

fn refuse(
    version: i16,
    group: DescribedGroup,
    error: &GroupError,
    operations: i32,
) -> DescribedGroup {
    if *error != GroupError::GroupNotFound {
        return group
            .with_error_code(error.code().code())
            .with_authorized_operations(OPERATIONS_OMITTED);
    }
    // Before v6 a group that nobody knows is one that is dead, and no error.
    let group = group.with_group_state(StrBytes::from_static_str(GroupState::Dead.name()));
    if version < 6 {
        return group.with_authorized_operations(operations);
    }
    let message = format!("Group {} not found.", group.group_id.as_str());
    group
        .with_error_code(error.code().code())
        .with_error_message(Some(StrBytes::from_string(message)))
        .with_authorized_operations(OPERATIONS_OMITTED)
}
