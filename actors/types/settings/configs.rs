//! Configurations of a broker as text: what was given at the start and what was set since.

use std::collections::BTreeMap;
use std::fmt;

use super::sasl::check_secret;
use super::setting::Setting;
use super::value::{ConfigError, ConfigType, check};

/// A value that a layer of the start gave, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct Given {
    /// The value in normal form.
    pub value: String,
    /// For people: `server.properties:3`, `KAFKA_NUM_PARTITIONS`, `--set`.
    pub origin: String,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whether the value is a secret depends on its name.
        f.debug_struct("Given").field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Everything that was set for this broker. An immutable picture: a change of the dynamic values
/// makes another one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct BrokerConfigs {
    given: BTreeMap<String, Given>,
    dynamic_broker: BTreeMap<String, String>,
    dynamic_default: BTreeMap<String, String>,
}

impl fmt::Debug for BrokerConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.given.iter().map(|(name, given)| (name, &given.value)).collect();
        f.debug_struct("BrokerConfigs")
            .field("given", &Shown(given))
            .field("dynamic_broker", &Shown(self.dynamic_broker.iter().collect()))
            .field("dynamic_default", &Shown(self.dynamic_default.iter().collect()))
            .finish()
    }
}

struct Shown<'a>(Vec<(&'a String, &'a String)>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in &self.0 {
            map.entry(name, &shown_broker_value(name, value));
        }
        map.finish()
    }
}

/// What `Debug` shows of a broker's setting; what no table knows may be a secret.
pub(crate) fn shown_broker_value<'a>(name: &str, value: &'a str) -> &'a str {
    if broker_config_type(name).is_sensitive() { "[hidden]" } else { value }
}

impl BrokerConfigs {
    /// Takes what the layers of the start gave.
    ///
    /// # Errors
    /// The first value, in the order of names, that does not fit its setting, or the one that it
    /// overrides for a listener. Unknown names are kept as they are.
    pub fn new(given: BTreeMap<String, Given>) -> Result<Self, ConfigError> {
        let mut checked = BTreeMap::new();
        for (name, Given { value, origin }) in given {
            let value = checked_value(&name, value)?;
            checked.insert(name, Given { value, origin });
        }
        // Two names of one number (`KafkaConfig.populateSynonyms`).
        for (name, other) in [("node.id", "broker.id"), ("broker.id", "node.id")] {
            if let Some(number) = checked.get(name).filter(|number| number.value != "-1").cloned() {
                checked.entry(other.to_owned()).or_insert(number);
            }
        }
        Ok(Self { given: checked, ..Self::default() })
    }

    /// The same with other dynamic values: of this broker, and of all brokers. Values that do not
    /// fit are left out; they were checked when they were set.
    #[must_use]
    pub fn with_dynamic(
        &self,
        broker: &BTreeMap<String, String>,
        default: &BTreeMap<String, String>,
    ) -> Self {
        let checked = |values: &BTreeMap<String, String>| {
            let fits = |(name, value): (&String, &String)| {
                Some((name.clone(), checked_value(name, value.clone()).ok()?))
            };
            values.iter().filter_map(fits).collect()
        };
        Self {
            given: self.given.clone(),
            dynamic_broker: checked(broker),
            dynamic_default: checked(default),
        }
    }

    /// Checks a value that is about to be set dynamically; unknown names are Kafka's to accept.
    ///
    /// # Errors
    /// A known setting that the value does not fit.
    pub fn check_dynamic(name: &str, value: &str) -> Result<String, ConfigError> {
        checked_value(name, value.to_owned())
    }

    /// The value in force of one name, without its synonyms; `None` is Kafka's null.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.set(name).or_else(|| Setting::find(name)?.default)
    }

    /// The value somebody set, by the order of sources.
    pub(crate) fn set(&self, name: &str) -> Option<&str> {
        let dynamic = self.dynamic_broker.get(name).or_else(|| self.dynamic_default.get(name));
        dynamic.or_else(|| self.given.get(name).map(|given| &given.value)).map(String::as_str)
    }

    /// What the layers of the start gave, by name.
    #[must_use]
    pub const fn given(&self) -> &BTreeMap<String, Given> {
        &self.given
    }

    /// Dynamic values of this broker.
    #[must_use]
    pub const fn dynamic_broker(&self) -> &BTreeMap<String, String> {
        &self.dynamic_broker
    }

    /// Dynamic values of all brokers.
    #[must_use]
    pub const fn dynamic_default(&self) -> &BTreeMap<String, String> {
        &self.dynamic_default
    }

    /// What a topic inherits from a setting whose older, coarser names count as well: the first
    /// that is set, in milliseconds.
    pub(crate) fn inherited(&self, name: &str) -> Option<String> {
        for synonym in broker_synonyms(name) {
            let Some(value) = self.value(synonym) else { continue };
            let unit = match synonym {
                "log.retention.minutes" => 60_000,
                "log.retention.hours" | "log.roll.hours" | "log.roll.jitter.hours" => 3_600_000,
                _ => return Some(value.to_owned()),
            };
            // -1 means for ever in any unit.
            let count = value.parse::<i64>().unwrap_or(-1);
            return Some(if count < 0 { count } else { count.saturating_mul(unit) }.to_string());
        }
        None
    }
}

/// Names under which a setting is looked up, in this order (`DynamicBrokerConfig
/// .brokerConfigSynonyms`).
#[must_use]
pub fn broker_synonyms(name: &str) -> Vec<&str> {
    match name {
        "log.roll.ms" | "log.roll.hours" => vec!["log.roll.ms", "log.roll.hours"],
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => {
            vec!["log.roll.jitter.ms", "log.roll.jitter.hours"]
        }
        "log.flush.interval.ms" => vec!["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => {
            vec!["log.retention.ms", "log.retention.minutes", "log.retention.hours"]
        }
        _ => match listener_base(name) {
            Some(base) => vec![name, base],
            None => vec![name],
        },
    }
}

/// The setting that `listener.name.<listener>.[<mechanism>.]<setting>` overrides for one listener.
#[must_use]
pub fn listener_base(name: &str) -> Option<&str> {
    let (_, base) = name.strip_prefix("listener.name.")?.split_once('.')?;
    if Setting::find(base).is_some() {
        return Some(base);
    }
    // Only these may stand behind the name of a mechanism.
    [
        "sasl.jaas.config",
        "sasl.login.callback.handler.class",
        "sasl.login.class",
        "sasl.server.callback.handler.class",
        "connections.max.reauth.ms",
    ]
    .into_iter()
    .find_map(|end| base.ends_with(end).then(|| base.get(base.len() - end.len()..))?)
}

/// Type of a broker setting by its name; [`ConfigType::Unknown`] for names of no table.
#[must_use]
pub fn broker_config_type(name: &str) -> ConfigType {
    row_of(name).map_or(ConfigType::Unknown, |row| row.kind)
}

/// The row of a setting, or of the one that it overrides for a listener.
fn row_of(name: &str) -> Option<&'static Setting> {
    Setting::find(name).or_else(|| Setting::find(listener_base(name)?))
}

fn checked_value(name: &str, value: String) -> Result<String, ConfigError> {
    check_secret(name, &value)?;
    match row_of(name) {
        Some(row) => check(name, row.kind, row.bounds, &value),
        None => Ok(value),
    }
}
