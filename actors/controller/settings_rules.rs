//! The tables of settings as the controller's rules.

use super::rules::{ConfigResource, ConfigRules, ResourceKind};
use crate::types::{
    BrokerConfigs, ConfigType, GROUP_CONFIGS, GroupConfigRow, Setting, TOPIC_CONFIGS, TopicConfig,
    TopicConfigRow, broker_config_type,
};
use std::collections::BTreeMap;

/// Rules by the tables in `types`.
#[derive(Clone, Debug)]
pub struct SettingsRules {
    /// What the broker was started with; a topic inherits from it.
    configs: BrokerConfigs,
}

impl SettingsRules {
    /// Rules of a broker that was started with these configs.
    #[must_use]
    pub const fn new(configs: BrokerConfigs) -> Self {
        Self { configs }
    }
}

impl ConfigRules for SettingsRules {
    fn check(
        &self,
        resource: &ConfigResource,
        all: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        match resource {
            ConfigResource::Topic(_) => {
                TopicConfig::check(all, &self.configs).map_err(|error| error.to_string())
            }
            ConfigResource::Broker(_) => all.iter().try_for_each(|(k, v)| check_value(k, v)),
            ConfigResource::Group(_) => all.iter().try_for_each(|(k, v)| check_group(k, v)),
        }
    }

    fn check_broker(
        &self,
        of_broker: &BTreeMap<String, String>,
        of_all: &BTreeMap<String, String>,
    ) -> Result<(), String> {
        let configs = self.configs.with_dynamic(of_broker, of_all);
        configs.check_sasl().map_err(|error| error.to_string())
    }

    fn is_list(&self, kind: ResourceKind, name: &str) -> bool {
        let kind = match kind {
            ResourceKind::Topic => topic_row(name).map(|row| row.kind),
            ResourceKind::Broker => Some(broker_config_type(name)),
            ResourceKind::Group => group_row(name).map(|row| row.kind),
        };
        kind == Some(ConfigType::List)
    }

    fn default_of(&self, kind: ResourceKind, name: &str) -> Option<String> {
        let default = match kind {
            ResourceKind::Topic => topic_row(name).map(|row| row.default),
            ResourceKind::Broker => Setting::find(name).and_then(|row| row.default),
            ResourceKind::Group => group_row(name).map(|row| row.default),
        };
        default.map(str::to_owned)
    }
}

fn topic_row(name: &str) -> Option<&'static TopicConfigRow> {
    TOPIC_CONFIGS.iter().find(|row| row.name == name)
}

fn group_row(name: &str) -> Option<&'static GroupConfigRow> {
    GROUP_CONFIGS.iter().find(|row| row.name == name)
}

/// Kafka keeps names that it does not know: a plugin may.
fn check_value(name: &str, value: &str) -> Result<(), String> {
    if Setting::find(name).is_some_and(|row| !row.dynamic) {
        return Err(format!("Cannot update these configs dynamically: Set({name})"));
    }
    BrokerConfigs::check_dynamic(name, value).map(drop).map_err(|error| error.to_string())
}

/// `GroupConfig.validate`, without the bounds that the broker's own settings draw: they are in
/// force whatever the group says.
fn check_group(name: &str, value: &str) -> Result<(), String> {
    let row = group_row(name).ok_or_else(|| format!("Unknown group config name: {name}"))?;
    let refuse =
        |reason: &str| Err(format!("Invalid value {value} for configuration {name}: {reason}"));
    match (row.kind, name) {
        (ConfigType::Int, _) => {
            let least = i32::from(row.default != "0");
            match value.trim().parse::<i32>() {
                Ok(number) if number >= least => Ok(()),
                Ok(_) => refuse(&format!("Value must be at least {least}")),
                Err(_) => refuse("Not a number of type INT"),
            }
        }
        (ConfigType::Boolean, _) => match value.trim().to_ascii_lowercase().as_str() {
            "true" | "false" => Ok(()),
            _ => refuse("Expected value to be either true or false"),
        },
        (_, "share.isolation.level") => match value {
            "read_uncommitted" | "read_committed" => Ok(()),
            _ => refuse("String must be one of: read_uncommitted, read_committed"),
        },
        (_, "share.auto.offset.reset") => match value {
            "latest" | "earliest" => Ok(()),
            other if other.starts_with("by_duration:P") => Ok(()),
            _ => refuse("expected latest, earliest or by_duration:<ISO 8601 duration>"),
        },
        (_, _) => Ok(()),
    }
}
