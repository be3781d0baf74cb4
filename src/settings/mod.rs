//! Settings from all layers: bundled file, the user's file, environment, command line.
//!
//! Each layer is read into entries that know where they stand; `config` merges them; the result is
//! checked once, against the table in `ottla_actors::types::Setting`. A mistake in a file or on the
//! command line stops the start, for both are written for us; an environment is not, so there an
//! unknown name is only warned about.

mod derive;
mod environment;
mod file;
mod jaas_file;
mod names;
mod report;
mod topics;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::slice;

use config::{Config, ConfigError as MergeError, Map, Source, Value, ValueKind};
use ottla_actors::types::{BrokerConfigs, BrokerSettings, ConfigError, Given};

pub use report::{Row, chosen, effective, reference};
pub use topics::DeclaredTopic;

/// The bundled layer, part of the binary.
const BUNDLED: &str = include_str!("../../config/ottla.toml");

/// What the broker runs with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Parsed and checked.
    pub broker: BrokerSettings,
    /// What was given and where, for DescribeConfigs and for what topics inherit.
    pub given: BrokerConfigs,
    /// Topics that have to be there, in the order of their names.
    pub topics: Vec<DeclaredTopic>,
    /// What to warn about once the log is open: names without effect, one line each.
    pub warnings: Vec<String>,
}

/// Where settings come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The user's file, by `--config`; else the variable `OTTLA_CONFIG` names it.
    pub file: Option<PathBuf>,
    /// The environment.
    pub variables: Vec<(String, String)>,
    /// From the command line, as name, value and the option that gave it; later ones win.
    pub options: Vec<(String, String, String)>,
}

/// One setting as a layer gives it.
#[derive(Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    value: String,
    origin: String,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a secret.
        f.debug_tuple("Entry").field(&self.name).field(&self.origin).finish_non_exhaustive()
    }
}

/// Why the broker does not start. One line, for the person at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

/// Entries of one layer, in the form in which `config` takes them.
#[derive(Clone, Debug)]
struct Layer(Vec<Entry>);

/// `config` would split a name at its dots into tables, and `max.connections` cannot be both a
/// number and the table of `max.connections.per.ip`. A name behind this mark is left in one piece.
const WHOLE: char = '/';

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, MergeError> {
        let value = |entry: &Entry| Value::new(Some(&entry.origin), entry.value.as_str());
        Ok(self.0.iter().map(|e| (format!("{WHOLE}{}", e.name), value(e))).collect())
    }
}

/// The environment of this process, as [`Sources`] takes it.
#[must_use]
pub fn variables() -> Vec<(String, String)> {
    // A variable that is no text cannot name or hold a setting.
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// Reads all layers.
///
/// # Errors
/// A file that cannot be read, a name in a file or on the command line that is not known, a value
/// that does not fit, settings that contradict each other: the broker does not start on a guess.
pub fn load(sources: &Sources) -> Result<Settings, LoadError> {
    let bundled = file::parse(file::Format::Toml, BUNDLED, "ottla.toml (bundled)")?.entries;
    let file::Written { entries: mut written, topics } = match file::chosen(sources) {
        Some(path) => file::read(&path)?,
        None => file::Written::default(),
    };
    let environment = environment::read(&sources.variables)?;
    let option = |(name, value, origin): &(String, String, String)| Entry {
        name: name.clone(),
        value: value.clone(),
        origin: origin.clone(),
    };
    let options: Vec<Entry> = sources.options.iter().map(option).collect();
    for entry in bundled.iter().chain(&written).chain(&options) {
        names::known(&entry.name).map_err(|hint| {
            LoadError(format!("{}: no such setting: {}{hint}", entry.origin, entry.name))
        })?;
    }
    let mut warnings: Vec<String> =
        written.iter().chain(&options).filter_map(names::without_effect).collect();
    warnings.extend(environment.warnings);
    let topics = topics::merge([topics, environment.topics]);
    written.extend(environment.entries);
    written.extend(options);
    let chosen = merge(slice::from_ref(&written))?;
    let derived = derive::listeners(&chosen);
    let given = merge(&[bundled, written.clone(), derived])?;
    let origins = given.clone();
    let refuse = |error: ConfigError| LoadError(located(&error, &origins));
    let given = BrokerConfigs::new(given).map_err(refuse)?;
    let broker = given.settings().map_err(refuse)?;
    let of_listener = |entry: &Entry| names::without_listener(entry, &broker.listeners);
    warnings.extend(written.iter().filter_map(of_listener));
    Ok(Settings { broker, given, topics, warnings })
}

/// Later layers, and later entries of a layer, win.
fn merge(layers: &[Vec<Entry>]) -> Result<BTreeMap<String, Given>, LoadError> {
    let mut builder = Config::builder();
    for layer in layers {
        builder = builder.add_source(Layer(layer.clone()));
    }
    let merged = builder.build().map_err(|error| LoadError(error.to_string()))?;
    let ValueKind::Table(table) = merged.cache.kind else {
        return Ok(BTreeMap::new());
    };
    let given = |(name, value): (String, Value)| {
        let origin = value.origin().unwrap_or_default().to_owned();
        let name = name.trim_start_matches(WHOLE).to_owned();
        (name, Given { value: value.kind.to_string(), origin })
    };
    Ok(table.into_iter().map(given).collect())
}

/// Puts the place before what is wrong there.
fn located(error: &ConfigError, given: &BTreeMap<String, Given>) -> String {
    let origin = match error {
        ConfigError::Invalid { name, .. } => given.get(name).map(|given| given.origin.as_str()),
        ConfigError::UnknownTopicConfig(_)
        | ConfigError::NullTopicConfig(_)
        | ConfigError::NotAList { .. }
        | ConfigError::Conflict(_) => None,
    };
    match origin {
        Some(origin) => format!("{origin}: {error}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod settings_test;
