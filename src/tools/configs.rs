//! kafka-configs: describe and alter configs of topics, brokers, groups; quotas; SCRAM credentials.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::{
    BrokerId, DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListGroupsRequest,
};

use super::Call;
use super::arguments::{Connect, no_action, pairs, read_properties};
use super::client::{Client, To, text};
use super::output::Out;
use super::problem::ToolError;

mod entity;
mod users;

use entity::{Entity, Which};

/// Config resource type of topics.
pub(super) const TOPIC: i8 = 2;
/// UNKNOWN_TOPIC_OR_PARTITION.
const UNKNOWN_TOPIC: i16 = 3;
/// Operations of IncrementalAlterConfigs.
const SET: i8 = 0;
const DELETE: i8 = 1;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// Show configs
    #[arg(long, conflicts_with = "alter")]
    describe: bool,
    /// Change configs
    #[arg(long)]
    alter: bool,
    /// Show defaults as well
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    entity: entity::EntityArguments,
    /// Configs to set; commas of a value within brackets: cleanup.policy=[compact,delete]
    #[arg(long, value_name = "NAME=VALUE,…")]
    add_config: Option<String>,
    /// File of configs to set
    #[arg(long, value_name = "FILE")]
    add_config_file: Option<std::path::PathBuf>,
    /// Configs to unset
    #[arg(long, value_name = "NAME,…")]
    delete_config: Option<String>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    force: bool,
}

/// One config as its broker shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConfigEntry {
    pub(super) name: String,
    pub(super) value: Option<String>,
    pub(super) source: i8,
    pub(super) sensitive: bool,
    /// Name, value and source of what would hold if this did not.
    pub(super) synonyms: Vec<(String, Option<String>, i8)>,
}

/// Configs of one resource, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) error: (i16, Option<String>),
    pub(super) entries: Vec<ConfigEntry>,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    if arguments.describe == arguments.alter {
        return Err(no_action("--describe, --alter"));
    }
    let entities = arguments.entity.entities()?;
    let changes = changes(&arguments)?;
    if arguments.alter && changes.set.is_empty() && changes.unset.is_empty() {
        return Err(ToolError::Usage(
            "At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter"
                .to_owned(),
        ));
    }
    let mut client = arguments.connect.client()?;
    match entities.as_slice() {
        [entity] if entity.is_resource() && arguments.describe => {
            describe_entity(&mut client, entity, arguments.all, out)?;
        }
        [entity] if entity.is_resource() => alter_resource(&mut client, entity, &changes, out)?,
        entities if arguments.describe => users::describe(&mut client, entities, out)?,
        entities => users::alter(&mut client, entities, &changes, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// What is to be changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    set: BTreeMap<String, String>,
    unset: Vec<String>,
}

fn changes(arguments: &Arguments) -> Result<Changes, ToolError> {
    let mut changes = Changes::default();
    if let Some(file) = arguments.add_config_file.as_deref() {
        changes.set = read_properties(file)?;
    }
    if let Some(given) = arguments.add_config.as_deref() {
        changes.set.extend(pairs(given)?);
    }
    let unset = arguments.delete_config.as_deref().unwrap_or_default();
    let names = unset.split(',').map(str::trim).filter(|name| !name.is_empty());
    changes.unset = names.map(str::to_owned).collect();
    Ok(changes)
}

/// Configs of these resources, given as type and name.
pub(super) fn describe(
    client: &mut Client,
    resources: &[(i8, String)],
) -> Result<Vec<Described>, ToolError> {
    let resource = |(kind, name): &(i8, String)| {
        DescribeConfigsResource::default()
            .with_resource_type(*kind)
            .with_resource_name(text(name))
            .with_configuration_keys(None)
    };
    let request = DescribeConfigsRequest::default()
        .with_resources(resources.iter().map(resource).collect())
        .with_include_synonyms(true);
    // A broker answers for itself alone; everything else any broker knows.
    let to = match resources {
        [(entity::BROKER | entity::BROKER_LOGGER, id)] if !id.is_empty() => {
            client.metadata(Some(&[]), false)?;
            id.parse().ok().filter(|id| client.nodes().contains_key(id)).map_or(To::Any, To::Node)
        }
        _ => To::Any,
    };
    let answer = client.ask(to, i16::MAX, &request)?;
    let entry = |config: kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult| {
        let synonyms = config.synonyms.into_iter().map(|synonym| {
            (synonym.name.to_string(), synonym.value.map(|v| v.to_string()), synonym.source)
        });
        ConfigEntry {
            name: config.name.to_string(),
            value: config.value.map(|value| value.to_string()),
            source: config.config_source,
            sensitive: config.is_sensitive,
            synonyms: synonyms.collect(),
        }
    };
    let described = answer.results.into_iter().map(|result| Described {
        name: result.resource_name.to_string(),
        error: (result.error_code, result.error_message.map(|text| text.to_string())),
        entries: result.configs.into_iter().map(entry).collect(),
    });
    Ok(described.collect())
}

const fn source_name(source: i8) -> &'static str {
    match source {
        1 => "DYNAMIC_TOPIC_CONFIG",
        2 => "DYNAMIC_BROKER_CONFIG",
        3 => "DYNAMIC_DEFAULT_BROKER_CONFIG",
        4 => "STATIC_BROKER_CONFIG",
        5 => "DEFAULT_CONFIG",
        6 => "DYNAMIC_BROKER_LOGGER_CONFIG",
        7 => "DYNAMIC_CLIENT_METRICS_CONFIG",
        8 => "DYNAMIC_GROUP_CONFIG",
        _ => "UNKNOWN",
    }
}

