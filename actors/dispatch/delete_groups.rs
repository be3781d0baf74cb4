//! DeleteGroups (key 42), versions 0 to 2.
//!
//! Deletes groups without members, and with them the positions that they committed.
//! v2 flexible
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::group::{Awaited, DeleteGroup};
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse, GroupId};

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DeleteGroupsRequest,
) -> Answer<DeleteGroupsResponse> {
    let groups = &ask.broker.groups;
    let asked: Vec<(GroupId, Awaited<()>)> = request
        .groups_names
        .into_iter()
        .map(|group_id| {
            let answer = groups.ask(&group_id, DeleteGroup);
            (group_id, answer)
        })
        .collect();
    Answer::later(async move {
        let mut results = Vec::with_capacity(asked.len());
        for (group_id, answer) in asked {
            let code = answer.await.map_or_else(|error| error.code().code(), |()| 0);
            results.push(
                DeletableGroupResult::default().with_group_id(group_id).with_error_code(code),
            );
        }
        DeleteGroupsResponse::default().with_results(results)
    })
}
