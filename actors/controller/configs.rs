//! Changes of dynamic configs; the checks of Kafka's `ConfigAdminManager` and
//! `ConfigurationControlManager`, in their order.

use super::error::{ConfigError, ControllerError};
use super::machine::{ControllerMachine, MIN_INSYNC_REPLICAS, RECORDS_MAX};
use super::records::{ConfigRecord, Record};
use super::request::{
    AlterConfigs, Answer, ConfigChange, ConfigOperation, ConfigsAltered, ResourceAlteration,
};
use super::rules::{ConfigResource, ResourceKind};
use crate::machine::Decision;
use crate::types::{NodeId, TopicName};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The overrides of a new topic, checked.
pub(super) fn check_creation(
    machine: &ControllerMachine,
    resource: &ConfigResource,
    configs: &[(String, Option<String>)],
) -> Result<BTreeMap<String, String>, ControllerError> {
    let null = configs.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name.clone());
    let null: Vec<String> = null.collect();
    if !null.is_empty() {
        return Err(ControllerError::Config(ConfigError::NullAtCreation(null)));
    }
    let given = configs.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let all: BTreeMap<String, String> = given.collect();
    if !all.is_empty() {
        let invalid = |text| ControllerError::Config(ConfigError::Invalid(text));
        machine.rules().check(resource, &all).map_err(invalid)?;
    }
    Ok(all)
}

pub(super) fn alter(
    machine: &ControllerMachine,
    request: AlterConfigs,
) -> Decision<Record, Answer> {
    let mut times: BTreeMap<(i8, String), usize> = BTreeMap::new();
    for resource in &request.resources {
        *times.entry((resource.resource_type, resource.resource_name.clone())).or_default() += 1;
    }
    let mut records = Vec::new();
    let mut results = Vec::with_capacity(request.resources.len());
    let mut altered = Altered::new();
    for resource in request.resources {
        let key = (resource.resource_type, resource.resource_name.clone());
        let result = if times.get(&key) == Some(&1) {
            alter_one(machine, request.node, request.replace, &altered, resource)
        } else {
            Err(ControllerError::Config(ConfigError::DuplicateResource))
        };
        let result = result.map(|Changed { resource, after, records: changes }| {
            records.extend(changes);
            altered.insert(resource.clone(), Arc::new(after));
            resource
        });
        let (resource_type, resource_name) = key;
        results.push(ConfigsAltered { resource_type, resource_name, result });
    }
    if records.len() > RECORDS_MAX {
        records.clear();
        results
            .iter_mut()
            .for_each(|altered| altered.result = Err(ControllerError::TooManyRecords));
    }
    if request.validate_only {
        records.clear();
    }
    Decision { records, answer: Answer::ConfigsAltered(results) }
}

/// What the resources in front in the request will have.
type Altered = BTreeMap<ConfigResource, Arc<BTreeMap<String, String>>>;

struct Changed {
    resource: ConfigResource,
    after: BTreeMap<String, String>,
    records: Vec<Record>,
}

fn alter_one(
    machine: &ControllerMachine,
    node: NodeId,
    replace: bool,
    altered: &Altered,
    alteration: ResourceAlteration,
) -> Result<Changed, ControllerError> {
    check_keys(&alteration.changes).map_err(ControllerError::Config)?;
    let resource = parse_resource(node, &alteration)?;
    let before = machine.state().configs_of(&resource);
    let mut changes = alteration.changes;
    if replace {
        changes.extend(deletions_of_others(&before, &changes));
    }
    let mut after = (*before).clone();
    for change in &changes {
        let value = new_value(machine, &resource, &before, change);
        match value.map_err(ControllerError::Config)? {
            Some(value) => after.insert(change.name.clone(), value),
            None => after.remove(&change.name),
        };
    }
    machine.rules().check(&resource, &after).map_err(|text| {
        ControllerError::Config(match &resource {
            ConfigResource::Broker(_) => ConfigError::InvalidForBroker(text),
            ConfigResource::Topic(_) | ConfigResource::Group(_) => ConfigError::Invalid(text),
        })
    })?;
    if let ConfigResource::Broker(changed) = resource {
        check_broker(machine, node, altered, changed, &after)?;
    }
    if let ConfigResource::Topic(name) = &resource
        && machine.state().topic(name.as_str()).is_none()
    {
        return Err(ControllerError::UnknownTopic(name.as_str().to_owned()));
    }
    let changed = |change: &&ConfigChange| before.get(&change.name) != after.get(&change.name);
    let record = |change: &ConfigChange| {
        Record::Config(ConfigRecord {
            resource: resource.clone(),
            name: change.name.clone(),
            value: after.get(&change.name).cloned(),
        })
    };
    let records = changes.iter().filter(changed).map(record).collect();
    Ok(Changed { resource, after, records })
}

