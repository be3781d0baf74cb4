//! The tables of `--describe`, as Kafka's tool lays them out.

use super::describe::Group;
use crate::tools::client::{TopicPartition, by_topic};
use crate::tools::output::{Out, Table};
use crate::tools::problem::ToolError;

/// One member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) instance: Option<String>,
    pub(super) host: String,
    pub(super) client: String,
    pub(super) assigned: Vec<TopicPartition>,
    /// What it is to be assigned, where the protocol tells.
    pub(super) target: Option<Vec<TopicPartition>>,
    pub(super) epoch: Option<i32>,
}

/// Where a group stands in a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// None for the line of a member that reads nothing.
    pub(super) place: Option<TopicPartition>,
    pub(super) current: Option<i64>,
    pub(super) leader_epoch: Option<i32>,
    pub(super) end: Option<i64>,
    /// Which member reads it.
    pub(super) member: Option<usize>,
}

impl Table {
    /// Writes it below an empty line.
    pub(super) fn write_after_gap(&self, out: Out<'_>) -> Result<(), ToolError> {
        writeln!(out)?;
        self.write(out)
    }
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// GROUP TOPIC PARTITION CURRENT-OFFSET …
pub(super) fn offsets(group: &Group, positions: &[Position], verbose: bool) -> Table {
    let mut columns = vec![("GROUP", 15), ("TOPIC", 15), ("PARTITION", 10)];
    if verbose {
        columns.push(("LEADER-EPOCH", 15));
    }
    columns.extend([
        ("CURRENT-OFFSET", 15),
        ("LOG-END-OFFSET", 15),
        ("LAG", 15),
        ("CONSUMER-ID", 15),
        ("HOST", 15),
        ("CLIENT-ID", 0),
    ]);
    let mut table = Table::new(&columns);
    for position in positions {
        let place = position.place.as_ref();
        let mut cells = vec![
            group.id.clone(),
            or_dash(place.map(|place| &place.topic)),
            or_dash(place.map(|place| place.partition)),
        ];
        if verbose {
            cells.push(or_dash(position.leader_epoch));
        }
        let lag = position.end.zip(position.current).map(|(end, at)| end.saturating_sub(at));
        let member = position.member.and_then(|at| group.members.get(at));
        cells.extend([
            or_dash(position.current),
            or_dash(position.end),
            or_dash(lag),
            or_dash(member.map(|member| &member.id)),
            or_dash(member.map(|member| &member.host)),
            or_dash(member.map(|member| &member.client)),
        ]);
        table.row(cells);
    }
    table
}

/// `in(0,1), other(0)`
fn assignment(places: &[TopicPartition]) -> String {
    let topic = |(name, partitions): (&str, Vec<(i32, ())>)| {
        let numbers: Vec<String> = partitions.iter().map(|(index, ())| index.to_string()).collect();
        format!("{name}({})", numbers.join(","))
    };
    let topics = by_topic(places.iter().map(|place| (place, ())));
    let shown: Vec<String> = topics.into_iter().map(topic).collect();
    if shown.is_empty() { "-".to_owned() } else { shown.join(", ") }
}

/// GROUP CONSUMER-ID HOST CLIENT-ID #PARTITIONS …
pub(super) fn members(group: &Group, verbose: bool) -> Table {
    let fixed = group.members.iter().any(|member| member.instance.is_some());
    let mut columns = vec![("GROUP", 15), ("CONSUMER-ID", 15)];
    if fixed {
        columns.push(("GROUP-INSTANCE-ID", 17));
    }
    columns.extend([("HOST", 15), ("CLIENT-ID", 15), ("#PARTITIONS", 15)]);
    if verbose {
        columns.extend([
            ("CURRENT-EPOCH", 15),
            ("CURRENT-ASSIGNMENT", 18),
            ("TARGET-EPOCH", 15),
            ("TARGET-ASSIGNMENT", 0),
        ]);
    }
    let mut table = Table::new(&columns);
    for member in &group.members {
        let mut cells = vec![group.id.clone(), member.id.clone()];
        if fixed {
            cells.push(member.instance.clone().unwrap_or_default());
        }
        cells.extend([
            member.host.clone(),
            member.client.clone(),
            member.assigned.len().to_string(),
        ]);
        if verbose {
            cells.extend([
                or_dash(member.epoch),
                assignment(&member.assigned),
                or_dash(group.epochs.map(|(_, target)| target)),
                member.target.as_deref().map_or_else(|| "-".to_owned(), assignment),
            ]);
        }
        table.row(cells);
    }
    table
}

/// GROUP COORDINATOR (ID) ASSIGNMENT-STRATEGY STATE …
pub(super) fn state(group: &Group, coordinator: &str, verbose: bool) -> Table {
    let mut columns =
        vec![("GROUP", 15), ("COORDINATOR (ID)", 25), ("ASSIGNMENT-STRATEGY", 20), ("STATE", 20)];
    if verbose {
        columns.extend([("GROUP-EPOCH", 15), ("TARGET-ASSIGNMENT-EPOCH", 25)]);
    }
    columns.push(("#MEMBERS", 0));
    let mut table = Table::new(&columns);
    let assignor = Some(group.assignor.as_str()).filter(|name| !name.is_empty());
    let mut cells =
        vec![group.id.clone(), coordinator.to_owned(), or_dash(assignor), group.state.clone()];
    if verbose {
        cells.push(or_dash(group.epochs.map(|(epoch, _)| epoch)));
        cells.push(or_dash(group.epochs.map(|(_, target)| target)));
    }
    cells.push(group.members.len().to_string());
    table.row(cells);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(members: Vec<Member>) -> Group {
        let state = if members.is_empty() { "Empty" } else { "Stable" };
        Group { id: "g".to_owned(), state: state.to_owned(), members, ..Group::default() }
    }

    fn written(table: &Table) -> String {
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_of_offsets_is_the_recorded_one() {
        let position = Position {
            place: Some(TopicPartition::new("in", 0)),
            current: Some(3),
            end: Some(4),
            ..Position::default()
        };

        assert_eq!(
            written(&offsets(&group(Vec::new()), &[position], false)),
            "GROUP           TOPIC           PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG             CONSUMER-ID     HOST            CLIENT-ID\n\
             g               in              0          3               4               1               -               -               -\n"
        );
    }

    #[test]
    fn a_table_of_states_is_the_recorded_one() {
        assert_eq!(
            written(&state(&group(Vec::new()), "<broker>  (1)      ", false)),
            "GROUP           COORDINATOR (ID)          ASSIGNMENT-STRATEGY  STATE                #MEMBERS\n\
             g               <broker>  (1)             -                    Empty                0\n"
        );
    }

    #[test]
    fn a_table_of_no_members_is_the_recorded_one() {
        assert_eq!(
            written(&members(&group(Vec::new()), false)),
            "GROUP           CONSUMER-ID     HOST            CLIENT-ID       #PARTITIONS\n"
        );
    }

    #[test]
    fn members_are_shown_with_what_they_read() {
        let places = [("in", 1), ("in", 0), ("on", 2)];
        let member = Member {
            id: "consumer-1".to_owned(),
            instance: Some("fixed".to_owned()),
            host: "/127.0.0.1".to_owned(),
            client: "c".to_owned(),
            assigned: places.map(|(topic, index)| TopicPartition::new(topic, index)).to_vec(),
            ..Member::default()
        };

        let text = written(&members(&group(vec![member]), true));

        let line = text.lines().nth(1).unwrap();
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(cells[..6], ["g", "consumer-1", "fixed", "/127.0.0.1", "c", "3"]);
        assert!(line.contains("in(1,0), on(2)"), "{line}");
    }
}
