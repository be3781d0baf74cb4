//! AlterConfigs (key 33), versions 0 to 2.
//!
//! Replaces all dynamic configs of topics, this broker, all brokers and groups: what is not named
//! goes back to its default. Kafka's own tools ask for single changes instead (key 44); librdkafka,
//! kafka-python and others still send this.
//! v2 flexible
//! Not done: as in IncrementalAlterConfigs.

use super::answer::{Answer, Ask};
use super::incremental_alter_configs::refuse;
use crate::controller::{
    AlterConfigs, ConfigChange, ConfigOperation, ConfigsAltered, ResourceAlteration,
};
use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: AlterConfigsRequest,
) -> Answer<AlterConfigsResponse> {
    let named = |resource: &AlterConfigsResource| {
        (resource.resource_type, resource.resource_name.to_string())
    };
    let named: Vec<(i8, String)> = request.resources.iter().map(named).collect();
    let order = AlterConfigs {
        resources: request.resources.into_iter().map(alteration).collect(),
        replace: true,
        validate_only: request.validate_only,
        node: ask.broker.node,
    };
    let altered = ask.broker.controller.alter_configs(ask.now, order);
    Answer::later(async move {
        let results = altered.await.unwrap_or_else(|error| refuse(named, &error));
        let responses = results.into_iter().map(answer).collect();
        AlterConfigsResponse::default().with_responses(responses)
    })
}

fn alteration(resource: AlterConfigsResource) -> ResourceAlteration {
    let changes = resource.configs.into_iter().map(|config| ConfigChange {
        name: config.name.to_string(),
        operation: ConfigOperation::Set.to_wire(),
        value: config.value.map(|value| value.to_string()),
    });
    ResourceAlteration {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.to_string(),
        changes: changes.collect(),
    }
}

fn answer(altered: ConfigsAltered) -> AlterConfigsResourceResponse {
    let answer = AlterConfigsResourceResponse::default()
        .with_resource_type(altered.resource_type)
        .with_resource_name(altered.resource_name.into())
        .with_error_message(None);
    match altered.result {
        Ok(_) => answer,
        Err(error) => answer
            .with_error_code(error.code().code())
            .with_error_message(Some(error.to_string().into())),
    }
}