/// Whether the broker can go by what it and all brokers will have together. One that cannot go by
/// what they have now may be brought there in steps.
fn check_broker(
    machine: &ControllerMachine,
    node: NodeId,
    altered: &Altered,
    changed: Option<NodeId>,
    after: &BTreeMap<String, String>,
) -> Result<(), ControllerError> {
    let before = |node: Option<NodeId>| {
        let resource = ConfigResource::Broker(node);
        let earlier = altered.get(&resource).cloned();
        earlier.unwrap_or_else(|| machine.state().configs_of(&resource))
    };
    let (own, all) = (before(Some(node)), before(None));
    let checked = match changed {
        Some(_) => machine.rules().check_broker(after, &all),
        None => machine.rules().check_broker(&own, after),
    };
    match checked {
        Err(text) if machine.rules().check_broker(&own, &all).is_ok() => {
            Err(ControllerError::Config(ConfigError::InvalidForBroker(text)))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Deletions of the keys that are set and not named.
fn deletions_of_others(
    before: &BTreeMap<String, String>,
    changes: &[ConfigChange],
) -> Vec<ConfigChange> {
    let named: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).collect();
    let others = before.keys().filter(|name| !named.contains(name.as_str()));
    let deletion = |name: &String| ConfigChange {
        name: name.clone(),
        operation: ConfigOperation::Delete.to_wire(),
        value: None,
    };
    others.map(deletion).collect()
}

fn check_keys(changes: &[ConfigChange]) -> Result<(), ConfigError> {
    let names: BTreeSet<&str> = changes.iter().map(|change| change.name.as_str()).collect();
    if names.len() < changes.len() {
        return Err(ConfigError::DuplicateKeys);
    }
    let is_delete = |change: &ConfigChange| {
        ConfigOperation::from_wire(change.operation) == Some(ConfigOperation::Delete)
    };
    let null = changes.iter().filter(|change| change.value.is_none() && !is_delete(change));
    let null: Vec<String> = null.map(|change| change.name.clone()).collect();
    if null.is_empty() { Ok(()) } else { Err(ConfigError::NullValues(null)) }
}

fn parse_resource(
    node: NodeId,
    alteration: &ResourceAlteration,
) -> Result<ConfigResource, ControllerError> {
    let name = alteration.resource_name.as_str();
    let kind = ResourceKind::from_wire(alteration.resource_type)
        .ok_or(ConfigError::UnknownResourceType(alteration.resource_type))
        .map_err(ControllerError::Config)?;
    match kind {
        ResourceKind::Topic if name.is_empty() => {
            Err(ControllerError::Config(ConfigError::EmptyTopic))
        }
        ResourceKind::Topic => {
            TopicName::parse(name).map(ConfigResource::Topic).map_err(ControllerError::InvalidName)
        }
        ResourceKind::Broker if name.is_empty() => Ok(ConfigResource::Broker(None)),
        ResourceKind::Broker if name.parse() == Ok(node.0) => {
            Ok(ConfigResource::Broker(Some(node)))
        }
        ResourceKind::Broker => {
            let name = name.to_owned();
            Err(ControllerError::Config(ConfigError::UnexpectedBroker { name, node: node.0 }))
        }
        ResourceKind::Group if name.is_empty() => {
            Err(ControllerError::Config(ConfigError::EmptyGroup))
        }
        ResourceKind::Group => Ok(ConfigResource::Group(name.to_owned())),
    }
}

/// What a key is after the change; `None`: not set.
fn new_value(
    machine: &ControllerMachine,
    resource: &ConfigResource,
    before: &BTreeMap<String, String>,
    change: &ConfigChange,
) -> Result<Option<String>, ConfigError> {
    let operation = ConfigOperation::from_wire(change.operation)
        .ok_or(ConfigError::UnknownOperation(change.operation))?;
    let given = change.value.clone().unwrap_or_default();
    let value = match operation {
        ConfigOperation::Set => Some(given),
        ConfigOperation::Delete => None,
        ConfigOperation::Append => {
            let mut list = current_list(machine, resource, before, change, "APPEND")?;
            for item in given.split(',') {
                if !list.iter().any(|there| there == item) {
                    list.push(item.to_owned());
                }
            }
            Some(list.join(","))
        }
        ConfigOperation::Subtract => {
            let mut list = current_list(machine, resource, before, change, "SUBTRACT")?;
            for item in given.split(',') {
                // Kafka takes the first of equal items only.
                if let Some(at) = list.iter().position(|there| there == item) {
                    list.remove(at);
                }
            }
            Some(list.join(","))
        }
    };
    // With the feature eligible.leader.replicas on, as in every new cluster (KIP-966).
    match (resource, value.is_some()) {
        (ConfigResource::Broker(Some(_)), true) if change.name == MIN_INSYNC_REPLICAS => {
            Err(ConfigError::BrokerMinIsr)
        }
        (ConfigResource::Broker(None), false) if change.name == MIN_INSYNC_REPLICAS => {
            Err(ConfigError::ClusterMinIsrRemoval)
        }
        _ => Ok(value),
    }
}

fn current_list(
    machine: &ControllerMachine,
    resource: &ConfigResource,
    before: &BTreeMap<String, String>,
    change: &ConfigChange,
    operation: &'static str,
) -> Result<Vec<String>, ConfigError> {
    let kind = match resource {
        ConfigResource::Topic(_) => ResourceKind::Topic,
        ConfigResource::Broker(_) => ResourceKind::Broker,
        ConfigResource::Group(_) => ResourceKind::Group,
    };
    if !machine.rules().is_list(kind, &change.name) {
        return Err(ConfigError::NotAList { operation, name: change.name.clone() });
    }
    let set = before.get(&change.name).cloned();
    let current = set.or_else(|| machine.rules().default_of(kind, &change.name));
    let items = current.unwrap_or_default();
    Ok(items.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect())
}
