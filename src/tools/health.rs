//! `ottla health`: whether the broker of these settings answers. For health checks of containers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ottla_actors::types::{Listener, SecurityProtocol};

use super::Call;
use super::arguments::{Connect, read_properties};
use super::output::Out;
use super::problem::ToolError;
use crate::admin::check;
use crate::settings::{self, Sources};

#[derive(Debug, Args)]
struct Arguments {
    /// The broker; without it the one of the settings that `ottla serve` would have: where they
    /// name ottla.admin.listener its page, which knows more, else the first listener
    #[arg(long, value_name = "HOST:PORT,…")]
    bootstrap_server: Option<String>,
    /// A page that answers 200 if all is well: http://host:9644/readyz, or /healthz
    #[arg(long, value_name = "URL", conflicts_with = "bootstrap_server")]
    url: Option<String>,
    /// File of settings [env: OTTLA_CONFIG]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting by Kafka's name; may be given several times
    #[arg(long = "set", short, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// File of client settings; without one a listener with SASL counts as healthy if it answers
    #[arg(long, value_name = "FILE")]
    command_config: Option<PathBuf>,
    /// ms that it may take
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    timeout: u64,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let whom = match (&arguments.url, &arguments.bootstrap_server) {
        (Some(url), _) => Whom::Page(url.clone()),
        (None, Some(server)) => Whom::Broker(server.clone(), false),
        (None, None) => configured(&arguments)?,
    };
    let (server, may_ask) = match whom {
        Whom::Broker(server, sasl) => (server, !sasl || arguments.command_config.is_some()),
        Whom::Page(url) => {
            check::check(&url, Duration::from_millis(arguments.timeout))
                .map_err(|error| ToolError::Unreachable(error.to_string()))?;
            writeln!(out, "healthy: {url} says so")?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    // A check says how it is now; whoever runs it tries again.
    let mut properties = match &arguments.command_config {
        Some(file) => read_properties(file)?,
        None => BTreeMap::new(),
    };
    properties.insert("request.timeout.ms".to_owned(), arguments.timeout.to_string());
    properties.insert("default.api.timeout.ms".to_owned(), "0".to_owned());
    let mut client = Connect::to(&server).client_with(&properties)?;
    if !may_ask {
        writeln!(out, "healthy: {server} answers, and wants to know who asks")?;
        return Ok(ExitCode::SUCCESS);
    }
    let answer = client.metadata(None, false)?;
    writeln!(out, "healthy: {server} answers, topics: {}", answer.topics.len())?;
    Ok(ExitCode::SUCCESS)
}

/// Who is asked.
enum Whom {
    Page(String),
    /// And whether it wants to know who asks.
    Broker(String, bool),
}

/// Where the broker of these settings can be asked, from this machine.
fn configured(arguments: &Arguments) -> Result<Whom, ToolError> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned(), "--set".to_owned())
    };
    let sources = Sources {
        file: arguments.config.clone(),
        variables: settings::variables(),
        options: arguments.set.iter().map(pair).collect(),
    };
    let settings =
        settings::load(&sources).map_err(|error| ToolError::Argument(error.to_string()))?;
    // Where nobody asked for the page, another broker may have its port.
    if let Some(page) = settings.broker.admin_listener.as_ref().filter(|page| page.is_chosen) {
        return Ok(Whom::Page(check::url_of(page)));
    }
    let listeners = &settings.broker.listeners;
    let is_open = |listener: &&Listener| listener.protocol == SecurityProtocol::Plaintext;
    let listener = match arguments.command_config {
        None => listeners.iter().find(is_open).or_else(|| listeners.first()),
        Some(_) => listeners.first(),
    };
    let listener =
        listener.ok_or_else(|| ToolError::Argument("the settings have no listener".to_owned()))?;
    Ok(Whom::Broker(local(&listener.bind.host, listener.bind.port), !is_open(&listener)))
}

/// An address that listens everywhere is asked on this machine.
fn local(host: &str, port: u16) -> String {
    match host {
        "" | "0.0.0.0" => format!("127.0.0.1:{port}"),
        "::" | "[::]" => format!("[::1]:{port}"),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{port}"),
        host => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_for_everyone_is_asked_on_this_machine() {
        assert_eq!(local("", 9092), "127.0.0.1:9092");
        assert_eq!(local("0.0.0.0", 1), "127.0.0.1:1");
        assert_eq!(local("::", 1), "[::1]:1");
        assert_eq!(local("broker", 1), "broker:1");
    }
}
