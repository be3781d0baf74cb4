//! kafka-consumer-groups --delete and --delete-offsets.

use std::collections::BTreeMap;

use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{DeleteGroupsRequest, OffsetDeleteRequest};

use super::{complain, reset::places};
use crate::tools::client::{Client, To, TopicPartition, by_topic, group_id, topic_name};
use crate::tools::output::{Out, Table};
use crate::tools::problem::{ToolError, class_of, message_of};

fn quoted(groups: &[&str]) -> String {
    groups.iter().map(|group| format!("'{group}'")).collect::<Vec<_>>().join(", ")
}

/// Deletes groups, each at its coordinator.
pub(super) fn groups(
    client: &mut Client,
    groups: &[String],
    out: Out<'_>,
) -> Result<(), ToolError> {
    let mut deleted: Vec<&str> = Vec::new();
    let mut failed: Vec<(&str, i16)> = Vec::new();
    for group in groups {
        let coordinator = client.coordinator(group)?;
        let request = DeleteGroupsRequest::default().with_groups_names(vec![group_id(group)]);
        let answer = client.ask(To::Node(coordinator), i16::MAX, &request)?;
        match answer.results.first().map(|result| result.error_code) {
            Some(0) => deleted.push(group),
            Some(code) => failed.push((group, code)),
            None => {
                return Err(ToolError::Protocol(format!(
                    "the broker does not speak of group {group}"
                )));
            }
        }
    }
    if failed.is_empty() {
        let names = quoted(&deleted);
        writeln!(out, "Deletion of requested consumer groups ({names}) was successful.")?;
        return Ok(());
    }
    complain("Deletion of some consumer groups failed:", out)?;
    for (group, code) in failed {
        let (class, message) = (class_of(code), message_of(code));
        writeln!(out, "* Group '{group}' could not be deleted due to: {class}: {message}")?;
    }
    if !deleted.is_empty() {
        writeln!(out, "\nThese consumer groups were deleted successfully: {}", quoted(&deleted))?;
    }
    Ok(())
}

/// Deletes positions of `group` in these topics (`topic`, `topic:0,1`).
pub(super) fn offsets(
    client: &mut Client,
    group: &str,
    topics: &[String],
    out: Out<'_>,
) -> Result<(), ToolError> {
    let places = places(client, topics)?;
    let coordinator = client.coordinator(group)?;
    let topic = |(name, partitions): (&str, Vec<(i32, ())>)| {
        let partition = |(index, ()): (i32, ())| {
            OffsetDeleteRequestPartition::default().with_partition_index(index)
        };
        OffsetDeleteRequestTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions.into_iter().map(partition).collect())
    };
    let listed = by_topic(places.iter().map(|place| (place, ())));
    let request = OffsetDeleteRequest::default()
        .with_group_id(group_id(group))
        .with_topics(listed.into_iter().map(topic).collect());
    let answer = client.ask(To::Node(coordinator), i16::MAX, &request)?;
    let mut codes: BTreeMap<TopicPartition, i16> =
        places.into_iter().map(|place| (place, answer.error_code)).collect();
    for topic in answer.topics {
        for partition in topic.partitions {
            let place = TopicPartition::new(&topic.name, partition.partition_index);
            codes.insert(place, partition.error_code);
        }
    }
    if answer.error_code == 0 && codes.values().all(|code| *code == 0) {
        writeln!(out, "Request succeeded for deleting offsets from group {group}.")?;
    } else if answer.error_code == 0 {
        complain(
            &format!(
                "Encountered some partition level error, see the follow-up details for group {group}."
            ),
            out,
        )?;
    } else {
        let why = message_of(answer.error_code);
        complain(&format!("Deletion of offsets failed for group {group} due to: {why}"), out)?;
    }
    let mut table = Table::new(&[("TOPIC", 15), ("PARTITION", 10), ("STATUS", 0)]);
    for (place, code) in codes {
        let status = if code == 0 {
            "Successful".to_owned()
        } else {
            format!("Error: {}", message_of(code))
        };
        table.row(vec![place.topic, place.partition.to_string(), status]);
    }
    table.write_after_gap(out)
}