fn line(entry: &ConfigEntry) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonym = |(name, value, source): &(String, Option<String>, i8)| {
        format!("{}:{name}={}", source_name(*source), shown(value))
    };
    let synonyms: Vec<String> = entry.synonyms.iter().map(synonym).collect();
    format!(
        "  {}={} sensitive={} synonyms={{{}}}",
        entry.name,
        shown(&entry.value),
        entry.sensitive,
        synonyms.join(", ")
    )
}

fn names(client: &mut Client, entity: &Entity) -> Result<Vec<String>, ToolError> {
    match &entity.which {
        Which::Named(name) => Ok(vec![name.clone()]),
        Which::Default => Ok(vec![String::new()]),
        Which::All if entity.kind == TOPIC => client.topic_names(true),
        Which::All if entity.kind == entity::GROUP => {
            let answer = client.ask(To::Any, i16::MAX, &ListGroupsRequest::default())?;
            ToolError::check(answer.error_code, None)?;
            Ok(answer.groups.into_iter().map(|group| group.group_id.to_string()).collect())
        }
        Which::All => {
            client.metadata(Some(&[]), false)?;
            let mut names: Vec<String> = client.nodes().keys().map(ToString::to_string).collect();
            if entity.kind == entity::BROKER {
                names.push(String::new());
            }
            Ok(names)
        }
    }
}

fn describe_entity(
    client: &mut Client,
    entity: &Entity,
    all: bool,
    out: Out<'_>,
) -> Result<(), ToolError> {
    for name in names(client, entity)? {
        // Kafka's tool looks whether the topic is there, since its configs may outlive it there.
        let described = describe(client, &[(entity.kind, name.clone())])?;
        let Some(Described { error, mut entries, .. }) = described.into_iter().next() else {
            continue;
        };
        if error.0 == UNKNOWN_TOPIC && entity.kind == TOPIC && !all {
            writeln!(out, "The topic '{name}' doesn't exist and doesn't have dynamic config.")?;
            continue;
        }
        ToolError::check(error.0, error.1.as_deref())?;
        let (singular, plural) = entity.words();
        let extent = if all { "All" } else { "Dynamic" };
        if name.is_empty() {
            writeln!(out, "Default configs for {plural} in the cluster are:")?;
        } else {
            writeln!(out, "{extent} configs for {singular} {name} are:")?;
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        for entry in &entries {
            if all || entity.is_own(entry.source, &name) {
                writeln!(out, "{}", line(entry))?;
            }
        }
    }
    Ok(())
}

fn alter_resource(
    client: &mut Client,
    entity: &Entity,
    changes: &Changes,
    out: Out<'_>,
) -> Result<(), ToolError> {
    let name = match &entity.which {
        Which::Named(name) => name.clone(),
        Which::Default => String::new(),
        Which::All => {
            return Err(ToolError::Usage(
                "An entity name or --entity-default must be specified with --alter".to_owned(),
            ));
        }
    };
    let change = |name: &str, operation: i8, value: Option<&str>| {
        AlterableConfig::default()
            .with_name(text(name))
            .with_config_operation(operation)
            .with_value(value.map(text))
    };
    let set = changes.set.iter().map(|(name, value)| change(name, SET, Some(value)));
    let unset = changes.unset.iter().map(|name| change(name, DELETE, None));
    let resource = AlterConfigsResource::default()
        .with_resource_type(entity.kind)
        .with_resource_name(text(&name))
        .with_configs(set.chain(unset).collect());
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let to = match name.parse() {
        Ok(id) if entity.kind == entity::BROKER || entity.kind == entity::BROKER_LOGGER => {
            client.metadata(Some(&[]), false)?;
            let BrokerId(id) = BrokerId(id);
            if client.nodes().contains_key(&id) { To::Node(id) } else { To::Any }
        }
        Ok(_) | Err(_) => To::Any,
    };
    for answer in client.ask(to, i16::MAX, &request)?.responses {
        ToolError::check(answer.error_code, answer.error_message.as_deref())?;
    }
    let (singular, plural) = entity.words();
    if name.is_empty() {
        writeln!(out, "Completed updating default config for {plural} in the cluster.")?;
    } else {
        writeln!(out, "Completed updating config for {singular} {name}.")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_the_recorded_one() {
        let synonym =
            |name: &str, value: &str, source| (name.to_owned(), Some(value.to_owned()), source);
        let entry = ConfigEntry {
            name: "max.message.bytes".to_owned(),
            value: Some("2000".to_owned()),
            source: 1,
            sensitive: false,
            synonyms: vec![
                synonym("max.message.bytes", "2000", 1),
                synonym("message.max.bytes", "1048588", 5),
            ],
        };

        assert_eq!(
            line(&entry),
            "  max.message.bytes=2000 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:max.message.bytes=2000, DEFAULT_CONFIG:message.max.bytes=1048588}"
        );
    }
}
