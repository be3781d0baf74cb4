//! Variables: `KAFKA_*` by the rules of the apache/kafka image, `OTTLA_*` in the same way, and a few
//! names of other images.

use std::collections::BTreeSet;

use ottla_actors::types::Setting;

use super::topics::{self, DeclaredTopic};
use super::{Entry, LoadError, file, jaas_file, names};

/// Variables that speak to the JVM or to its start scripts (`KafkaDockerWrapper`).
const EXCLUDED: [&str; 11] = [
    "KAFKA_VERSION",
    "KAFKA_HEAP_OPTS",
    "KAFKA_LOG4J_OPTS",
    "KAFKA_OPTS",
    "KAFKA_JMX_OPTS",
    "KAFKA_JVM_PERFORMANCE_OPTS",
    "KAFKA_GC_LOG_OPTS",
    "KAFKA_LOG4J_ROOT_LOGLEVEL",
    "KAFKA_LOG4J_LOGGERS",
    "KAFKA_TOOLS_LOG4J_LOGLEVEL",
    "KAFKA_JMX_HOSTNAME",
];

/// Of these, those that say something to us all the same (see `logging`), or nothing to anybody.
const UNDERSTOOD: [&str; 2] = ["KAFKA_LOG4J_ROOT_LOGLEVEL", "KAFKA_VERSION"];

/// Variables of the bitnami/kafka image: a setting behind this prefix, and the cluster's id.
const BITNAMI_PREFIX: &str = "KAFKA_CFG_";
const BITNAMI_CLUSTER_ID: &str = "KAFKA_KRAFT_CLUSTER_ID";

/// Variables of ours that are no settings.
const OWN: [&str; 1] = ["OTTLA_CONFIG"];

/// What an environment says.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Known settings.
    pub(super) entries: Vec<Entry>,
    /// Topics that are declared.
    pub(super) topics: Vec<DeclaredTopic>,
    /// One line for each name that is unknown or has no effect.
    pub(super) warnings: Vec<String>,
}

/// Name of the property that a variable stands for: `_` is a dot, `__` one underscore, `___` a
/// dash. The replacements are made one after the other, as in the image, so four underscores are a
/// dash and a dot.
pub(super) fn property_name(variable: &str, prefix: &str) -> Option<String> {
    let rest = variable.strip_prefix(prefix)?;
    Some(rest.to_lowercase().replace('_', ".").replace("...", "-").replace("..", "_"))
}

/// Properties of one `KAFKA_*` variable. The image writes `name=value` into a properties file as it
/// is, so backslashes escape, blanks in front are lost and a line break begins another property.
pub(super) fn kafka_properties(
    variable: &str,
    value: &str,
) -> Result<Vec<(String, String)>, LoadError> {
    let other = variable.starts_with(BITNAMI_PREFIX)
        || [BITNAMI_CLUSTER_ID, topics::VARIABLE].contains(&variable);
    if other || EXCLUDED.contains(&variable) {
        return Ok(Vec::new());
    }
    let Some(name) = property_name(variable, "KAFKA_") else { return Ok(Vec::new()) };
    let entries = file::properties(&format!("{name}={value}"), variable)?;
    Ok(entries.into_iter().map(|entry| (entry.name, entry.value)).collect())
}

/// Reads an environment. Variables are taken in the order of their names, those of other images
/// first and `OTTLA_*` last, so the same environment always means the same.
pub(super) fn read(variables: &[(String, String)]) -> Result<Environment, LoadError> {
    let sorted: BTreeSet<&(String, String)> = variables.iter().collect();
    let mut found = Environment::default();
    for (variable, value) in &sorted {
        if variable == BITNAMI_CLUSTER_ID && !value.is_empty() {
            found.take(variable, "ottla.cluster.id".to_owned(), value.clone());
        }
        if let Some(name) = property_name(variable, BITNAMI_PREFIX) {
            found.take(variable, name, value.clone());
        }
        if variable == topics::VARIABLE {
            found.topics = topics::of_variable(value)?;
        }
    }
    for (variable, value) in &sorted {
        if variable == jaas_file::VARIABLE {
            found.entries.extend(jaas_file::entries(value)?);
        }
    }
    for (variable, value) in &sorted {
        if variable == "CLUSTER_ID" && !value.is_empty() {
            found.take(variable, "ottla.cluster.id".to_owned(), value.clone());
        }
        for (name, value) in kafka_properties(variable, value)? {
            found.take(variable, name, value);
        }
    }
    for (variable, value) in &sorted {
        let Some(name) = property_name(variable, "OTTLA_") else { continue };
        if OWN.contains(&variable.as_str()) {
            continue;
        }
        let own = format!("ottla.{name}");
        let name = if Setting::find(&own).is_some() { own } else { name };
        found.take(variable, name, value.clone());
    }
    found.warnings.extend(for_a_jvm(&sorted));
    Ok(found)
}

/// One line for all variables that only a JVM would hear.
fn for_a_jvm(variables: &BTreeSet<&(String, String)>) -> Option<String> {
    let unheard = |(variable, value): &(&str, &str)| {
        let is_heard = UNDERSTOOD.contains(variable)
            || (*variable == jaas_file::VARIABLE && jaas_file::is_all(value));
        EXCLUDED.contains(variable) && !is_heard
    };
    let set = variables.iter().filter(|(_, value)| !value.is_empty());
    let set = set.map(|(name, value)| (name.as_str(), value.as_str()));
    let names: Vec<&str> = set.filter(unheard).map(|(name, _)| name).collect();
    (!names.is_empty()).then(|| format!("{}: ignored, there is no JVM", names.join(", ")))
}

impl Environment {
    fn take(&mut self, variable: &str, name: String, value: String) {
        let entry = Entry { name, value, origin: variable.to_owned() };
        if let Err(hint) = names::known(&entry.name) {
            self.warnings
                .push(format!("{variable}: ignored, no such setting: {}{hint}", entry.name));
            return;
        }
        self.warnings.extend(names::without_effect(&entry));
        self.entries.push(entry);
    }
}
