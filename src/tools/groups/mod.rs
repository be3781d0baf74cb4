//! kafka-consumer-groups: list, describe, reset, delete.

mod delete;
mod describe;
mod reset;
mod tables;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use kafka_protocol::messages::ListGroupsRequest;
use kafka_protocol::messages::list_groups_response::ListedGroup;

use super::Call;
use super::arguments::{Connect, no_action};
use super::client::{Client, To, text};
use super::output::{Out, Table};
use super::problem::ToolError;

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// List groups
    #[arg(long, group = "action")]
    list: bool,
    /// Describe groups: offsets and lag, or --members, or --state
    #[arg(long, group = "action")]
    describe: bool,
    /// Delete groups
    #[arg(long, group = "action")]
    delete: bool,
    /// Set positions of a group without members
    #[arg(long, group = "action")]
    reset_offsets: bool,
    /// Delete positions of topics that the group does not read
    #[arg(long, group = "action")]
    delete_offsets: bool,
    /// The group; may be given several times
    #[arg(long)]
    group: Vec<String>,
    /// All groups
    #[arg(long, conflicts_with = "group")]
    all_groups: bool,
    /// The topic, or its partitions: topic:0,1; may be given several times
    #[arg(long)]
    topic: Vec<String>,
    /// All topics that the group has positions for
    #[arg(long, conflicts_with = "topic")]
    all_topics: bool,
    /// Describe members
    #[arg(long)]
    members: bool,
    /// Describe offsets and lag
    #[arg(long)]
    offsets: bool,
    /// Describe states, or list groups with them; a list of states picks
    #[arg(long, value_name = "STATE,…", num_args = 0..=1, default_missing_value = "")]
    state: Option<String>,
    /// List groups with their type; a list of types picks
    #[arg(long = "type", value_name = "TYPE,…", num_args = 0..=1, default_missing_value = "")]
    kind: Option<String>,
    /// Tell more
    #[arg(long)]
    verbose: bool,
    /// ms that a group may take to begin
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    #[command(flatten)]
    reset: reset::ResetArguments,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let Arguments { list, describe, delete, reset_offsets, delete_offsets, .. } = arguments;
    if !(list || describe || delete || reset_offsets || delete_offsets) {
        return Err(no_action("--list, --describe, --delete, --reset-offsets, --delete-offsets"));
    }
    if !list && arguments.group.is_empty() && !arguments.all_groups {
        return Err(ToolError::Usage("Option --group or --all-groups is missing".to_owned()));
    }
    let plan = if reset_offsets { Some(arguments.reset.plan()?) } else { None };
    if plan.as_ref().is_some_and(|plan| !plan.has_places())
        && arguments.topic.is_empty()
        && !arguments.all_topics
    {
        return Err(ToolError::Usage(
            "Option --reset-offsets takes one of these options: --all-topics, --topic, --from-file"
                .to_owned(),
        ));
    }
    if delete_offsets && arguments.topic.is_empty() {
        return Err(ToolError::Usage("Option --delete-offsets takes --topic".to_owned()));
    }
    let mut client = match arguments.timeout {
        None => arguments.connect.client()?,
        Some(timeout) => {
            let mut properties = arguments.connect.properties()?;
            properties.insert("default.api.timeout.ms".to_owned(), timeout.to_string());
            arguments.connect.client_with(&properties)?
        }
    };
    if list {
        list_groups(&mut client, &arguments, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let groups = if arguments.all_groups {
        listed(&mut client, "", "")?.into_iter().map(|group| group.group_id.to_string()).collect()
    } else {
        arguments.group.clone()
    };
    if describe {
        describe::run(&mut client, &groups, &arguments, out)?;
    } else if delete {
        delete::groups(&mut client, &groups, out)?;
    } else if delete_offsets {
        for group in &groups {
            delete::offsets(&mut client, group, &arguments.topic, out)?;
        }
    } else if let Some(plan) = plan {
        reset::run(&mut client, &groups, &arguments, &plan, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Groups of consumers, sorted, picked by comma separated states and types.
fn listed(client: &mut Client, states: &str, types: &str) -> Result<Vec<ListedGroup>, ToolError> {
    let split = |list: &str| {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(ToOwned::to_owned).collect::<Vec<String>>()
    };
    let (states, types) = (split(states), split(types));
    client.metadata(Some(&[]), false)?;
    let nodes: Vec<i32> = client.nodes().keys().copied().collect();
    let mut groups = Vec::new();
    for node in nodes {
        let request = |version: i16| {
            let request = ListGroupsRequest::default();
            let texts = |list: &[String]| list.iter().map(|one| text(one)).collect();
            let request =
                if version >= 4 { request.with_states_filter(texts(&states)) } else { request };
            if version >= 5 { request.with_types_filter(texts(&types)) } else { request }
        };
        let answer = client.ask_as::<ListGroupsRequest, _>(
            To::Node(node),
            i16::MAX,
            request,
            Duration::ZERO,
        )?;
        ToolError::check(answer.error_code, None)?;
        groups.extend(answer.groups);
    }
    let is_one = |wanted: &[String], is: &str| {
        wanted.is_empty() || is.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(is))
    };
    groups.retain(|group| {
        matches!(&*group.protocol_type, "consumer" | "")
            && !group.group_type.eq_ignore_ascii_case("share")
            && !group.group_type.eq_ignore_ascii_case("streams")
            && is_one(&states, &group.group_state)
            && is_one(&types, &group.group_type)
    });
    groups.sort_by(|one, other| one.group_id.cmp(&other.group_id));
    Ok(groups)
}

fn list_groups(client: &mut Client, arguments: &Arguments, out: Out<'_>) -> Result<(), ToolError> {
    let states = arguments.state.as_deref();
    let types = arguments.kind.as_deref();
    let groups = listed(client, states.unwrap_or_default(), types.unwrap_or_default())?;
    if states.is_none() && types.is_none() {
        for group in groups {
            writeln!(out, "{}", *group.group_id)?;
        }
        return Ok(());
    }
    let mut columns = vec![("GROUP", 15)];
    if types.is_some() {
        columns.push(("TYPE", 20));
    }
    if states.is_some() {
        columns.push(("STATE", 20));
    }
    let mut table = Table::new(&columns);
    for group in groups {
        let mut cells = vec![group.group_id.to_string()];
        if types.is_some() {
            let kind = &*group.group_type;
            cells.push(if kind.is_empty() { "Classic" } else { kind }.to_owned());
        }
        if states.is_some() {
            cells.push(group.group_state.to_string());
        }
        table.row(cells);
    }
    table.write(out)
}

/// Kafka's way to speak of what did not work, which is no failure of the command.
fn complain(text: &str, out: Out<'_>) -> Result<(), ToolError> {
    writeln!(out, "\nError: {text}")?;
    Ok(())
}
