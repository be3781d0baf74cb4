//! kafka-topics --describe.

use std::collections::BTreeMap;

use clap::Args;
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::{
    BrokerId, DescribeTopicPartitionsRequest, ListPartitionReassignmentsRequest,
};

use super::{Arguments, matching};
use crate::tools::client::{Client, To, topic_name};
use crate::tools::configs::{ConfigEntry, TOPIC, describe};
use crate::tools::output::Out;
use crate::tools::problem::ToolError;

/// Where a config stands that is nobody's choice.
const DEFAULT_CONFIG: i8 = 5;

/// Which partitions are shown.
#[derive(Debug, Args)]
pub(super) struct Only {
    /// Only topics with configs of their own, without their partitions
    #[arg(long)]
    topics_with_overrides: bool,
    /// Only partitions with replicas that are behind
    #[arg(long)]
    under_replicated_partitions: bool,
    /// Only partitions without a leader
    #[arg(long)]
    unavailable_partitions: bool,
    /// Only partitions with fewer replicas in sync than min.insync.replicas
    #[arg(long)]
    under_min_isr_partitions: bool,
    /// Only partitions with just as many replicas in sync as min.insync.replicas
    #[arg(long)]
    at_min_isr_partitions: bool,
}

impl Only {
    /// Topics get no line of their own where certain partitions are looked for.
    const fn picks_partitions(&self) -> bool {
        self.under_replicated_partitions
            || self.unavailable_partitions
            || self.under_min_isr_partitions
            || self.at_min_isr_partitions
    }

