//! IncrementalAlterConfigs (key 44), versions 0 to 1.
//!
//! Sets, unsets, appends to and takes out of dynamic configs of topics, this broker, all brokers
//! and groups; all changes of one resource or none.
//! v1 flexible
//! Not done: log levels (BROKER_LOGGER) and client metrics, which answer INVALID_REQUEST.

use super::answer::{Answer, Ask};
use crate::controller::{
    AlterConfigs, ConfigChange, ConfigsAltered, ControllerError, ResourceAlteration,
};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: IncrementalAlterConfigsRequest,
) -> Answer<IncrementalAlterConfigsResponse> {
    let named = |resource: &AlterConfigsResource| {
        (resource.resource_type, resource.resource_name.to_string())
    };
    let named: Vec<(i8, String)> = request.resources.iter().map(named).collect();
    let order = AlterConfigs {
        resources: request.resources.into_iter().map(alteration).collect(),
        replace: false,
        validate_only: request.validate_only,
        node: ask.broker.node,
    };
    let altered = ask.broker.controller.alter_configs(ask.now, order);
    Answer::later(async move {
        let results = altered.await.unwrap_or_else(|error| refuse(named, &error));
        let responses = results.into_iter().map(answer).collect();
        IncrementalAlterConfigsResponse::default().with_responses(responses)
    })
}

fn alteration(resource: AlterConfigsResource) -> ResourceAlteration {
    let changes = resource.configs.into_iter().map(|config| ConfigChange {
        name: config.name.to_string(),
        operation: config.config_operation,
        value: config.value.map(|value| value.to_string()),
    });
    ResourceAlteration {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.to_string(),
        changes: changes.collect(),
    }
}

/// The answer of every resource where the controller gave none.
pub(super) fn refuse(named: Vec<(i8, String)>, error: &ControllerError) -> Vec<ConfigsAltered> {
    let refused = named.into_iter().map(|(resource_type, resource_name)| ConfigsAltered {
        resource_type,
        resource_name,
        result: Err(error.clone()),
    });
    refused.collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::ConfigResource;
    use crate::wire::encode_response;

    #[test]
    fn every_version_can_be_encoded() {
        let altered =
            |result| ConfigsAltered { resource_type: 32, resource_name: "g".to_owned(), result };
        for version in 0..=1 {
            let responses = vec![
                answer(altered(Ok(ConfigResource::Group("g".to_owned())))),
                answer(altered(Err(ControllerError::Unavailable))),
            ];
            assert_eq!((responses[0].error_code, responses[1].error_code), (0, 41));
            let response = IncrementalAlterConfigsResponse::default().with_responses(responses);
            assert!(encode_response(1, version, &response).is_ok(), "version {version}");
        }
    }
}
