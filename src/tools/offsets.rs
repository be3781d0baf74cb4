//! kafka-get-offsets: where partitions begin, end, or were at a time.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;

use super::Call;
use super::arguments::{Connect, TopicFilter};
use super::client::{Client, Moment, TopicPartition};
use super::output::{Out, note};
use super::problem::ToolError;

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// Topics as a pattern; all without it
    #[arg(long, conflicts_with = "topic_partitions")]
    topic: Option<String>,
    /// Topics and partitions: topic:0,topic:2-4,topic:7-,pattern
    #[arg(long, value_name = "TOPIC[:RANGE],…")]
    topic_partitions: Option<String>,
    /// Partitions: 0,2-4
    #[arg(long, value_name = "RANGE,…", conflicts_with = "topic_partitions")]
    partitions: Option<String>,
    /// earliest, latest, max-timestamp, earliest-local, latest-tiered, or ms since 1970
    #[arg(long, default_value = "latest", allow_negative_numbers = true)]
    time: String,
    /// Leave internal topics out
    #[arg(long)]
    exclude_internal_topics: bool,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let moment = moment(&arguments.time)?;
    let filters = filters(&arguments)?;
    let mut client = arguments.connect.client()?;
    let places = places(&mut client, &filters, arguments.exclude_internal_topics)?;
    if places.is_empty() {
        return Err(ToolError::Argument(
            "Could not match any topic-partitions with the specified filters".to_owned(),
        ));
    }
    let wanted: BTreeMap<TopicPartition, Moment> =
        places.into_iter().map(|place| (place, moment)).collect();
    let listed = client.list_offsets(&wanted, 0)?;
    for place in wanted.keys() {
        let TopicPartition { topic, partition } = place;
        match listed.get(place) {
            None => note(&format!(
                "Skip getting offsets for topic-partition {topic}-{partition} since it does not have a leader right now."
            )),
            Some(found) if found.error_code != 0 => {
                let why = ToolError::refused(found.error_code, None);
                note(&format!(
                    "Skip getting offsets for topic-partition {topic}-{partition} due to: {why}"
                ));
            }
            Some(found) => {
                if let Some(offset) = found.offset {
                    writeln!(out, "{topic}:{partition}:{offset}")?;
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn moment(time: &str) -> Result<Moment, ToolError> {
    Ok(match time {
        "earliest" | "-2" => Moment::Earliest,
        "latest" | "-1" => Moment::Latest,
        "max-timestamp" | "-3" => Moment::MaxTimestamp,
        "earliest-local" | "-4" => Moment::EarliestLocal,
        "latest-tiered" | "-5" => Moment::LatestTiered,
        other => match other.parse() {
            Ok(at) => Moment::At(at),
            Err(_) => {
                return Err(ToolError::Argument(format!(
                    "Malformed time argument {other}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered, or a specified long format timestamp"
                )));
            }
        },
    })
}

/// One filter: a pattern for the topic and a range of partitions, its end excluded.
#[derive(Debug)]
struct Filter {
    topic: TopicFilter,
    from: i32,
    below: i32,
}

impl Filter {
    fn new(topic: &str, range: &str) -> Result<Self, ToolError> {
        let number = |text: &str, usual: i32| {
            if text.is_empty() {
                return Ok(usual);
            }
            text.parse()
                .map_err(|_| ToolError::Argument(format!("Invalid partition range '{range}'")))
        };
        let topic = TopicFilter::parse(if topic.is_empty() { ".*" } else { topic })?;
        let (from, below) = match range.split_once('-') {
            Some((from, below)) => (number(from, 0)?, number(below, i32::MAX)?),
            None if range.is_empty() => (0, i32::MAX),
            None => {
                let only = number(range, 0)?;
                (only, only.saturating_add(1))
            }
        };
        Ok(Self { topic, from, below })
    }

    fn matches(&self, place: &TopicPartition) -> bool {
        (self.from..self.below).contains(&place.partition) && self.topic.matches(&place.topic)
    }
}

fn filters(arguments: &Arguments) -> Result<Vec<Filter>, ToolError> {
    if let Some(list) = arguments.topic_partitions.as_deref() {
        let filter = |part: &str| {
            let (topic, range) = part.split_once(':').unwrap_or((part, ""));
            Filter::new(topic, range)
        };
        return list.split(',').map(filter).collect();
    }
    let topic = arguments.topic.as_deref().unwrap_or_default();
    let ranges = arguments.partitions.as_deref().unwrap_or_default();
    ranges.split(',').map(|range| Filter::new(topic, range)).collect()
}

fn places(
    client: &mut Client,
    filters: &[Filter],
    exclude_internal: bool,
) -> Result<Vec<TopicPartition>, ToolError> {
    let mut places = Vec::new();
    for topic in client.metadata(None, false)?.topics {
        let name = topic.name.unwrap_or_default();
        if topic.is_internal && exclude_internal {
            continue;
        }
        let place =
            |partition: &kafka_protocol::messages::metadata_response::MetadataResponsePartition| {
                TopicPartition::new(&name, partition.partition_index)
            };
        let all = topic.partitions.iter().map(place);
        places.extend(all.filter(|place| filters.iter().any(|filter| filter.matches(place))));
    }
    places.sort();
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_exclude_their_end() {
        let filter = Filter::new("a.*", "1-3").unwrap();
        let matches =
            |topic: &str, partition| filter.matches(&TopicPartition::new(topic, partition));

        assert!(matches("ab", 1) && matches("a", 2));
        assert!(!matches("a", 0) && !matches("a", 3) && !matches("b", 1));
        assert!(Filter::new("", "2-").unwrap().matches(&TopicPartition::new("x", 9)));
        assert!(!Filter::new("", "2").unwrap().matches(&TopicPartition::new("x", 3)));
        assert!(Filter::new("", "x").is_err());
    }

    #[test]
    fn times_have_names_and_numbers() {
        assert_eq!(moment("earliest").unwrap(), Moment::Earliest);
        assert_eq!(moment("-1").unwrap(), Moment::Latest);
        assert_eq!(moment("1700000000000").unwrap(), Moment::At(1_700_000_000_000));
        assert!(moment("soon").is_err());
    }
}
