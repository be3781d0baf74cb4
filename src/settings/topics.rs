//! Topics that are declared: `[[topics]]` in a file, `KAFKA_CREATE_TOPICS` in the environment.

use std::collections::BTreeMap;

use config::{Value, ValueKind};
use ottla_actors::types::{TopicConfig, TopicName};

use super::{LoadError, file};

/// The variable of images that older compose files were written for: entries
/// `name:partitions:replicas[:cleanup.policy]`, between commas or line breaks.
pub(super) const VARIABLE: &str = "KAFKA_CREATE_TOPICS";

/// Topics in which the broker keeps state of its own; their settings are `offsets.topic.*` and others.
const INTERNAL_PREFIX: &str = "__";

/// A topic that is to be there when clients are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredTopic {
    /// Its name.
    pub name: TopicName,
    /// Partitions; `None` for `num.partitions`, or as many as it has.
    pub partitions: Option<i32>,
    /// Replicas of each; `None` for `default.replication.factor`, or as many as it has.
    pub replicas: Option<i16>,
    /// Configs, checked one by one.
    pub configs: BTreeMap<String, String>,
    /// File and line, or the variable.
    pub origin: String,
}

impl DeclaredTopic {
    /// Checks a name.
    fn named(name: &str, origin: &str) -> Result<Self, LoadError> {
        let refuse = |why: String| LoadError(format!("{origin}: {why}"));
        if name.starts_with(INTERNAL_PREFIX) {
            return Err(refuse(format!("topic {name} is the broker's own; it is not declared")));
        }
        let name = TopicName::parse(name).map_err(|error| refuse(error.to_string()))?;
        let origin = origin.to_owned();
        Ok(Self { name, partitions: None, replicas: None, configs: BTreeMap::new(), origin })
    }

    fn refuse(&self, why: &str) -> LoadError {
        LoadError(format!("{}: topic {}: {why}", self.origin, self.name.as_str()))
    }

    /// A count of 1 or more; -1, or nothing, leaves it to the broker.
    fn count<T: TryFrom<i64>>(&self, what: &str, text: &str) -> Result<Option<T>, LoadError> {
        let text = text.trim();
        if text.is_empty() || text == "-1" {
            return Ok(None);
        }
        let number = text.parse::<i64>().ok().filter(|number| *number >= 1);
        let count = number.and_then(|number| T::try_from(number).ok());
        count.map(Some).ok_or_else(|| {
            self.refuse(&format!("{what} is '{text}'; expected a count of 1 or more"))
        })
    }

    fn set(&mut self, name: String, value: &str) -> Result<(), LoadError> {
        let value = TopicConfig::check_one(&name, Some(value))
            .map_err(|error| self.refuse(&error.to_string()))?;
        self.configs.insert(name, value);
        Ok(())
    }
}

/// Reads the value of `KAFKA_CREATE_TOPICS`.
pub(super) fn of_variable(value: &str) -> Result<Vec<DeclaredTopic>, LoadError> {
    let mut topics = Vec::new();
    for entry in value.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
        let parts: Vec<&str> = entry.split(':').map(str::trim).collect();
        let [name, partitions, replicas, policy @ ..] = parts.as_slice() else {
            return Err(not_an_entry(entry));
        };
        let mut topic = DeclaredTopic::named(name, VARIABLE)?;
        topic.partitions = topic.count("partitions", partitions)?;
        topic.replicas = topic.count("replicas", replicas)?;
        match policy {
            [] | [""] => {}
            [policy] => topic.set("cleanup.policy".to_owned(), policy)?,
            _ => return Err(not_an_entry(entry)),
        }
        topics.push(topic);
    }
    distinct(topics)
}

fn not_an_entry(entry: &str) -> LoadError {
    LoadError(format!(
        "{VARIABLE}: '{entry}' is not name:partitions:replicas or \
         name:partitions:replicas:cleanup.policy"
    ))
}

/// Reads the list `topics` of a file; `places` has the place of each entry, as far as it is known.
pub(super) fn of_file(
    value: Value,
    shown: &str,
    places: &[String],
) -> Result<Vec<DeclaredTopic>, LoadError> {
    let form = || LoadError(format!("{shown}: topics must be a list of tables: [[topics]]"));
    let ValueKind::Array(entries) = value.kind else { return Err(form()) };
    let mut topics = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        let ValueKind::Table(mut table) = entry.kind else { return Err(form()) };
        let origin = places.get(at).map_or(shown, String::as_str);
        let name = table.remove("name").map(|name| name.kind.to_string()).unwrap_or_default();
        if name.is_empty() {
            return Err(LoadError(format!("{origin}: a topic is declared without a name")));
        }
        let mut topic = DeclaredTopic::named(&name, origin)?;
        for (key, value) in table {
            match key.as_str() {
                "partitions" => {
                    topic.partitions = topic.count("partitions", &value.kind.to_string())?;
                }
                "replicas" => topic.replicas = topic.count("replicas", &value.kind.to_string())?,
                "configs" => configs(&mut topic, value)?,
                _ => {
                    let why =
                        format!("no such key: {key}; expected name, partitions, replicas, configs");
                    return Err(topic.refuse(&why));
                }
            }
        }
        topics.push(topic);
    }
    distinct(topics)
}

fn configs(topic: &mut DeclaredTopic, value: Value) -> Result<(), LoadError> {
    let ValueKind::Table(table) = value.kind else {
        return Err(topic.refuse("configs must be a table"));
    };
    let mut flat = Vec::new();
    for (name, value) in table {
        file::flatten(name, value, &topic.origin, &mut flat)?;
    }
    flat.into_iter().try_for_each(|(name, value)| topic.set(name, &value))
}

/// A name that stands twice says two things.
fn distinct(topics: Vec<DeclaredTopic>) -> Result<Vec<DeclaredTopic>, LoadError> {
    let mut seen: BTreeMap<&TopicName, &str> = BTreeMap::new();
    for topic in &topics {
        if let Some(first) = seen.insert(&topic.name, &topic.origin) {
            return Err(topic.refuse(&format!("declared twice, first at {first}")));
        }
    }
    Ok(topics)
}

/// A later layer's declaration takes the place of an earlier one's.
pub(super) fn merge(layers: [Vec<DeclaredTopic>; 2]) -> Vec<DeclaredTopic> {
    let by_name = layers.into_iter().flatten().map(|topic| (topic.name.clone(), topic));
    by_name.collect::<BTreeMap<_, _>>().into_values().collect()
}
