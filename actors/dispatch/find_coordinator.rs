//! FindCoordinator (key 10), versions 0 to 6.
//!
//! Which broker keeps a group: this one.
//! v1 key types, throttle time, error message · v3 flexible · v4 many keys, KIP-699 ·
//! v5 TRANSACTION_ABORTABLE, KIP-890 · v6 share groups, KIP-932
//! Not done: transactions and share groups; their coordinators are never available.

use super::answer::{Answer, Ask};
use crate::controller::internal_topic;
use crate::types::ErrorCode;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

/// Key types (`FindCoordinatorRequest.CoordinatorType`).
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;
/// The first version that knows of share groups.
const SHARE_SINCE: i16 = 6;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: FindCoordinatorRequest,
) -> Answer<FindCoordinatorResponse> {
    let found = find(ask, request.key_type);
    if ask.version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(|key| {
            Coordinator::default()
                .with_key(key)
                .with_node_id(found.node_id)
                .with_host(found.host.clone())
                .with_port(found.port)
                .with_error_code(found.error_code)
                .with_error_message(found.error_message.clone())
        });
        return Answer::Now(
            FindCoordinatorResponse::default().with_coordinators(coordinators.collect()),
        );
    }
    Answer::Now(found)
}

/// Makes the topic in which groups keep their state, if somebody has deleted it; says whether it
/// had to be. The client asks again.
fn make_topic(ask: &Ask<'_>) -> bool {
    const NAME: &str = "__consumer_offsets";
    let image = ask.broker.registry.image();
    if image.topic(NAME).is_some() {
        return false;
    }
    let topic = internal_topic(NAME, &ask.broker.settings, &image.configs);
    // Whoever asks next sees it; this answer does not wait.
    drop(ask.broker.controller.declare_topics(ask.now, topic.into_iter().collect()));
    true
}

/// The answer for any key of a type; every group is kept here.
fn find(ask: &Ask<'_>, key_type: i8) -> FindCoordinatorResponse {
    let (error, message) = match key_type {
        GROUP if make_topic(ask) => {
            (ErrorCode::CoordinatorNotAvailable, "The topic of group offsets is being created.")
        }
        GROUP => {
            let (host, port) = ask.advertised();
            return FindCoordinatorResponse::default()
                .with_node_id(BrokerId(ask.broker.node.0))
                .with_host(StrBytes::from_string(host))
                .with_port(port);
        }
        TRANSACTION => {
            (ErrorCode::CoordinatorNotAvailable, "This broker does not serve transactions yet.")
        }
        SHARE if ask.version >= SHARE_SINCE => {
            (ErrorCode::CoordinatorNotAvailable, "This broker does not serve share groups.")
        }
        _ => (ErrorCode::InvalidRequest, "No coordinator keeps keys of this type."),
    };
    FindCoordinatorResponse::default()
        .with_error_code(error.code())
        .with_error_message(Some(StrBytes::from_static_str(message)))
        .with_node_id(BrokerId(-1))
        .with_port(-1)
}
