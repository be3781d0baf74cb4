//! kafka-consumer-groups --reset-offsets.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Arguments, complain, describe};
use crate::tools::client::{Client, Moment, TopicPartition};
use crate::tools::output::{Out, Table, note};
use crate::tools::problem::ToolError;
use crate::tools::time;

#[derive(Debug, Args)]
pub(super) struct ResetArguments {
    /// To the start of each log
    #[arg(long)]
    to_earliest: bool,
    /// To the end of each log
    #[arg(long)]
    to_latest: bool,
    /// To where the group stands
    #[arg(long)]
    to_current: bool,
    /// To this offset
    #[arg(long, value_name = "OFFSET", allow_negative_numbers = true)]
    to_offset: Option<i64>,
    /// To the first record from this time on: 2026-01-31T12:00:00.000
    #[arg(long, value_name = "TIME")]
    to_datetime: Option<String>,
    /// To the first record of the last …: P1DT2H
    #[arg(long, value_name = "DURATION")]
    by_duration: Option<String>,
    /// By so many records, forward or backward
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// To what a file of topic,partition,offset says
    #[arg(long, value_name = "FILE")]
    from_file: Option<PathBuf>,
    /// Show what would be done
    #[arg(long, conflicts_with = "execute")]
    dry_run: bool,
    /// Do it
    #[arg(long)]
    execute: bool,
    /// Write the result as such a file
    #[arg(long)]
    export: bool,
}

/// Where to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Earliest,
    Latest,
    Current,
    Offset(i64),
    Time(i64),
    Shift(i64),
    /// Group, which a file for one group leaves out, and offsets.
    File(Vec<(Option<String>, TopicPartition, i64)>),
}

impl Plan {
    /// Whether it says which partitions it is for.
    pub(super) const fn has_places(&self) -> bool {
        matches!(self, Self::File(_))
    }
}

impl ResetArguments {
    /// What they mean: exactly one of them.
    pub(super) fn plan(&self) -> Result<Plan, ToolError> {
        let mut plans = Vec::new();
        let given = [
            (self.to_earliest, Plan::Earliest),
            (self.to_latest, Plan::Latest),
            (self.to_current, Plan::Current),
        ];
        plans.extend(given.into_iter().filter(|(given, _)| *given).map(|(_, plan)| plan));
        plans.extend(self.to_offset.map(Plan::Offset));
        plans.extend(self.shift_by.map(Plan::Shift));
        if let Some(at) = self.to_datetime.as_deref() {
            plans.push(Plan::Time(time::parse_date_time(at)?));
        }
        if let Some(duration) = self.by_duration.as_deref() {
            let back = time::parse_duration(duration)?;
            plans.push(Plan::Time(time::now_ms().saturating_sub(back)));
        }
        if let Some(file) = self.from_file.as_deref() {
            plans.push(Plan::File(read_file(file)?));
        }
        if plans.len() > 1 {
            return Err(ToolError::Usage(
                "--reset-offsets takes one of --to-offset, --shift-by, --to-datetime, --by-duration, --to-earliest, --to-latest, --to-current, --from-file"
                    .to_owned(),
            ));
        }
        plans.pop().ok_or_else(|| {
            ToolError::Usage(
                "Option '--reset-offsets' requires one of the following scenarios: --to-offset, --by-duration, --to-datetime, --shift-by, --to-earliest, --to-latest, --to-current, --from-file"
                    .to_owned(),
            )
        })
    }
}

fn read_file(path: &Path) -> Result<Vec<(Option<String>, TopicPartition, i64)>, ToolError> {
    let text = fs::read_to_string(path)
        .map_err(|error| ToolError::File(format!("{}: {error}", path.display())))?;
    let mut rows = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').map(|cell| cell.trim().trim_matches('"')).collect();
        let (group, rest) = match cells.as_slice() {
            [group, rest @ ..] if rest.len() == 3 => (Some((*group).to_owned()), rest),
            rest => (None, rest),
        };
        let row =
            if let [topic, partition, offset] = rest {
                partition.parse().ok().zip(offset.parse().ok()).map(|(partition, offset)| {
                    (group, TopicPartition::new(topic, partition), offset)
                })
            } else {
                None
            };
        rows.push(row.ok_or_else(|| {
            let path = path.display();
            ToolError::Argument(format!("{path}, line {number}: expected topic,partition,offset"))
        })?);
    }
    Ok(rows)
}

/// Partitions that `topic` and `topic:0,1` mean.
pub(super) fn places(
    client: &mut Client,
    topics: &[String],
) -> Result<Vec<TopicPartition>, ToolError> {
    let mut places = Vec::new();
    for given in topics {
        if let Some((topic, partitions)) = given.split_once(':') {
            for partition in partitions.split(',') {
                let index = partition.trim().parse().map_err(|_| {
                    ToolError::Argument(format!("--topic {given}: {partition:?} is no partition"))
                })?;
                places.push(TopicPartition::new(topic, index));
            }
            continue;
        }
        let answer = client.metadata(Some(&[given]), false)?;
        for topic in answer.topics {
            ToolError::check(topic.error_code, None)?;
            let place = |partition: kafka_protocol::messages::metadata_response::MetadataResponsePartition| {
                TopicPartition::new(given, partition.partition_index)
            };
            places.extend(topic.partitions.into_iter().map(place));
        }
    }
    places.sort();
    places.dedup();
    Ok(places)
}