    fn shows(&self, partition: &Partition, min_isr: usize, live: &[i32]) -> bool {
        let in_sync = partition.isr.len();
        !self.picks_partitions()
            || (self.under_replicated_partitions && partition.replicas.len() > in_sync)
            || (self.unavailable_partitions && !live.contains(&partition.leader))
            || (self.under_min_isr_partitions && in_sync < min_isr)
            || (self.at_min_isr_partitions && in_sync == min_isr)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Topic {
    name: String,
    id: String,
    partitions: Vec<Partition>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Partition {
    index: i32,
    leader: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
    /// None where the broker does not say.
    eligible: Option<Vec<i32>>,
    last_known_eligible: Option<Vec<i32>>,
    adding: Vec<i32>,
    removing: Vec<i32>,
}

/// Runs it.
pub(super) fn run(
    client: &mut Client,
    arguments: &Arguments,
    out: Out<'_>,
) -> Result<(), ToolError> {
    let names = match arguments.topic_id.as_deref() {
        Some(id) => vec![name_of(client, id)?],
        None => matching(client, arguments, true)?,
    };
    if names.is_empty() {
        return Ok(());
    }
    let mut topics = topics(client, &names, arguments.partition_size_limit_per_response)?;
    add_reassignments(client, &mut topics)?;
    let asked: Vec<(i8, String)> = names.iter().map(|name| (TOPIC, name.clone())).collect();
    let mut configs: BTreeMap<String, Vec<ConfigEntry>> = BTreeMap::new();
    for described in describe(client, &asked)? {
        configs.insert(described.name, described.entries);
    }
    let live: Vec<i32> = client.nodes().keys().copied().collect();
    for topic in &topics {
        let entries = configs.remove(&topic.name).unwrap_or_default();
        write_topic(topic, &entries, &arguments.only, &live, out)?;
    }
    Ok(())
}

fn name_of(client: &mut Client, id: &str) -> Result<String, ToolError> {
    let topics = client.metadata(None, false)?.topics;
    let found = topics.into_iter().find(|topic| kafka_uuid(topic.topic_id.as_u128()) == id);
    found
        .and_then(|topic| topic.name)
        .map(|name| name.to_string())
        .ok_or_else(|| ToolError::Argument(format!("TopicId '{id}' does not exist as expected")))
}

fn ids(brokers: Vec<BrokerId>) -> Vec<i32> {
    brokers.into_iter().map(|BrokerId(id)| id).collect()
}

/// The topics' partitions, by the API made for it, or by metadata where the broker has only that.
fn topics(client: &mut Client, names: &[String], limit: i32) -> Result<Vec<Topic>, ToolError> {
    let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
    let metadata = client.metadata(Some(&borrowed), false)?;
    if client.serves::<DescribeTopicPartitionsRequest>()? {
        return described(client, names, limit);
    }
    let mut topics = Vec::new();
    for topic in metadata.topics {
        ToolError::check(topic.error_code, None)?;
        let mut partitions = Vec::new();
        for partition in topic.partitions {
            partitions.push(Partition {
                index: partition.partition_index,
                leader: partition.leader_id.0,
                replicas: ids(partition.replica_nodes),
                isr: ids(partition.isr_nodes),
                ..Partition::default()
            });
        }
        partitions.sort_by_key(|partition| partition.index);
        topics.push(Topic {
            name: topic.name.unwrap_or_default().to_string(),
            id: kafka_uuid(topic.topic_id.as_u128()),
            partitions,
        });
    }
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(topics)
}

fn described(client: &mut Client, names: &[String], limit: i32) -> Result<Vec<Topic>, ToolError> {
    let mut topics: BTreeMap<String, Topic> = BTreeMap::new();
    let mut cursor: Option<Cursor> = None;
    loop {
        // The broker goes on from the cursor; topics before it are not asked for again.
        let from = cursor.as_ref().map(|cursor| cursor.topic_name.to_string());
        let left = names.iter().filter(|name| from.as_ref().is_none_or(|from| *name >= from));
        let topic = |name: &String| TopicRequest::default().with_name(topic_name(name));
        let request = DescribeTopicPartitionsRequest::default()
            .with_topics(left.map(topic).collect())
            .with_response_partition_limit(limit)
            .with_cursor(cursor.take());
        let answer = client.ask(To::Any, i16::MAX, &request)?;
        for topic in answer.topics {
            ToolError::check(topic.error_code, None)?;
            let name = topic.name.unwrap_or_default().to_string();
            let id = kafka_uuid(topic.topic_id.as_u128());
            let kept = topics.entry(name.clone()).or_insert_with(|| Topic {
                name,
                id,
                partitions: Vec::new(),
            });
            for partition in topic.partitions {
                kept.partitions.push(Partition {
                    index: partition.partition_index,
                    leader: partition.leader_id.0,
                    replicas: ids(partition.replica_nodes),
                    isr: ids(partition.isr_nodes),
                    // The admin client takes null for "none".
                    eligible: Some(ids(partition.eligible_leader_replicas.unwrap_or_default())),
                    last_known_eligible: Some(ids(partition.last_known_elr.unwrap_or_default())),
                    ..Partition::default()
                });
            }
        }
        match answer.next_cursor {
            Some(next) => {
                cursor = Some(
                    Cursor::default()
                        .with_topic_name(next.topic_name)
                        .with_partition_index(next.partition_index),
                );
            }
            None => return Ok(topics.into_values().collect()),
        }
    }
}

/// Notes replicas that are on the move; a broker that cannot say so has none.
fn add_reassignments(client: &mut Client, topics: &mut [Topic]) -> Result<(), ToolError> {
    let request =
        ListPartitionReassignmentsRequest::default().with_topics(None).with_timeout_ms(30_000);
    let answer = match client.ask(To::Any, i16::MAX, &request) {
        Ok(answer) if answer.error_code == 0 => answer,
        Ok(_) | Err(ToolError::Unsupported { .. }) => return Ok(()),
        Err(error) => return Err(error),
    };
    for moved in answer.topics {
        let Some(topic) = topics.iter_mut().find(|topic| topic.name == **moved.name) else {
            continue;
        };
        for partition in moved.partitions {
            let index = partition.partition_index;
            if let Some(kept) = topic.partitions.iter_mut().find(|kept| kept.index == index) {
                kept.adding = ids(partition.adding_replicas);
                kept.removing = ids(partition.removing_replicas);
            }
        }
    }
    Ok(())
}

fn list(ids: &[i32]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn write_topic(
    topic: &Topic,
    entries: &[ConfigEntry],
    only: &Only,
    live: &[i32],
    out: Out<'_>,
) -> Result<(), ToolError> {
    let chosen: Vec<&ConfigEntry> =
        entries.iter().filter(|entry| entry.source != DEFAULT_CONFIG).collect();
    if only.topics_with_overrides && chosen.is_empty() {
        return Ok(());
    }
    if !only.picks_partitions() {
        let replicas = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
        let configs: Vec<String> = chosen
            .iter()
            .map(|entry| format!("{}={}", entry.name, entry.value.as_deref().unwrap_or_default()))
            .collect();
        writeln!(
            out,
            "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {replicas}\tConfigs: {}",
            topic.name,
            topic.id,
            topic.partitions.len(),
            configs.join(",")
        )?;
    }
    if only.topics_with_overrides {
        return Ok(());
    }
    let min_isr = entries.iter().find(|entry| entry.name == "min.insync.replicas");
    let min_isr = min_isr.and_then(|entry| entry.value.as_ref()?.parse().ok()).unwrap_or(1);
    for partition in topic.partitions.iter().filter(|p| only.shows(p, min_isr, live)) {
        let leader =
            if partition.leader < 0 { "none".to_owned() } else { partition.leader.to_string() };
        write!(
            out,
            "\tTopic: {}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}",
            topic.name,
            partition.index,
            list(&partition.replicas),
            list(&partition.isr)
        )?;
        if !(partition.adding.is_empty() && partition.removing.is_empty()) {
            let (adding, removing) = (list(&partition.adding), list(&partition.removing));
            write!(out, "\tAdding Replicas: {adding}\tRemoving Replicas: {removing}")?;
        }
        let known = |ids: &Option<Vec<i32>>| ids.as_deref().map_or_else(|| "N/A".to_owned(), list);
        let (elr, last) = (known(&partition.eligible), known(&partition.last_known_eligible));
        writeln!(out, "\tElr: {elr}\tLastKnownElr: {last}")?;
    }
    Ok(())
}

/// A UUID as Kafka writes it: 22 characters of unpadded URL-safe base64.
pub(crate) fn kafka_uuid(raw: u128) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 128 bits in 22 digits of 6, the last with 4 bits of padding.
    (0..22_u32)
        .map(|digit| {
            let bits = if digit == 21 { raw << 4 } else { raw >> (122 - 6 * digit) };
            let at = usize::try_from(bits & 63).unwrap_or(0);
            char::from(ALPHABET.get(at).copied().unwrap_or(b'A'))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;

    fn only(words: &[&str]) -> Only {
        let command = Only::augment_args(clap::Command::new("t"));
        Only::from_arg_matches(&command.get_matches_from([&["t"], words].concat())).unwrap()
    }

    fn topic() -> Topic {
        let partition = |index| Partition {
            index,
            leader: 1,
            replicas: vec![1],
            isr: vec![1],
            eligible: Some(Vec::new()),
            last_known_eligible: Some(Vec::new()),
            ..Partition::default()
        };
        Topic {
            name: "a".to_owned(),
            id: "<uuid>".to_owned(),
            partitions: vec![partition(0), partition(1)],
        }
    }

    fn entry(name: &str, value: &str, source: i8) -> ConfigEntry {
        ConfigEntry {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            source,
            ..ConfigEntry::default()
        }
    }

    fn written(topic: &Topic, words: &[&str]) -> String {
        let entries = [
            entry("min.insync.replicas", "1", 3),
            entry("cleanup.policy", "compact", 1),
            entry("retention.ms", "604800000", DEFAULT_CONFIG),
        ];
        let mut out = Vec::new();
        write_topic(topic, &entries, &only(words), &[1], &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_description_is_the_recorded_one() {
        assert_eq!(
            written(&topic(), &[]),
            "Topic: a\tTopicId: <uuid>\tPartitionCount: 2\tReplicationFactor: 1\tConfigs: min.insync.replicas=1,cleanup.policy=compact\n\
             \tTopic: a\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: \n\
             \tTopic: a\tPartition: 1\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: \tLastKnownElr: \n"
        );
    }

    #[test]
    fn only_partitions_that_are_looked_for_are_shown() {
        let mut topic = topic();
        topic.partitions[1].replicas = vec![1, 2];
        topic.partitions[0].leader = -1;

        let behind = written(&topic, &["--under-replicated-partitions"]);
        assert!(behind.starts_with("\tTopic: a\tPartition: 1\t") && behind.lines().count() == 1);
        let down = written(&topic, &["--unavailable-partitions"]);
        assert!(down.starts_with("\tTopic: a\tPartition: 0\tLeader: none\t"), "{down}");
        assert_eq!(written(&topic, &["--under-min-isr-partitions"]), "");
        assert_eq!(written(&topic, &["--topics-with-overrides"]).lines().count(), 1);
    }

    #[test]
    fn ids_are_written_as_kafka_does() {
        assert_eq!(kafka_uuid(0), "AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(kafka_uuid(u128::MAX), "_____________________w");
        assert_eq!(kafka_uuid(1), "AAAAAAAAAAAAAAAAAAAAAQ");
    }
}
