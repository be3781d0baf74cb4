//! DescribeCluster (key 60), versions 0 to 2.
//!
//! Tells which brokers there are; this is the only one.
//! v1 endpoint type · v2 fenced brokers
//! Not done: nothing. Controllers are asked for at a controller's listener, which this is not.

use super::answer::{Answer, Ask};
use super::metadata::CLUSTER_OPERATIONS;
use crate::types::ErrorCode;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, DescribeClusterResponse};
use kafka_protocol::protocol::StrBytes;

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeClusterRequest,
) -> Answer<DescribeClusterResponse> {
    if let Some(refusal) = refuse(request.endpoint_type) {
        return Answer::Now(refusal);
    }
    let (host, port) = ask.advertised();
    let node = BrokerId(ask.broker.node.0);
    let broker = DescribeClusterBroker::default()
        .with_broker_id(node)
        .with_host(host.into())
        .with_port(port)
        .with_rack(ask.broker.settings.broker_rack.clone().map(StrBytes::from_string));
    let response = DescribeClusterResponse::default()
        .with_error_message(None)
        .with_cluster_id(ask.broker.cluster_id.clone().into())
        .with_controller_id(node)
        .with_brokers(vec![broker]);
    Answer::Now(if request.include_cluster_authorized_operations {
        response.with_cluster_authorized_operations(CLUSTER_OPERATIONS)
    } else {
        response
    })
}

fn refuse(endpoint_type: i8) -> Option<DescribeClusterResponse> {
    let (code, text) = match endpoint_type {
        BROKERS => return None,
        CONTROLLERS => (
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type \
             CONTROLLER"
                .to_owned(),
        ),
        other => (
            ErrorCode::UnsupportedEndpointType,
            format!("Unsupported endpoint type {other}"),
        ),
    };
    let response = DescribeClusterResponse::default()
        .with_error_code(code.code())
        .with_error_message(Some(text.into()));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;

    #[test]
    fn only_brokers_are_told_of_here() {
        assert!(refuse(BROKERS).is_none());
        let code = |endpoint_type| refuse(endpoint_type).unwrap().error_code;
        assert_eq!(code(CONTROLLERS), ErrorCode::MismatchedEndpointType.code());
        assert_eq!(code(3), ErrorCode::UnsupportedEndpointType.code());
        assert_eq!(code(0), ErrorCode::UnsupportedEndpointType.code());
    }

    #[test]
    fn a_refusal_names_no_broker_and_no_controller() {
        let refusal = refuse(3).unwrap();

        assert_eq!((refusal.brokers.len(), refusal.controller_id), (0, BrokerId(-1)));
        assert_eq!(refusal.cluster_authorized_operations, i32::MIN);
        for version in 0..=2 {
            assert!(encode_response(1, version, &refusal).is_ok(), "version {version}");
        }
    }
}
