//! Arguments that many tools share, and how Kafka's tools take theirs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, FromArgMatches};
use java_properties::{LineContent, PropertiesIter};
use ottla_actors::types::SaslLogin;

use super::client::{Client, ClientOptions};
use super::problem::ToolError;

/// Where the cluster is, and how to talk to it.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// Brokers to begin with
    #[arg(long, value_name = "HOST:PORT,…", required = true)]
    bootstrap_server: String,
    /// File of client settings
    #[arg(long, value_name = "FILE", aliases = ["producer.config", "consumer.config"])]
    command_config: Option<PathBuf>,
}

impl Connect {
    /// To these servers, without a file.
    pub(crate) fn to(servers: &str) -> Self {
        Self { bootstrap_server: servers.to_owned(), command_config: None }
    }

    /// Opens a client for this tool.
    pub(crate) fn client(&self) -> Result<Client, ToolError> {
        Client::connect(&self.bootstrap_server, options(&self.properties()?)?)
    }

    /// Opens a client with settings of a tool's own over those of the file.
    pub(crate) fn client_with(
        &self,
        properties: &BTreeMap<String, String>,
    ) -> Result<Client, ToolError> {
        Client::connect(&self.bootstrap_server, options(properties)?)
    }

    /// What the file of client settings says.
    pub(crate) fn properties(&self) -> Result<BTreeMap<String, String>, ToolError> {
        self.properties_with(&[])
    }

    /// The same, and over it what options say.
    pub(crate) fn properties_with(
        &self,
        given: &[String],
    ) -> Result<BTreeMap<String, String>, ToolError> {
        layered(self.command_config.as_deref(), &[given])
    }
}

/// What a tool without any of its actions says; `actions` as its options name them.
pub(crate) fn no_action(actions: &str) -> ToolError {
    ToolError::Usage(format!("Command must include exactly one action: {actions}"))
}

/// Properties of a file, if there is one, and of repeated `name=value` options; later ones win.
pub(crate) fn layered(
    file: Option<&Path>,
    given: &[&[String]],
) -> Result<BTreeMap<String, String>, ToolError> {
    let mut all = file.map_or_else(|| Ok(BTreeMap::new()), read_properties)?;
    all.extend(given.iter().flat_map(|options| property_map(options)));
    Ok(all)
}

/// Reads a `.properties` file; later lines win.
pub(crate) fn read_properties(path: &Path) -> Result<BTreeMap<String, String>, ToolError> {
    let broken = |why: String| ToolError::File(format!("{}: {why}", path.display()));
    let bytes = fs::read(path).map_err(|error| broken(error.to_string()))?;
    let mut properties = BTreeMap::new();
    for line in PropertiesIter::new_with_encoding(bytes.as_slice(), encoding_rs::UTF_8) {
        let line = line.map_err(|error| broken(error.to_string()))?;
        if let LineContent::KVPair(name, value) = line.consume_content() {
            properties.insert(name, value);
        }
    }
    Ok(properties)
}

/// Client settings by Kafka's names. Those without a meaning here are passed over, as files for
/// other clients hold many; those that would change who may read the traffic are not.
fn options(properties: &BTreeMap<String, String>) -> Result<ClientOptions, ToolError> {
    let text = |name: &str| properties.get(name).map(String::as_str);
    let login = match text("security.protocol") {
        None | Some("PLAINTEXT") => None,
        Some("SASL_PLAINTEXT") => {
            let login = SaslLogin::parse(text("sasl.mechanism"), text("sasl.jaas.config"));
            Some(login.map_err(ToolError::Argument)?)
        }
        Some(other) => {
            return Err(ToolError::Argument(format!(
                "security.protocol={other} is not supported, PLAINTEXT and SASL_PLAINTEXT are"
            )));
        }
    };
    let millis = |name: &str, usual: u64| match properties.get(name) {
        None => Ok(Duration::from_millis(usual)),
        Some(value) => value.trim().parse().map(Duration::from_millis).map_err(|_| {
            ToolError::Argument(format!("{name} is {value:?}, expected milliseconds"))
        }),
    };
    Ok(ClientOptions {
        client_id: properties.get("client.id").map_or("ottla-cli", String::as_str).to_owned(),
        timeout: millis("request.timeout.ms", 30_000)?.max(Duration::from_millis(1)),
        patience: millis("default.api.timeout.ms", 60_000)?,
        login,
    })
}

/// What became of a command line.
pub(crate) enum Parsed<T> {
    /// It makes sense.
    Run(T),
    /// It asked for help or the version, which is this text.
    Show(String),
}

