//! IncrementalAlterConfigs (key 44), versions 0 to 1.
//!
//! Sets, unsets, appends to and takes out of dynamic configs of topics, this broker, all brokers
//! and groups; all changes of one resource or none.
//! v1 flexible
//! Not done: log levels (BROKER_LOGGER) and client metrics, which answer INVALID_REQUEST.

use super::answer::{Answer, Ask};
use super::config_changes::{Unnamed, alter, change, told};
use crate::controller::{ConfigsAltered, ResourceAlteration};
use kafka_protocol::messages::incremental_alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: IncrementalAlterConfigsRequest,
) -> Answer<IncrementalAlterConfigsResponse> {
    let resources = request.resources.into_iter().map(alteration).collect();
    let altered = alter(ask, resources, Unnamed::Stays, request.validate_only);
    Answer::later(async move {
        let responses = altered.await.into_iter().map(answer).collect();
        IncrementalAlterConfigsResponse::default().with_responses(responses)
    })
}

fn alteration(resource: AlterConfigsResource) -> ResourceAlteration {
    let changes = resource.configs.into_iter();
    let changes = changes.map(|config| change(&config.name, config.config_operation, config.value));
    ResourceAlteration {
        resource_type: resource.resource_type,
        resource_name: resource.resource_name.to_string(),
        changes: changes.collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::{ConfigResource, ControllerError};
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
