//! DescribeConfigs (key 32), versions 1 to 4.
//!
//! Lists every config of topics, this broker, the default of all brokers, and groups, with where
//! each value comes from. A key that does not exist is left out without an error.
//! v1 synonyms and sources · v3 types and documentation · v4 flexible
//! Not done: log levels (BROKER_LOGGER) and client metrics, which answer INVALID_REQUEST.

use super::answer::{Answer, Ask};
use crate::controller::{ConfigResource, ControllerError, Pending};
use crate::registry::MetadataImage;
use crate::types::{BrokerConfigs, ConfigEntry, ConfigSynonym, ErrorCode, NodeId, TopicName};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use std::collections::BTreeMap;
use std::sync::Arc;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeConfigsRequest,
) -> Answer<DescribeConfigsResponse> {
    let format = Format {
        version: ask.version,
        synonyms: request.include_synonyms,
        documentation: request.include_documentation && ask.version >= 3,
    };
    let image = ask.broker.registry.image();
    let found = |resource: DescribeConfigsResource| {
        let found = look_up(ask, &image, &resource);
        (resource, found)
    };
    let found: Vec<(DescribeConfigsResource, Found)> =
        request.resources.into_iter().map(found).collect();
    let configs = Arc::clone(&image.configs);
    if found.iter().all(|(_, found)| !matches!(found, Found::Group(_))) {
        let results = found.into_iter().map(|(resource, found)| match found {
            Found::Entries(entries) => format.result(&resource, entries),
            Found::Group(_) => unreachable!("there are no groups among them"),
        });
        return Answer::Now(DescribeConfigsResponse::default().with_results(results.collect()));
    }
    Answer::later(async move {
        let mut results = Vec::with_capacity(found.len());
        for (resource, found) in found {
            let entries = match found {
                Found::Entries(entries) => entries,
                Found::Group(overrides) => overrides
                    .await
                    .map(|overrides| configs.describe_group(&overrides))
                    .map_err(|error| Refusal(error.code(), error.to_string())),
            };
            results.push(format.result(&resource, entries));
        }
        DescribeConfigsResponse::default().with_results(results)
    })
}

/// Code and text.
struct Refusal(ErrorCode, String);

type Entries = Result<Vec<ConfigEntry>, Refusal>;

/// Entries, or overrides that the controller was asked for.
enum Found {
    Entries(Entries),
    Group(Pending<Arc<BTreeMap<String, String>>>),
}

fn look_up(ask: &Ask<'_>, image: &MetadataImage, resource: &DescribeConfigsResource) -> Found {
    let name = resource.resource_name.as_str();
    let invalid = |text: String| Err(Refusal(ErrorCode::InvalidRequest, text));
    Found::Entries(match resource.resource_type {
        TOPIC => topic(image, name),
        BROKER => broker(&image.configs, ask.broker.node, name),
        GROUP if name.is_empty() => invalid("Group name must not be empty".to_owned()),
        GROUP => {
            let group = ConfigResource::Group(name.to_owned());
            return Found::Group(ask.broker.controller.configs_of(ask.now, group));
        }
        other => invalid(format!("Unsupported resource type: {other}")),
    })
}

fn topic(image: &MetadataImage, name: &str) -> Entries {
    let parsed = TopicName::parse(name)
        .map_err(|error| Refusal(ErrorCode::InvalidTopicException, error.to_string()))?;
    let Some(topic) = image.topic(parsed.as_str()) else {
        let error = ControllerError::UnknownTopic(name.to_owned());
        return Err(Refusal(error.code(), error.to_string()));
    };
    Ok(image.configs.describe_topic(&topic.overrides))
}

fn broker(configs: &BrokerConfigs, node: NodeId, name: &str) -> Entries {
    if name.is_empty() {
        return Ok(configs.describe_broker_default());
    }
    let text = match name.parse::<i32>() {
        Ok(id) if id == node.0 => return Ok(configs.describe_broker()),
        Ok(id) => {
            format!("Unexpected broker id, expected {} or empty string, but received {id}", node.0)
        }
        Err(_) => format!("Broker id must be an integer, but it is: {name}"),
    };
    Err(Refusal(ErrorCode::InvalidRequest, text))
}

/// How much the client wants to know.
#[derive(Clone, Copy)]
struct Format {
    version: i16,
    synonyms: bool,
    documentation: bool,
}

