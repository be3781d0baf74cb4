//! ListConfigResources (key 74), versions 0 to 1.
//!
//! Lists what may have configs: topics, this broker and its log levels, groups that have some.
//! v0 lists client metrics alone, of which there are none · v1 types
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::controller::ControllerError;
use crate::types::ErrorCode;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;
use kafka_protocol::messages::{ListConfigResourcesRequest, ListConfigResourcesResponse};
use std::collections::BTreeSet;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const BROKER_LOGGER: i8 = 8;
const CLIENT_METRICS: i8 = 16;
const GROUP: i8 = 32;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: ListConfigResourcesRequest,
) -> Answer<ListConfigResourcesResponse> {
    let Some(types) = wanted(ask.version, &request.resource_types) else {
        let code = ErrorCode::UnsupportedVersion.code();
        return Answer::Now(ListConfigResourcesResponse::default().with_error_code(code));
    };
    let mut resources = Vec::new();
    if types.contains(&TOPIC) {
        let image = ask.broker.registry.image();
        resources.extend(image.topics.keys().map(|name| named(TOPIC, name.as_str())));
    }
    for broker in [BROKER, BROKER_LOGGER] {
        if types.contains(&broker) {
            resources.push(named(broker, &ask.broker.node.0.to_string()));
        }
    }
    if !types.contains(&GROUP) {
        return Answer::Now(answer(resources));
    }
    let groups = ask.broker.controller.configured_groups(ask.now);
    Answer::later(async move {
        match groups.await {
            Ok(groups) => {
                resources.extend(groups.iter().map(|group| named(GROUP, group)));
                answer(resources)
            }
            Err(error) => refuse(&error),
        }
    })
}

/// The types that are asked for, all that the version knows if none is named; nothing where one
/// is named that it does not know.
fn wanted(version: i16, named: &[i8]) -> Option<BTreeSet<i8>> {
    let known: &[i8] = match version {
        0 => &[CLIENT_METRICS],
        _ => &[TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP],
    };
    let named = if named.is_empty() { known } else { named };
    named.iter().all(|kind| known.contains(kind)).then(|| named.iter().copied().collect())
}

fn named(resource_type: i8, name: &str) -> ConfigResource {
    ConfigResource::default()
        .with_resource_type(resource_type)
        .with_resource_name(name.to_owned().into())
}

fn answer(resources: Vec<ConfigResource>) -> ListConfigResourcesResponse {
    ListConfigResourcesResponse::default().with_config_resources(resources)
}

fn refuse(error: &ControllerError) -> ListConfigResourcesResponse {
    ListConfigResourcesResponse::default().with_error_code(error.code().code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_type_means_every_type_that_the_version_knows() {
        assert_eq!(wanted(0, &[]), Some(BTreeSet::from([CLIENT_METRICS])));
        let all = BTreeSet::from([TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP]);
        assert_eq!(wanted(1, &[]), Some(all));
        assert_eq!(wanted(1, &[GROUP, TOPIC, TOPIC]), Some(BTreeSet::from([TOPIC, GROUP])));
    }

    #[test]
    fn a_type_that_is_unknown_refuses_all() {
        assert_eq!(wanted(1, &[TOPIC, 3]), None);
        assert_eq!(wanted(1, &[0]), None);
    }
}
