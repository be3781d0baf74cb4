//! kafka-log-dirs: the sizes of partitions on disk.

use std::process::ExitCode;

use clap::Args;
use kafka_protocol::messages::DescribeLogDirsRequest;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::DescribeLogDirsResult;
use serde::Serialize;

use super::Call;
use super::arguments::Connect;
use super::client::{To, topic_name};
use super::output::Out;
use super::problem::{ToolError, class_of};

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// Show them; the only thing this command does
    #[arg(long, required = true)]
    describe: bool,
    /// Topics; all without it
    #[arg(long, value_name = "TOPIC,…")]
    topic_list: Option<String>,
    /// Brokers; all without it
    #[arg(long, value_name = "ID,…")]
    broker_list: Option<String>,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut client = arguments.connect.client()?;
    let metadata = client.metadata(None, false)?;
    let wanted: Vec<&str> = split(arguments.topic_list.as_deref());
    let topic = |topic: &kafka_protocol::messages::metadata_response::MetadataResponseTopic| {
        let name = topic.name.clone().unwrap_or_default();
        wanted.contains(&name.as_str()).then(|| {
            DescribableLogDirTopic::default()
                .with_topic(topic_name(&name))
                .with_partitions(topic.partitions.iter().map(|p| p.partition_index).collect())
        })
    };
    let topics = (!wanted.is_empty()).then(|| metadata.topics.iter().filter_map(topic).collect());
    let known: Vec<i32> = client.nodes().keys().copied().collect();
    let mut brokers = Vec::new();
    for id in split(arguments.broker_list.as_deref()) {
        let id: i32 = id
            .parse()
            .map_err(|_| ToolError::Argument(format!("--broker-list: {id:?} is no broker's id")))?;
        if !known.contains(&id) {
            return Err(ToolError::Argument(format!(
                "The given brokers do not exist from --broker-list: {id}"
            )));
        }
        brokers.push(id);
    }
    if brokers.is_empty() {
        brokers = known;
    }
    writeln!(out, "Querying brokers for log directories information")?;
    let request = DescribeLogDirsRequest::default().with_topics(topics);
    let mut shown = Vec::new();
    for broker in &brokers {
        let answer = client.ask(To::Node(*broker), i16::MAX, &request)?;
        ToolError::check(answer.error_code, None)?;
        let log_dirs = answer.results.iter().map(log_dir).collect();
        shown.push(ShownBroker { broker: *broker, log_dirs });
    }
    let list: Vec<String> = brokers.iter().map(ToString::to_string).collect();
    writeln!(out, "Received log directory information from brokers {}", list.join(","))?;
    writeln!(out, "{}", json(&Shown { brokers: shown, version: 1 })?)?;
    Ok(ExitCode::SUCCESS)
}

fn split(list: Option<&str>) -> Vec<&str> {
    let parts = list.unwrap_or_default().split(',').map(str::trim);
    parts.filter(|part| !part.is_empty()).collect()
}

/// The answer, in the order in which Kafka's tool writes it.
#[derive(Debug, Serialize)]
struct Shown {
    brokers: Vec<ShownBroker>,
    version: i32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownBroker {
    broker: i32,
    log_dirs: Vec<ShownDir>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownDir {
    partitions: Vec<ShownPartition>,
    error: Option<String>,
    log_dir: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownPartition {
    partition: String,
    size: i64,
    offset_lag: i64,
    is_future: bool,
}

fn log_dir(dir: &DescribeLogDirsResult) -> ShownDir {
    let mut partitions = Vec::new();
    for topic in &dir.topics {
        let shown = topic.partitions.iter().map(|partition| ShownPartition {
            partition: format!("{}-{}", *topic.name, partition.partition_index),
            size: partition.partition_size,
            offset_lag: partition.offset_lag,
            is_future: partition.is_future_key,
        });
        partitions.extend(shown);
    }
    let error = (dir.error_code != 0).then(|| class_of(dir.error_code));
    ShownDir { partitions, error, log_dir: dir.log_dir.to_string() }
}

fn json(shown: &Shown) -> Result<String, ToolError> {
    serde_json::to_string(shown).map_err(|error| ToolError::Output(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::describe_log_dirs_response::{
        DescribeLogDirsPartition, DescribeLogDirsTopic,
    };

    #[test]
    fn the_answer_is_the_recorded_one() {
        let partition = DescribeLogDirsPartition::default().with_partition_size(71);
        let topic = DescribeLogDirsTopic::default()
            .with_name(topic_name("in"))
            .with_partitions(vec![partition]);
        let dir = DescribeLogDirsResult::default()
            .with_log_dir(super::super::client::text("/data"))
            .with_topics(vec![topic]);

        let broker = ShownBroker { broker: 1, log_dirs: vec![log_dir(&dir)] };

        assert_eq!(
            json(&Shown { brokers: vec![broker], version: 1 }).unwrap(),
            r#"{"brokers":[{"broker":1,"logDirs":[{"partitions":[{"partition":"in-0","size":71,"offsetLag":0,"isFuture":false}],"error":null,"logDir":"/data"}]}],"version":1}"#
        );
    }
}
