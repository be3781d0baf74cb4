//! AlterConfigs (key 33), versions 0 to 2.
//!
//! Replaces all dynamic configs of topics, this broker, all brokers and groups: what is not named
//! goes back to its default. Kafka's own tools ask for single changes instead (key 44); librdkafka,
//! kafka-python and others still send this.
//! v2 flexible
//! Not done: as in IncrementalAlterConfigs.

use super::answer::{Answer, Ask};
use super::config_changes::{Unnamed, alter, change, told};
use crate::controller::{ConfigOperation, ConfigsAltered, ResourceAlteration};
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: AlterConfigsRequest,
) -> Answer<AlterConfigsResponse> {
    let resources = request.resources.into_iter().map(alteration).collect();
    let altered = alter(ask, resources, Unnamed::GoesBackToDefault, request.validate_only);
    Answer::later(async move {
        let responses = altered.await.into_iter().map(answer).collect();
        AlterConfigsResponse::default().with_responses(responses)
    })
}

fn alteration(resource: AlterConfigsResource) -> ResourceAlteration {
    let set = ConfigOperation::Set.to_wire();
    let configs = resource.configs.into_iter();
    ResourceAlteration {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.to_string(),
        changes: configs.map(|config| change(&config.name, set, config.value)).collect(),
    }
}

fn answer(altered: ConfigsAltered) -> AlterConfigsResourceResponse {
    let (code, text) = told(altered.result);
    AlterConfigsResourceResponse::default()
        .with_resource_type(altered.resource_type)
        .with_resource_name(altered.resource_name.into())
        .with_error_code(code)
        .with_error_message(text)
}
