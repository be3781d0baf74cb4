//! Files of settings: toml, yaml, and Kafka's properties; each entry with its line.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Source, Value, ValueKind};
use encoding_rs::UTF_8;
use java_properties::{LineContent, PropertiesIter};

use super::topics::{self, DeclaredTopic};
use super::{Entry, LoadError, Sources};

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Yaml,
    Properties,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "properties" => Some(Self::Properties),
            _ => None,
        }
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) topics: Vec<DeclaredTopic>,
}

/// The list of declared topics; every other name is a setting's.
const TOPICS: &str = "topics";

/// The file to read: the option names it, else the variable.
pub(super) fn chosen(sources: &Sources) -> Option<PathBuf> {
    let named = |(name, value): &(String, String)| {
        (name == "OTTLA_CONFIG" && !value.is_empty()).then(|| PathBuf::from(value))
    };
    sources.file.clone().or_else(|| sources.variables.iter().find_map(named))
}

/// Reads the user's file.
pub(super) fn read(path: &Path) -> Result<Written, LoadError> {
    let shown = path.display().to_string();
    let format = Format::of(path).ok_or_else(|| {
        LoadError(format!("{shown}: its name must end in .toml, .yaml, .yml or .properties"))
    })?;
    let text = fs::read_to_string(path)
        .map_err(|error| LoadError(format!("{shown}: cannot be read: {error}")))?;
    parse(format, &text, &shown)
}

/// Reads settings; `shown` names the file in messages.
pub(super) fn parse(format: Format, text: &str, shown: &str) -> Result<Written, LoadError> {
    let format = match format {
        Format::Properties => {
            let entries = properties(text, shown)?;
            return Ok(Written { entries, topics: Vec::new() });
        }
        Format::Toml => FileFormat::Toml,
        Format::Yaml => FileFormat::Yaml,
    };
    let tables = File::from_str(text, format)
        .collect()
        .map_err(|error| LoadError(format!("{shown}: {}", one_line(&error.to_string()))))?;
    let mut flat = Vec::new();
    let mut topics = Vec::new();
    for (name, value) in tables {
        if name == TOPICS {
            topics = topics::of_file(value, shown, &places_of_topics(text, shown))?;
            continue;
        }
        flatten(name, value, shown, &mut flat)?;
    }
    let lines = lines(format == FileFormat::Toml, text);
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for (name, value) in flat {
        let origin = match lines.get(&name) {
            Some(line) => format!("{shown}:{line}"),
            None => shown.to_owned(),
        };
        let entry = Entry { name: name.clone(), value, origin };
        if let Some(first) = entries.insert(name, entry) {
            return Err(LoadError(format!("{shown}: {} is set twice", first.name)));
        }
    }
    Ok(Written { entries: entries.into_values().collect(), topics })
}

/// Where each `[[topics]]` stands; nothing where they are written otherwise.
fn places_of_topics(text: &str, shown: &str) -> Vec<String> {
    let header = |line: &str| plain(line.split('#').next().unwrap_or_default()) == "[[topics]]";
    let numbered = text.lines().zip(1..).filter(|(line, _)| header(line));
    numbered.map(|(_, number)| format!("{shown}:{number}")).collect()
}

/// Reads Java properties, in UTF-8; of a name that stands twice the later line wins, as in Kafka.
pub(super) fn properties(text: &str, shown: &str) -> Result<Vec<Entry>, LoadError> {
    let mut entries = Vec::new();
    for line in PropertiesIter::new_with_encoding(text.as_bytes(), UTF_8) {
        let line = line.map_err(|error| LoadError(format!("{shown}: {error}")))?;
        let number = line.line_number();
        if let LineContent::KVPair(name, value) = line.consume_content() {
            entries.push(Entry { name, value, origin: format!("{shown}:{number}") });
        }
    }
    Ok(entries)
}

/// Brings tables and dotted keys into one form. A list becomes Kafka's text with commas.
pub(super) fn flatten(
    name: String,
    value: Value,
    shown: &str,
    into: &mut Vec<(String, String)>,
) -> Result<(), LoadError> {
    match value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                flatten(format!("{name}.{key}"), value, shown, into)?;
            }
        }
        ValueKind::Nil => {}
        ValueKind::Array(values) => {
            let mut words = Vec::new();
            for value in values {
                if matches!(value.kind, ValueKind::Array(_) | ValueKind::Table(_)) {
                    return Err(LoadError(format!("{shown}: {name} must be a list of texts")));
                }
                words.push(value.kind.to_string());
            }
            into.push((name, words.join(",")));
        }
        ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_) => into.push((name, value.kind.to_string())),
    }
    Ok(())
}

/// Line of each dotted name. The parsers keep no places, so this reads keys alone: table headers
/// and `key =` in toml, indentation and `key:` in yaml. A name it misses is reported without a line.
fn lines(toml: bool, text: &str) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    // Prefixes that hold at this line, each with the indentation that it was opened at.
    let mut open: Vec<(usize, String)> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let indent = line.len() - line.trim_start().len();
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').filter(|_| toml) {
            let header = header.split(']').next().unwrap_or_default();
            open = vec![(0, plain(header))];
            continue;
        }
        let Some((key, rest)) = line.split_once(if toml { '=' } else { ':' }) else { continue };
        if !toml {
            open.retain(|(at, _)| *at < indent);
        }
        let mut path: Vec<String> = open.iter().map(|(_, prefix)| prefix.clone()).collect();
        path.push(plain(key));
        found.entry(path.join(".")).or_insert(number);
        if !toml && rest.trim().is_empty() {
            open.push((indent, plain(key)));
        }
    }
    found
}

/// A key without quotes and blanks.
fn plain(key: &str) -> String {
    key.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect()
}

/// Messages of parsers have several lines and a drawing; the first lines say it.
fn one_line(text: &str) -> String {
    let drawn = |line: &&str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('|') && !line.contains(" | ")
    };
    text.lines().filter(drawn).map(str::trim).collect::<Vec<_>>().join(": ")
}
