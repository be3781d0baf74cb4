//! kafka-storage: cluster ids, and the data folder before its first start.
//!
//! Ottla needs no formatting, a start does it. The command is there for scripts that format first, and it
//! does what they expect: the folder belongs to the cluster id that was given.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ottla_actors::controller::ScramUpsertion;
use uuid::Uuid;

use super::Call;
use super::arguments::{pairs, read_properties};
use super::output::{Out, note};
use super::problem::ToolError;
use super::scram;
use super::topics::kafka_uuid;
use crate::format;
use crate::service;
use crate::settings::{self, Settings, Sources};

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print a new cluster id
    RandomUuid,
    /// Prepare the data folder of these settings
    Format(FormatArguments),
    /// Show what is in the data folder of these settings
    Info {
        /// File of settings
        #[arg(long, short, value_name = "FILE")]
        config: PathBuf,
    },
}

#[derive(Debug, Args)]
struct FormatArguments {
    /// File of settings
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
    /// The cluster's id
    #[arg(long, short = 't', value_name = "ID", allow_hyphen_values = true)]
    cluster_id: String,
    /// Leave a folder as it is that is formatted already
    #[arg(long, short = 'g')]
    ignore_formatted: bool,
    /// Accepted for Kafka's sake: one node is always its own quorum
    #[arg(long, short, hide = true)]
    standalone: bool,
    /// Accepted for Kafka's sake
    #[arg(long, short = 'N', hide = true)]
    no_initial_controllers: bool,
    /// Accepted for Kafka's sake
    #[arg(long, short = 'I', hide = true)]
    initial_controllers: Option<String>,
    /// Accepted for Kafka's sake
    #[arg(long, short = 'r', hide = true)]
    release_version: Option<String>,
    /// Accepted for Kafka's sake
    #[arg(long, short = 'f', hide = true)]
    feature: Vec<String>,
    /// A user that is there at the first start: SCRAM-SHA-256=[name=alice,password=…]
    #[arg(long, short = 'S', value_name = "MECHANISM=[…]")]
    add_scram: Vec<String>,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    match arguments.action {
        Action::RandomUuid => {
            writeln!(out, "{}", random_id())?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Format(arguments) => format(&arguments, out),
        Action::Info { config } => info(&config, out),
    }
}

/// A cluster id; none that a shell would take for an option.
fn random_id() -> String {
    loop {
        let id = kafka_uuid(Uuid::new_v4().as_u128());
        if !id.starts_with('-') {
            return id;
        }
    }
}

fn load(config: &Path, cluster_id: Option<&str>) -> Result<Settings, ToolError> {
    let option =
        |id: &str| ("ottla.cluster.id".to_owned(), id.to_owned(), "--cluster-id".to_owned());
    let sources = Sources {
        file: Some(config.to_owned()),
        variables: settings::variables(),
        options: cluster_id.map(option).into_iter().collect(),
    };
    settings::load(&sources).map_err(|error| ToolError::Argument(error.to_string()))
}

fn format(arguments: &FormatArguments, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let users = arguments.add_scram.iter().map(|text| user(text));
    let users = users.collect::<Result<Vec<_>, _>>()?;
    let id = arguments.cluster_id.trim();
    let settings = load(&arguments.config, Some(id))?;
    let folder = service::data_folder(&settings);
    let shown = folder.display();
    if let Some(meta) = meta(&folder)? {
        if !arguments.ignore_formatted {
            return Err(ToolError::Argument(format!(
                "Log directory {shown} is already formatted. Use --ignore-formatted to ignore this directory and format the others."
            )));
        }
        let found = meta.get("cluster.id").map(String::as_str).unwrap_or_default();
        if found != id {
            return Err(ToolError::Argument(format!(
                "{shown} belongs to cluster {found}, not to {id}"
            )));
        }
        writeln!(out, "All of the log directories are already formatted.")?;
        return Ok(ExitCode::SUCCESS);
    }
    format::format(&settings, users).map_err(|error| ToolError::File(error.to_string()))?;
    writeln!(out, "Formatting {shown} for cluster {id}.")?;
    Ok(ExitCode::SUCCESS)
}

/// A user of `SCRAM-SHA-256=[name=alice,password=…]`.
fn user(text: &str) -> Result<ScramUpsertion, ToolError> {
    let wrong =
        || ToolError::Argument("--add-scram takes SCRAM-SHA-256=[name=…,password=…]".to_owned());
    let mut given = pairs(text)?.into_iter();
    let (Some((name, given)), None) = (given.next(), given.next()) else { return Err(wrong()) };
    let mechanism = scram::mechanism(&name).ok_or_else(wrong)?;
    let (names, given): (Vec<_>, Vec<_>) =
        pairs(&given)?.into_iter().partition(|(name, _)| name == "name");
    let Some((_, user)) = names.into_iter().next() else { return Err(wrong()) };
    let credential = scram::credential(mechanism, given)?;
    Ok(ScramUpsertion {
        user,
        mechanism: mechanism.to_wire(),
        iterations: i32::try_from(credential.iterations).unwrap_or(i32::MAX),
        salt: credential.salt,
        salted_password: credential.salted_password,
    })
}

fn meta(folder: &Path) -> Result<Option<BTreeMap<String, String>>, ToolError> {
    let file = folder.join("meta.properties");
    if file.exists() { read_properties(&file).map(Some) } else { Ok(None) }
}

fn info(config: &Path, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let settings = load(config, None)?;
    let folder = service::data_folder(&settings);
    let shown = folder.display();
    if !folder.is_dir() {
        writeln!(out, "Found problem:\n  {shown} is not a directory\n")?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "Found log directory:\n  {shown}\n")?;
    match meta(&folder)? {
        Some(rows) => {
            let rows: Vec<String> =
                rows.iter().map(|(name, value)| format!("{name}={value}")).collect();
            writeln!(out, "Found metadata: {{{}}}\n", rows.join(", "))?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            writeln!(out, "Found problem:\n  {shown} is not formatted.\n")?;
            note("run kafka-storage format, or start the broker, which formats as well");
            Ok(ExitCode::FAILURE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_a_name_and_a_password() {
        let alice = user("SCRAM-SHA-512=[name=alice,password=a=b,iterations=8192]").unwrap();
        assert_eq!((alice.user.as_str(), alice.mechanism, alice.iterations), ("alice", 2, 8192));

        for wrong in [
            "",
            "PLAIN=[name=alice,password=b]",
            "SCRAM-SHA-256=[password=b]",
            "SCRAM-SHA-256=[name=alice]",
            "SCRAM-SHA-256=[name=alice,password=b],SCRAM-SHA-256=[name=alice,password=b]",
        ] {
            assert!(user(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_random_id_is_22_letters_that_no_shell_minds() {
        for _ in 0..200 {
            let id = random_id();
            assert_eq!(id.len(), 22);
            assert!(!id.starts_with('-'));
            assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        }
    }
}
