//! DescribeConfigs: every entry with its source and synonyms (`ConfigHelper.scala`).

use std::collections::{BTreeMap, BTreeSet};

use super::configs::{BrokerConfigs, broker_config_type, broker_synonyms};
use super::group::{GROUP_CONFIGS, GroupConfigRow};
use super::setting::Setting;
use super::value::ConfigType;
use crate::types::topic_config::{TOPIC_CONFIGS, TopicConfigRow, topic_default};

/// Where a value comes from, as DescribeConfigs says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigSource {
    /// Set for the topic.
    DynamicTopic,
    /// Set for this broker, by AlterConfigs.
    DynamicBroker,
    /// Set for all brokers, by AlterConfigs.
    DynamicDefaultBroker,
    /// Given at the start, by a file, a variable or the command line.
    StaticBroker,
    /// Given by nobody.
    Default,
    /// Set for the group.
    Group,
}

impl ConfigSource {
    /// The number in DescribeConfigs responses.
    #[must_use]
    pub const fn to_wire(self) -> i8 {
        match self {
            Self::DynamicTopic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::Group => 8,
        }
    }
}

/// Another name, or another source, under which a value was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigSynonym {
    /// The name.
    pub name: String,
    /// Its value there; `None` if it is a secret.
    pub value: Option<String>,
    /// Whose it is.
    pub source: ConfigSource,
}

/// One line of a DescribeConfigs answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The name.
    pub name: String,
    /// The value in force; `None` for null and for secrets.
    pub value: Option<String>,
    /// Its type.
    pub kind: ConfigType,
    /// Where it comes from.
    pub source: ConfigSource,
    /// Whether only a restart changes it.
    pub read_only: bool,
    /// Whether it is a secret.
    pub sensitive: bool,
    /// Everywhere it was looked up, the first is in force. Sent only to those who ask for it.
    pub synonyms: Vec<ConfigSynonym>,
    /// What it does, where we have something to say. Sent only to those who ask for it.
    pub doc: Option<&'static str>,
}

impl ConfigEntry {
    /// For versions of the API that know no sources (version 0).
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.source == ConfigSource::Default
    }
}

impl BrokerConfigs {
    /// All configs of a topic with these overrides, in the order of names.
    #[must_use]
    pub fn describe_topic(&self, overrides: &BTreeMap<String, String>) -> Vec<ConfigEntry> {
        let describe = |row: &TopicConfigRow| {
            let own = overrides
                .get(row.name)
                .map(|text| row.check(text).unwrap_or_else(|_| text.clone()));
            let own = own.as_ref();
            let value = own.cloned().unwrap_or_else(|| topic_default(row, self));
            let inherited = row.synonym.map(|name| self.synonyms(name, false)).unwrap_or_default();
            own_entry(
                row.name,
                row.kind,
                value,
                own,
                ConfigSource::DynamicTopic,
                inherited,
                row.doc,
            )
        };
        TOPIC_CONFIGS.iter().map(describe).collect()
    }

    /// All configs of a group with these overrides, in the order of names.
    #[must_use]
    pub fn describe_group(&self, overrides: &BTreeMap<String, String>) -> Vec<ConfigEntry> {
        let describe = |row: &GroupConfigRow| {
            let own = overrides.get(row.name);
            let broker = row.synonym.and_then(|name| self.value(name)).unwrap_or(row.default);
            let value = own.cloned().unwrap_or_else(|| broker.to_owned());
            let inherited = row.synonym.map(|name| self.synonyms(name, false)).unwrap_or_default();
            own_entry(row.name, row.kind, value, own, ConfigSource::Group, inherited, row.doc)
        };
        GROUP_CONFIGS.iter().map(describe).collect()
    }

    /// All settings of this broker, in the order of names.
    #[must_use]
    pub fn describe_broker(&self) -> Vec<ConfigEntry> {
        let known = Setting::all().map(|row| row.name);
        let given = self.given().keys().chain(self.dynamic_broker().keys());
        let given = given.chain(self.dynamic_default().keys()).map(String::as_str);
        let names: BTreeSet<&str> = known.chain(given).collect();
        names.into_iter().map(|name| self.broker_entry(name, self.value(name), |_| true)).collect()
    }

    /// What was set for all brokers, in the order of names; the broker resource without a name.
    #[must_use]
    pub fn describe_broker_default(&self) -> Vec<ConfigEntry> {
        let only = |source| source == ConfigSource::DynamicDefaultBroker;
        let entry = |(name, value): (&String, &String)| self.broker_entry(name, Some(value), only);
        self.dynamic_default().iter().map(entry).collect()
    }

    fn broker_entry(
        &self,
        name: &str,
        value: Option<&str>,
        shown: impl Fn(ConfigSource) -> bool,
    ) -> ConfigEntry {
        let kind = broker_config_type(name);
        let sensitive = kind.is_sensitive();
        let mut synonyms = self.synonyms(name, sensitive);
        synonyms.retain(|synonym| shown(synonym.source));
        let row = Setting::find(name);
        ConfigEntry {
            name: name.to_owned(),
            value: value.filter(|_| !sensitive).map(str::to_owned),
            kind,
            source: synonyms.first().map_or(ConfigSource::Default, |first| first.source),
            read_only: row.is_none_or(|row| !row.dynamic),
            sensitive,
            synonyms,
            doc: row.map(|row| row.doc).filter(|doc| !doc.is_empty()),
        }
    }

    /// Everywhere that a broker setting is looked up. Kafka drops what stands before the first
    /// entry of the very name, so that a topic's `retention.ms` lists nothing of
    /// `log.retention.hours`.
    fn synonyms(&self, name: &str, sensitive: bool) -> Vec<ConfigSynonym> {
        let names = broker_synonyms(name);
        let mut found = Vec::new();
        let mut add = |name: &str, value: Option<&str>, source| {
            if let Some(value) = value {
                let value = (!sensitive).then(|| value.to_owned());
                found.push(ConfigSynonym { name: name.to_owned(), value, source });
            }
        };
        for name in &names {
            let value = self.dynamic_broker().get(*name).map(String::as_str);
            add(name, value, ConfigSource::DynamicBroker);
        }
        for name in &names {
            let value = self.dynamic_default().get(*name).map(String::as_str);
            add(name, value, ConfigSource::DynamicDefaultBroker);
        }
        for name in &names {
            let value = self.given().get(*name).map(|given| given.value.as_str());
            add(name, value, ConfigSource::StaticBroker);
        }
        for name in &names {
            let value = Setting::find(name).and_then(|row| row.default);
            add(name, value, ConfigSource::Default);
        }
        found.into_iter().skip_while(|synonym| synonym.name != name).collect()
    }
}

/// An entry of a topic or a group: its own value stands before those of the broker.
fn own_entry(
    name: &str,
    kind: ConfigType,
    value: String,
    own: Option<&String>,
    source: ConfigSource,
    inherited: Vec<ConfigSynonym>,
    doc: &'static str,
) -> ConfigEntry {
    let own = own.map(|value| ConfigSynonym {
        name: name.to_owned(),
        value: Some(value.clone()),
        source,
    });
    let synonyms: Vec<_> = own.into_iter().chain(inherited).collect();
    ConfigEntry {
        name: name.to_owned(),
        value: Some(value),
        kind,
        source: synonyms.first().map_or(ConfigSource::Default, |first| first.source),
        read_only: false,
        sensitive: false,
        synonyms,
        doc: Some(doc).filter(|doc| !doc.is_empty()),
    }
}