impl Format {
    fn result(self, resource: &DescribeConfigsResource, entries: Entries) -> DescribeConfigsResult {
        let result = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_message(None);
        let entries = match entries {
            Ok(entries) => entries,
            Err(Refusal(code, text)) => {
                return result.with_error_code(code.code()).with_error_message(Some(text.into()));
            }
        };
        // An empty list of keys asks for all, as a null one does.
        let keys = resource.configuration_keys.as_deref().filter(|keys| !keys.is_empty());
        let wanted = |entry: &ConfigEntry| {
            keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == entry.name))
        };
        let entries = entries.into_iter().filter(wanted).map(|entry| self.entry(entry));
        result.with_configs(entries.collect())
    }

    fn entry(self, entry: ConfigEntry) -> DescribeConfigsResourceResult {
        let synonyms = if self.synonyms { entry.synonyms } else { Vec::new() };
        let documentation = entry.doc.filter(|_| self.documentation).map(Into::into);
        let answer = DescribeConfigsResourceResult::default()
            .with_name(entry.name.into())
            .with_value(entry.value.map(Into::into))
            .with_read_only(entry.read_only)
            .with_config_source(entry.source.to_wire())
            .with_is_sensitive(entry.sensitive)
            .with_synonyms(synonyms.into_iter().map(synonym).collect())
            .with_documentation(documentation);
        if self.version >= 3 { answer.with_config_type(entry.kind.to_wire()) } else { answer }
    }
}

fn synonym(synonym: ConfigSynonym) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(synonym.name.into())
        .with_value(synonym.value.map(Into::into))
        .with_source(synonym.source.to_wire())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;

    const PLAIN: Format = Format { version: 4, synonyms: false, documentation: false };

    fn resource(keys: Option<&[&'static str]>) -> DescribeConfigsResource {
        let keys = keys.map(|keys| keys.iter().map(|key| (*key).into()).collect());
        DescribeConfigsResource::default()
            .with_resource_type(TOPIC)
            .with_resource_name("t".into())
            .with_configuration_keys(keys)
    }

    /// A topic with `retention.ms` of its own.
    fn entries() -> Vec<ConfigEntry> {
        let overrides = BTreeMap::from([("retention.ms".to_owned(), "1000".to_owned())]);
        BrokerConfigs::default().describe_topic(&overrides)
    }

    fn names(keys: Option<&[&'static str]>) -> Vec<String> {
        let result = PLAIN.result(&resource(keys), Ok(entries()));
        result.configs.iter().map(|config| config.name.to_string()).collect()
    }

    fn refused(entries: Entries) -> (i16, String) {
        let result = PLAIN.result(&resource(None), entries);
        assert!(result.configs.is_empty());
        (result.error_code, result.error_message.unwrap().to_string())
    }

    #[test]
    fn keys_choose_among_the_configs_and_unknown_ones_are_left_out() {
        assert_eq!(names(Some(&["retention.ms", "no.such"])), ["retention.ms"]);
        assert_eq!(names(None).len(), entries().len());
        assert_eq!(names(Some(&[])).len(), entries().len());
        assert!(names(Some(&["no.such"])).is_empty());
    }

    #[test]
    fn synonyms_and_documentation_are_for_those_who_ask() {
        let asked = Format { synonyms: true, documentation: true, ..PLAIN };
        let entry = |format: Format| {
            let keys: &[&str] = &["retention.ms"];
            format.result(&resource(Some(keys)), Ok(entries())).configs.remove(0)
        };

        let (plain, full) = (entry(PLAIN), entry(asked));

        assert_eq!((plain.synonyms.len(), plain.documentation), (0, None));
        assert_eq!(full.synonyms[0].name.as_str(), "retention.ms");
        assert_eq!(full.synonyms[0].source, 1);
        assert_eq!((full.config_source, full.config_type), (1, 5));
    }

    #[test]
    fn only_this_broker_and_the_default_of_all_are_described() {
        let configs = BrokerConfigs::default();
        let of = |name| broker(&configs, NodeId(1), name);

        assert!(of("1").is_ok_and(|entries| !entries.is_empty()));
        assert!(of("").is_ok_and(|entries| entries.is_empty()));
        let (code, text) = refused(of("99"));
        assert_eq!((code, text.contains("99")), (42, true));
        assert_eq!(refused(of("abc")).0, 42);
    }

    #[test]
    fn topics_that_are_not_there_are_unknown_and_names_that_cannot_be_are_invalid() {
        let image = MetadataImage::new(Arc::new(BrokerConfigs::default()));

        assert_eq!(refused(topic(&image, "missing")).0, 3);
        assert_eq!(refused(topic(&image, "a/b")).0, 17);
        assert_eq!(refused(topic(&image, "")).0, 17);
    }

    #[test]
    fn every_version_can_be_encoded() {
        for version in 1..=4 {
            let format = Format { version, synonyms: true, documentation: version >= 3 };
            let results = vec![
                format.result(&resource(None), Ok(entries())),
                format.result(
                    &resource(None),
                    Err(Refusal(ErrorCode::InvalidRequest, "no".to_owned())),
                ),
                format.result(&resource(None), Ok(BrokerConfigs::default().describe_broker())),
            ];
            let response = DescribeConfigsResponse::default().with_results(results);
            assert!(encode_response(1, version, &response).is_ok(), "version {version}");
        }
    }
}
