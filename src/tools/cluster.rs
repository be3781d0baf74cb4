//! kafka-cluster: the cluster's id and its endpoints.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use kafka_protocol::messages::{BrokerId, DescribeClusterRequest, UnregisterBrokerRequest};

use super::Call;
use super::api_versions;
use super::arguments::Connect;
use super::client::To;
use super::output::{Out, Table};
use super::problem::ToolError;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the cluster's id
    ClusterId {
        #[command(flatten)]
        connect: Connect,
    },
    /// List the endpoints of the cluster
    ListEndpoints {
        #[command(flatten)]
        connect: Connect,
        /// Brokers that are registered but not in use as well
        #[arg(long)]
        include_fenced_brokers: bool,
    },
    /// Print which versions of which APIs each broker serves
    ApiVersions {
        #[command(flatten)]
        connect: Connect,
    },
    /// Forget a broker
    Unregister {
        #[command(flatten)]
        connect: Connect,
        /// Its id
        #[arg(long, short)]
        id: i32,
    },
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    match arguments.action {
        Action::ClusterId { connect } => {
            let id = connect.client()?.metadata(Some(&[]), false)?.cluster_id;
            let line = id.map_or_else(
                || "No cluster ID found. The Kafka version is probably too old.".to_owned(),
                |id| format!("Cluster ID: {id}"),
            );
            writeln!(out, "{line}")?;
        }
        Action::ListEndpoints { connect, include_fenced_brokers } => {
            list_endpoints(&connect, include_fenced_brokers, out)?;
        }
        Action::ApiVersions { connect } => api_versions::print(&mut connect.client()?, out)?,
        Action::Unregister { connect, id } => {
            let request = UnregisterBrokerRequest::default().with_broker_id(BrokerId(id));
            let answer = connect.client()?.ask(To::Any, i16::MAX, &request)?;
            ToolError::check(answer.error_code, answer.error_message.as_deref())?;
            writeln!(out, "Broker {id} is no longer registered.")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list_endpoints(connect: &Connect, fenced: bool, out: Out<'_>) -> Result<(), ToolError> {
    let request =
        DescribeClusterRequest::default().with_endpoint_type(1).with_include_fenced_brokers(fenced);
    let answer = connect.client()?.ask(To::Any, i16::MAX, &request)?;
    ToolError::check(answer.error_code, answer.error_message.as_deref())?;
    let mut brokers = answer.brokers;
    brokers.sort_by_key(|broker| broker.broker_id);
    let host = brokers.iter().map(|broker| broker.host.len()).max().unwrap_or(4);
    let columns = [
        ("ID", 10),
        ("HOST", host),
        ("PORT", 10),
        ("RACK", 10),
        ("STATE", 10),
        ("ENDPOINT_TYPE", 15),
    ];
    let mut table = Table::new(&columns);
    for broker in brokers {
        table.row(vec![
            broker.broker_id.0.to_string(),
            broker.host.to_string(),
            broker.port.to_string(),
            broker.rack.map_or_else(|| "null".to_owned(), |rack| rack.to_string()),
            if broker.is_fenced { "fenced" } else { "unfenced" }.to_owned(),
            "broker".to_owned(),
        ]);
    }
    table.write(out)
}