/// Reads a tool's arguments. Options may be shortened, as Kafka's may.
pub(crate) fn parse<T: FromArgMatches + Args>(
    name: &str,
    about: &'static str,
    arguments: &[OsString],
) -> Result<Parsed<T>, ToolError> {
    let command = clap::Command::new("tool")
        .bin_name(name)
        .display_name(name)
        .version(env!("CARGO_PKG_VERSION"))
        .infer_long_args(true)
        .args_override_self(true);
    // After the arguments, whose flattened parts would each say what the whole is for.
    let command = T::augment_args(command).about(about).long_about(None);
    let words = std::iter::once(OsString::from(name)).chain(arguments.iter().cloned());
    let matched = command.try_get_matches_from(words);
    match matched.and_then(|matches| T::from_arg_matches(&matches)) {
        Ok(arguments) => Ok(Parsed::Run(arguments)),
        Err(error) if !error.use_stderr() => Ok(Parsed::Show(error.to_string())),
        Err(error) => Err(ToolError::Usage(error.to_string())),
    }
}

/// `name=value,…` as in `--add-config`; commas within brackets belong to the value.
pub(crate) fn pairs(text: &str) -> Result<Vec<(String, String)>, ToolError> {
    let mut found = Vec::new();
    for part in split_outside_brackets(text) {
        let Some((name, value)) = part.split_once('=') else {
            // What is in the place of one is not shown: it may be the rest of a password.
            return Err(ToolError::Argument(
                "Invalid entity config: all configs to be added must be in the format \"key=val\"."
                    .to_owned(),
            ));
        };
        let value = value.trim();
        let inner = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
        found.push((name.trim().to_owned(), inner.unwrap_or(value).to_owned()));
    }
    Ok(found)
}

fn split_outside_brackets(text: &str) -> Vec<&str> {
    let (mut parts, mut rest, mut depth, mut at) = (Vec::new(), text, 0_u32, 0);
    while let Some(letter) = rest.get(at..).and_then(|left| left.chars().next()) {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let (part, after) = rest.split_at(at);
                parts.push(part);
                rest = after.get(1..).unwrap_or_default();
                at = 0;
                continue;
            }
            _ => {}
        }
        at += letter.len_utf8();
    }
    if !rest.trim().is_empty() {
        parts.push(rest);
    }
    parts
}

/// A map of repeated `name=value` options; a name without a value is the empty value.
pub(crate) fn property_map(given: &[String]) -> BTreeMap<String, String> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), value.to_owned()),
        None => (text.clone(), String::new()),
    };
    given.iter().map(pair).collect()
}

/// A filter for topics by Kafka's rules: a pattern for the whole name, commas are alternatives.
#[derive(Debug)]
pub(crate) struct TopicFilter(regex::Regex);

impl TopicFilter {
    /// Reads a pattern.
    pub(crate) fn parse(pattern: &str) -> Result<Self, ToolError> {
        let alternatives = pattern.trim().replace(',', "|").replace(' ', "");
        let quoted = alternatives.trim_matches(|letter| letter == '"' || letter == '\'');
        let whole = format!("^(?:{quoted})$");
        let regex = regex::Regex::new(&whole).map_err(|error| {
            ToolError::Argument(format!("{pattern} is an invalid regex: {error}"))
        })?;
        Ok(Self(regex))
    }

    /// Whether the whole name matches.
    pub(crate) fn matches(&self, topic: &str) -> bool {
        self.0.is_match(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_within_brackets_belong_to_the_value() {
        let found =
            pairs("SCRAM-SHA-256=[iterations=4096,password=p],cleanup.policy=[compact,delete],a=b")
                .unwrap();

        let expected = [
            ("SCRAM-SHA-256", "iterations=4096,password=p"),
            ("cleanup.policy", "compact,delete"),
            ("a", "b"),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let said = pairs("SCRAM-SHA-256=password=abc,def").unwrap_err().to_string();
        assert!(!said.contains("def"), "{said}");
        assert!(pairs("").unwrap().is_empty());
    }

    #[test]
    fn a_topic_filter_matches_whole_names_and_alternatives() {
        let filter = TopicFilter::parse("a, b.*").unwrap();

        assert!(filter.matches("a") && filter.matches("b1"));
        assert!(!filter.matches("aa") && !filter.matches("cb"));
        assert!(TopicFilter::parse("(").is_err());
    }

    #[test]
    fn settings_that_would_need_encryption_are_refused() {
        let given = property_map(&["security.protocol=SSL".to_owned()]);

        assert!(options(&given).unwrap_err().to_string().contains("security.protocol"));
        let given = property_map(&["request.timeout.ms=50".to_owned(), "other=1".to_owned()]);
        assert_eq!(options(&given).unwrap().timeout, Duration::from_millis(50));
    }
}