/// Resets each group, or says what that would do.
pub(super) fn run(
    client: &mut Client,
    groups: &[String],
    arguments: &Arguments,
    plan: &Plan,
    out: Out<'_>,
) -> Result<(), ToolError> {
    let reset = &arguments.reset;
    if !reset.execute && !reset.dry_run && !reset.export {
        note(
            "WARN: No action will be performed as the --execute option is missing. Add --dry-run to say that this is meant.",
        );
    }
    client.metadata(Some(&[]), false)?;
    let mut done: Vec<(&str, TopicPartition, i64)> = Vec::new();
    for group in groups {
        let coordinator = client.coordinator(group)?;
        let state = describe::find(client, group, coordinator)?.map(|group| group.state);
        // A group that is not there has no members either.
        if let Some(state) = state.filter(|state| state != "Empty") {
            complain(
                &format!(
                    "Assignments can only be reset if the group '{group}' is inactive, but the current state is {state}."
                ),
                out,
            )?;
            continue;
        }
        let offsets = planned(client, group, coordinator, arguments, plan)?;
        if reset.execute {
            for (place, code) in client.commit(group, coordinator, ("", -1), &offsets)? {
                if code != 0 {
                    let TopicPartition { topic, partition } = place;
                    let why = ToolError::refused(code, None);
                    complain(&format!("{topic}-{partition} of group '{group}': {why}"), out)?;
                    return Err(why);
                }
            }
        }
        done.extend(offsets.into_iter().map(|(place, offset)| (group.as_str(), place, offset)));
    }
    if reset.export {
        return export(&done, groups.len() > 1, out);
    }
    let mut table =
        Table::new(&[("GROUP", 15), ("TOPIC", 15), ("PARTITION", 10), ("NEW-OFFSET", 0)]);
    for (group, place, offset) in done {
        let partition = place.partition.to_string();
        table.row(vec![group.to_owned(), place.topic, partition, offset.to_string()]);
    }
    table.write_after_gap(out)
}

fn export(
    done: &[(&str, TopicPartition, i64)],
    with_group: bool,
    out: Out<'_>,
) -> Result<(), ToolError> {
    for (group, TopicPartition { topic, partition }, offset) in done {
        if with_group {
            writeln!(out, "{group},{topic},{partition},{offset}")?;
        } else {
            writeln!(out, "{topic},{partition},{offset}")?;
        }
    }
    Ok(())
}

/// The new positions of a group.
fn planned(
    client: &mut Client,
    group: &str,
    coordinator: i32,
    arguments: &Arguments,
    plan: &Plan,
) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
    if let Plan::File(rows) = plan {
        let mine = rows.iter().filter(|(of, _, _)| of.as_deref().is_none_or(|of| of == group));
        let wanted = mine.map(|(_, place, offset)| (place.clone(), *offset)).collect();
        return within_logs(client, wanted);
    }
    let committed = client.committed(group, coordinator)?;
    let places = if arguments.all_topics {
        committed.keys().cloned().collect()
    } else {
        places(client, &arguments.topic)?
    };
    let current = |place: &TopicPartition| committed.get(place).map(|position| position.offset);
    match plan {
        Plan::Earliest => client.offsets_at(&places, Moment::Earliest),
        Plan::Latest => client.offsets_at(&places, Moment::Latest),
        Plan::Time(at) => {
            // Where no record is as late as that, the end.
            let mut offsets = client.offsets_at(&places, Moment::Latest)?;
            offsets.extend(client.offsets_at(&places, Moment::At(*at))?);
            Ok(offsets)
        }
        Plan::Offset(offset) => {
            within_logs(client, places.into_iter().map(|place| (place, *offset)).collect())
        }
        Plan::Shift(by) => {
            let mut wanted = BTreeMap::new();
            for place in places {
                let Some(at) = current(&place) else {
                    return Err(ToolError::Argument(format!(
                        "Cannot shift offset for partition {}-{} since there is no current committed offset",
                        place.topic, place.partition
                    )));
                };
                wanted.insert(place, at.saturating_add(*by));
            }
            within_logs(client, wanted)
        }
        Plan::Current => {
            let mut offsets = client.offsets_at(&places, Moment::Latest)?;
            offsets
                .extend(places.iter().filter_map(|place| Some((place.clone(), current(place)?))));
            Ok(offsets)
        }
        Plan::File(_) => Ok(BTreeMap::new()),
    }
}

/// Offsets as they are wanted, but not before a log's start nor behind its end.
fn within_logs(
    client: &mut Client,
    wanted: BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
    let starts = client.offsets_at(wanted.keys(), Moment::Earliest)?;
    let ends = client.offsets_at(wanted.keys(), Moment::Latest)?;
    let mut offsets = BTreeMap::new();
    for (place, offset) in wanted {
        let TopicPartition { topic, partition } = &place;
        let (Some(start), Some(end)) = (starts.get(&place), ends.get(&place)) else {
            return Err(ToolError::Argument(format!("{topic}-{partition} does not exist")));
        };
        let kept = offset.clamp(*start, (*end).max(*start));
        if kept != offset {
            let which = if offset < *start { "lower than earliest" } else { "higher than latest" };
            note(&format!(
                "WARN New offset ({offset}) is {which} offset for topic partition {topic}-{partition}. Value will be set to {kept}"
            ));
        }
        offsets.insert(place, kept);
    }
    Ok(offsets)
}
