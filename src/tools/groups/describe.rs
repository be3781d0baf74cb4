//! kafka-consumer-groups --describe: offsets and lag, members, states.

use std::collections::BTreeMap;

use kafka_protocol::messages::ConsumerGroupDescribeRequest;
use kafka_protocol::messages::consumer_group_describe_response::Assignment;

use super::tables::{self, Member, Position};
use super::{Arguments, complain};
use crate::tools::client::{Client, Moment, To, TopicPartition, group_id, member_partitions};
use crate::tools::output::{Out, note};
use crate::tools::problem::ToolError;

/// GROUP_ID_NOT_FOUND, and UNSUPPORTED_VERSION where the group is of the other kind.
const NOT_FOUND: &[i16] = &[69, 35];

/// A group, of whichever protocol.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) assignor: String,
    pub(super) members: Vec<Member>,
    /// Group epoch and target assignment epoch, where the group has them.
    pub(super) epochs: Option<(i32, i32)>,
}

/// Describes each group.
pub(super) fn run(
    client: &mut Client,
    groups: &[String],
    arguments: &Arguments,
    out: Out<'_>,
) -> Result<(), ToolError> {
    client.metadata(Some(&[]), false)?;
    for id in groups {
        let coordinator = client.coordinator(id)?;
        let Some(group) = find(client, id, coordinator)? else {
            complain(&format!("Consumer group '{id}' does not exist."), out)?;
            continue;
        };
        if arguments.members {
            tell_of_members(&group, out)?;
            tables::members(&group, arguments.verbose).write_after_gap(out)?;
        } else if arguments.state.is_some() {
            let address =
                client.nodes().get(&coordinator).map(|node| node.address()).unwrap_or_default();
            let coordinator = format!("{address}  ({coordinator})");
            tables::state(&group, &coordinator, arguments.verbose).write_after_gap(out)?;
        } else {
            let positions = positions(client, &group, coordinator)?;
            tell_of_members(&group, out)?;
            tables::offsets(&group, &positions, arguments.verbose).write_after_gap(out)?;
        }
    }
    Ok(())
}

/// Says on standard error what is special about the group's members.
fn tell_of_members(group: &Group, out: Out<'_>) -> Result<(), ToolError> {
    let id = &group.id;
    out.flush()?;
    match group.state.as_str() {
        "Empty" => note(&format!("\nConsumer group '{id}' has no active members.")),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            note(&format!("\nWarning: Consumer group '{id}' is rebalancing."));
        }
        _ => {}
    }
    Ok(())
}

/// The group in its protocol's own description; none if it is not there.
pub(super) fn find(
    client: &mut Client,
    id: &str,
    coordinator: i32,
) -> Result<Option<Group>, ToolError> {
    if client.serves::<ConsumerGroupDescribeRequest>()?
        && let Some(group) = find_consumer(client, id, coordinator)?
    {
        return Ok(Some(group));
    }
    let described = client.describe_group(id, coordinator)?;
    if NOT_FOUND.contains(&described.error_code) || &*described.group_state == "Dead" {
        return Ok(None);
    }
    ToolError::check(described.error_code, described.error_message.as_deref())?;
    let member =
        |member: kafka_protocol::messages::describe_groups_response::DescribedGroupMember| Member {
            id: member.member_id.to_string(),
            instance: member.group_instance_id.map(|id| id.to_string()),
            host: member.client_host.to_string(),
            client: member.client_id.to_string(),
            assigned: member_partitions(&member.member_assignment),
            target: None,
            epoch: None,
        };
    Ok(Some(Group {
        id: id.to_owned(),
        state: described.group_state.to_string(),
        assignor: described.protocol_data.to_string(),
        members: described.members.into_iter().map(member).collect(),
        epochs: None,
    }))
}

fn find_consumer(
    client: &mut Client,
    id: &str,
    coordinator: i32,
) -> Result<Option<Group>, ToolError> {
    let request = ConsumerGroupDescribeRequest::default().with_group_ids(vec![group_id(id)]);
    let answer = client.ask(To::Node(coordinator), i16::MAX, &request)?;
    let Some(described) = answer.groups.into_iter().next() else {
        return Ok(None);
    };
    if NOT_FOUND.contains(&described.error_code) {
        return Ok(None);
    }
    ToolError::check(described.error_code, described.error_message.as_deref())?;
    let partitions = |assignment: &Assignment| {
        let topic = |topic: &kafka_protocol::messages::consumer_group_describe_response::TopicPartitions| {
            let name = topic.topic_name.to_string();
            let places = topic.partitions.iter().map(move |p| TopicPartition::new(&name, *p));
            places.collect::<Vec<_>>()
        };
        let mut places: Vec<TopicPartition> =
            assignment.topic_partitions.iter().flat_map(topic).collect();
        places.sort();
        places
    };
    let member =
        |member: kafka_protocol::messages::consumer_group_describe_response::Member| Member {
            id: member.member_id.to_string(),
            instance: member.instance_id.map(|id| id.to_string()),
            host: member.client_host.to_string(),
            client: member.client_id.to_string(),
            assigned: partitions(&member.assignment),
            target: Some(partitions(&member.target_assignment)),
            epoch: Some(member.member_epoch),
        };
    Ok(Some(Group {
        id: id.to_owned(),
        state: described.group_state.to_string(),
        assignor: described.assignor_name.to_string(),
        members: described.members.into_iter().map(member).collect(),
        epochs: Some((described.group_epoch, described.assignment_epoch)),
    }))
}

/// What each partition of the group looks like: those that members read, and those with a position.
fn positions(
    client: &mut Client,
    group: &Group,
    coordinator: i32,
) -> Result<Vec<Position>, ToolError> {
    let committed = client.committed(&group.id, coordinator)?;
    let mut readers: BTreeMap<TopicPartition, usize> = BTreeMap::new();
    for (at, member) in group.members.iter().enumerate() {
        readers.extend(member.assigned.iter().map(|place| (place.clone(), at)));
    }
    let mut places: Vec<TopicPartition> = readers.keys().chain(committed.keys()).cloned().collect();
    places.sort();
    places.dedup();
    let ends = client.offsets_at(&places, Moment::Latest)?;
    let position = |place: TopicPartition| Position {
        current: committed.get(&place).map(|position| position.offset),
        leader_epoch: committed.get(&place).and_then(|position| position.leader_epoch),
        end: ends.get(&place).copied(),
        member: readers.get(&place).copied(),
        place: Some(place),
    };
    let mut positions: Vec<Position> = places.into_iter().map(position).collect();
    // Members without partitions have a line as well.
    for (at, member) in group.members.iter().enumerate() {
        if member.assigned.is_empty() {
            positions.push(Position { member: Some(at), ..Position::default() });
        }
    }
    // Partitions that nobody reads come last.
    positions.sort_by_key(|position| position.member.is_none());
    Ok(positions)
}
