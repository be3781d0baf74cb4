//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::settings::Sources;

/// A Kafka broker in one small binary.
///
/// Without a command it serves. Kafka clients connect to port 9092; the data lies in ./data. What
/// is acknowledged is on disk.
#[derive(Debug, Parser)]
#[command(name = "ottla", version, after_help = after_help())]
pub struct Cli {
    /// What to do; without it: serve.
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Run the broker.
    #[default]
    Serve,
    /// Print every setting in force and where it came from.
    Config,
}

#[derive(Debug, Args)]
struct Options {
    /// File of settings: .toml, .yaml or Kafka's server.properties [env: OTTLA_CONFIG]
    #[arg(long, short, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// One setting by Kafka's name; may be given several times
    #[arg(long = "set", short, value_name = "NAME=VALUE", global = true, value_parser = pair)]
    set: Vec<(String, String)>,
    /// Short for --set listeners=…
    #[arg(long, value_name = "NAME://HOST:PORT,…", global = true)]
    listeners: Option<String>,
    /// Short for --set advertised.listeners=…
    #[arg(long, value_name = "NAME://HOST:PORT,…", global = true)]
    advertised_listeners: Option<String>,
    /// Short for --set log.dirs=…
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  ottla --data /var/lib/ottla
  ottla --set num.partitions=3 --set auto.create.topics.enable=false
  KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://broker:9092 ottla
  ottla config --config server.properties
  ottla topics --create --topic greetings --partitions 3
  ottla consume --topic greetings --from-beginning

Settings come from a file, from KAFKA_* and OTTLA_* variables (KAFKA_NUM_PARTITIONS is
num.partitions) and from --set; later ones win. RUST_LOG sets the log level, info without it.";

fn after_help() -> String {
    format!("{}\n{EXAMPLES}", crate::tools::overview())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl Cli {
    /// What to do.
    #[must_use]
    pub fn command(&self) -> Command {
        self.command.unwrap_or_default()
    }

    /// Where settings come from, with this environment.
    #[must_use]
    pub fn sources(&self, variables: Vec<(String, String)>) -> Sources {
        let Options { config, set, listeners, advertised_listeners, data } = &self.options;
        let shortcut = |name: &str, option: &str, value: &Option<String>| {
            Some((name.to_owned(), value.clone()?, option.to_owned()))
        };
        let shortcuts = [
            shortcut("listeners", "--listeners", listeners),
            shortcut("advertised.listeners", "--advertised-listeners", advertised_listeners),
            shortcut("log.dirs", "--data", data),
        ];
        let set = set.iter().map(|(name, value)| (name.clone(), value.clone(), "--set".to_owned()));
        Sources {
            file: config.clone(),
            variables,
            options: shortcuts.into_iter().flatten().chain(set).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Cli {
        Cli::try_parse_from([&["ottla"], arguments].concat()).unwrap()
    }

    #[test]
    fn without_a_command_it_serves() {
        assert_eq!(parse(&[]).command(), Command::Serve);
        assert_eq!(parse(&["--data", "x", "serve"]).command(), Command::Serve);
        assert_eq!(parse(&["config", "--set", "a=b"]).command(), Command::Config);
    }

    #[test]
    fn shortcuts_stand_for_settings_and_set_wins_over_them() {
        let cli = parse(&["--set", "log.dirs=b=c", "--data", "a", "-c", "f.toml"]);

        let sources = cli.sources(Vec::new());

        let option = |name: &str, value: &str, origin: &str| {
            (name.to_owned(), value.to_owned(), origin.to_owned())
        };
        let expected = [option("log.dirs", "a", "--data"), option("log.dirs", "b=c", "--set")];
        assert_eq!(sources.options, expected);
        assert_eq!(sources.file, Some(PathBuf::from("f.toml")));
    }

    #[test]
    fn a_setting_without_a_value_is_refused() {
        assert!(Cli::try_parse_from(["ottla", "--set", "num.partitions"]).is_err());
    }
}
