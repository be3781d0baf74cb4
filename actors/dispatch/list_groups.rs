//! ListGroups (key 16), versions 0 to 5.
//!
//! Every group that this broker keeps.
//! v1 throttle time · v3 flexible · v4 states, KIP-518 · v5 types, KIP-848
//! Not done: nothing. Groups are of the type `classic`.

use super::answer::{Answer, Ask};
use crate::group::GroupSummary;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;

/// The only type there is.
const CLASSIC: &str = "classic";

pub(super) fn start(ask: &mut Ask<'_>, request: ListGroupsRequest) -> Answer<ListGroupsResponse> {
    let version = ask.version;
    let summaries = match ask.broker.groups.summaries() {
        Ok(summaries) => summaries,
        Err(error) => {
            let code = error.code().code();
            return Answer::Now(ListGroupsResponse::default().with_error_code(code));
        }
    };
    Answer::later(async move {
        let mut groups = Vec::new();
        for summary in summaries {
            // A group that ended meanwhile is no error: it is just not there.
            let Ok(summary) = summary.await else { continue };
            let state = summary.state.name();
            if passes(&request.states_filter, state) && passes(&request.types_filter, CLASSIC) {
                groups.push(listed(version, summary));
            }
        }
        ListGroupsResponse::default().with_groups(groups)
    })
}

/// An empty filter lets everything through; case does not matter.
fn passes(filter: &[StrBytes], name: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
}

fn listed(version: i16, summary: GroupSummary) -> ListedGroup {
    let listed = ListedGroup::default()
        .with_group_id(GroupId(StrBytes::from_string(summary.group_id)))
        .with_protocol_type(StrBytes::from_string(summary.protocol_type));
    let listed = if version >= 4 {
        listed.with_group_state(StrBytes::from_static_str(summary.state.name()))
    } else {
        listed
    };
    if version >= 5 { listed.with_group_type(StrBytes::from_static_str(CLASSIC)) } else { listed }
}
