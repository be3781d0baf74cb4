//! kafka-delete-records: moves the start of logs forward.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kafka_protocol::messages::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use serde::Deserialize;

use super::Call;
use super::arguments::Connect;
use super::client::{To, TopicPartition, by_topic, topic_name};
use super::output::Out;
use super::problem::ToolError;

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// {"partitions":[{"topic":"a","partition":0,"offset":1}],"version":1}; offset -1 is the end
    #[arg(long, value_name = "FILE")]
    offset_json_file: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Wanted {
    partitions: Vec<WantedPartition>,
    #[serde(default = "first_version")]
    version: i32,
}

#[derive(Debug, Deserialize)]
struct WantedPartition {
    topic: String,
    partition: i32,
    offset: i64,
}

const fn first_version() -> i32 {
    1
}

fn read(text: &str) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
    let wanted: Wanted = serde_json::from_str(text).map_err(|error| {
        ToolError::Argument(format!("The input string is not a valid JSON: {error}"))
    })?;
    if wanted.version != 1 {
        return Err(ToolError::Argument(format!(
            "Not supported version field value {}",
            wanted.version
        )));
    }
    let mut offsets = BTreeMap::new();
    for one in wanted.partitions {
        let place = TopicPartition { topic: one.topic, partition: one.partition };
        if let Some(_twice) = offsets.insert(place.clone(), one.offset) {
            return Err(ToolError::Argument(format!(
                "Offset json file contains duplicate topic partitions: {}-{}",
                place.topic, place.partition
            )));
        }
    }
    Ok(offsets)
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let path = &arguments.offset_json_file;
    let text = fs::read_to_string(path)
        .map_err(|error| ToolError::File(format!("{}: {error}", path.display())))?;
    let offsets = read(&text)?;
    let mut client = arguments.connect.client()?;
    writeln!(out, "Executing records delete operation")?;
    let mut topics: Vec<&str> = offsets.keys().map(|place| place.topic.as_str()).collect();
    topics.dedup();
    let leaders = client.leaders(&topics)?;
    let mut by_leader: BTreeMap<i32, Vec<(&TopicPartition, i64)>> = BTreeMap::new();
    let mut results: BTreeMap<TopicPartition, Result<i64, ToolError>> = BTreeMap::new();
    for (place, offset) in &offsets {
        match leaders.get(place) {
            Some(leader) => by_leader.entry(*leader).or_default().push((place, *offset)),
            // UNKNOWN_TOPIC_OR_PARTITION
            None => drop(results.insert(place.clone(), Err(ToolError::refused(3, None)))),
        }
    }
    for (leader, wanted) in by_leader {
        let topic = |(name, partitions): (&str, Vec<(i32, i64)>)| {
            let partition = |(index, offset): (i32, i64)| {
                DeleteRecordsPartition::default().with_partition_index(index).with_offset(offset)
            };
            DeleteRecordsTopic::default()
                .with_name(topic_name(name))
                .with_partitions(partitions.into_iter().map(partition).collect())
        };
        let request = DeleteRecordsRequest::default()
            .with_topics(by_topic(wanted).into_iter().map(topic).collect())
            .with_timeout_ms(30_000);
        for topic in client.ask(To::Node(leader), i16::MAX, &request)?.topics {
            for result in topic.partitions {
                let checked = ToolError::check(result.error_code, None);
                let place = TopicPartition::new(&topic.name, result.partition_index);
                results.insert(place, checked.map(|()| result.low_watermark));
            }
        }
    }
    writeln!(out, "Records delete operation completed:")?;
    for (TopicPartition { topic, partition }, result) in results {
        let shown = match result {
            Ok(low) => format!("low_watermark: {low}"),
            Err(error) => format!("error: {}: {error}", error.class()),
        };
        writeln!(out, "partition: {topic}-{partition}\t{shown}")?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_names_each_partition_once() {
        let one = r#"{"topic":"in","partition":0,"offset":2}"#;
        let file = |partitions: &str| format!(r#"{{"partitions":[{partitions}],"version":1}}"#);

        assert_eq!(read(&file(one)).unwrap(), BTreeMap::from([(TopicPartition::new("in", 0), 2)]));
        assert!(read(&file(&format!("{one},{one}"))).is_err());
        assert!(read(r#"{"partitions":[],"version":2}"#).is_err());
        assert!(read("[]").is_err());
    }
}
