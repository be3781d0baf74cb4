//! kafka-topics: list, describe, create, alter, delete.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::{
    BrokerId, CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest,
};

use super::Call;
use super::arguments::{Connect, TopicFilter, no_action, pairs};
use super::client::{Client, To, text, topic_name};
use super::output::Out;
use super::problem::ToolError;

mod describe;

pub(super) use describe::kafka_uuid;

/// How long the controller may take.
const TIMEOUT_MS: i32 = 60_000;
/// TOPIC_ALREADY_EXISTS.
const TOPIC_EXISTS: i16 = 36;

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// List all topics
    #[arg(long, group = "action")]
    list: bool,
    /// Describe topics
    #[arg(long, group = "action")]
    describe: bool,
    /// Create a topic
    #[arg(long, group = "action")]
    create: bool,
    /// Raise the count of partitions
    #[arg(long, group = "action")]
    alter: bool,
    /// Delete topics
    #[arg(long, group = "action")]
    delete: bool,
    /// The topic; but for --create a pattern, and a list
    #[arg(long)]
    topic: Option<String>,
    /// The topic by its id, for --describe
    #[arg(long)]
    topic_id: Option<String>,
    /// Count of partitions
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    partitions: Option<i32>,
    /// Count of replicas of each partition
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true)]
    replication_factor: Option<i16>,
    /// Brokers for each partition: 1:2,2:3
    #[arg(long, value_name = "ID:ID,…")]
    replica_assignment: Option<String>,
    /// A config of the new topic; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    config: Vec<String>,
    /// Do nothing where a topic is not there
    #[arg(long)]
    if_exists: bool,
    /// Do nothing where the topic is there
    #[arg(long)]
    if_not_exists: bool,
    /// Leave internal topics out
    #[arg(long)]
    exclude_internal: bool,
    #[command(flatten)]
    only: describe::Only,
    /// Partitions in one answer of the broker, for --describe
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    partition_size_limit_per_response: i32,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let Arguments { list, describe, create, alter, delete, .. } = arguments;
    if !(list || describe || create || alter || delete) {
        return Err(no_action("--list, --describe, --create, --alter or --delete"));
    }
    if (create || alter || delete) && arguments.topic.is_none() {
        return Err(ToolError::Usage("Missing required argument \"[topic]\"".to_owned()));
    }
    if alter && arguments.partitions.is_none() {
        return Err(ToolError::Usage("Missing required argument \"[partitions]\"".to_owned()));
    }
    if create {
        check_creation(&arguments)?;
    }
    let mut client = arguments.connect.client()?;
    if list {
        for topic in matching(&mut client, &arguments, false)? {
            writeln!(out, "{topic}")?;
        }
    } else if describe {
        describe::run(&mut client, &arguments, out)?;
    } else if create {
        create_topic(&mut client, &arguments, out)?;
    } else if alter {
        add_partitions(&mut client, &arguments)?;
    } else {
        delete_topics(&mut client, &arguments)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn check_creation(arguments: &Arguments) -> Result<(), ToolError> {
    if arguments.partitions.is_some_and(|count| count < 1) {
        return Err(ToolError::Argument("The partitions must be greater than 0".to_owned()));
    }
    if arguments.replication_factor.is_some_and(|count| count < 1) {
        return Err(ToolError::Argument(
            "The replication factor must be between 1 and 32767 inclusive".to_owned(),
        ));
    }
    let counted = arguments.partitions.is_some() || arguments.replication_factor.is_some();
    if arguments.replica_assignment.is_some() && counted {
        return Err(ToolError::Usage(
            "--replica-assignment says how many partitions and replicas there are; leave the counts out"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Topics that the arguments mean, sorted; `needed`: it is an error if there are none.
fn matching(
    client: &mut Client,
    arguments: &Arguments,
    needed: bool,
) -> Result<Vec<String>, ToolError> {
    let names = client.topic_names(!arguments.exclude_internal)?;
    let Some(pattern) = arguments.topic.as_deref() else {
        return Ok(names);
    };
    let filter = TopicFilter::parse(pattern)?;
    let found: Vec<String> = names.into_iter().filter(|name| filter.matches(name)).collect();
    if found.is_empty() && needed && !arguments.if_exists {
        return Err(ToolError::Argument(format!("Topic '{pattern}' does not exist as expected")));
    }
    Ok(found)
}

/// `1:2,2:3` as brokers of each partition.
fn assignment(text: &str) -> Result<Vec<Vec<i32>>, ToolError> {
    let broker = |id: &str| {
        id.trim().parse().map_err(|_| {
            ToolError::Argument(format!("--replica-assignment: {id:?} is no broker's id"))
        })
    };
    let mut partitions: Vec<Vec<i32>> = Vec::new();
    for partition in text.split(',') {
        let brokers: Vec<i32> = partition.split(':').map(broker).collect::<Result<_, _>>()?;
        let mut sorted = brokers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < brokers.len() {
            return Err(ToolError::Argument(format!(
                "Partition replica lists may not contain duplicate entries: {partition}"
            )));
        }
        if partitions.first().is_some_and(|first| first.len() != brokers.len()) {
            return Err(ToolError::Argument(format!(
                "Partition {} has different replication factor: {partition}",
                partitions.len()
            )));
        }
        partitions.push(brokers);
    }
    Ok(partitions)
}

fn broker_ids(brokers: &[i32]) -> Vec<BrokerId> {
    brokers.iter().map(|id| BrokerId(*id)).collect()
}

fn create_topic(client: &mut Client, arguments: &Arguments, out: Out<'_>) -> Result<(), ToolError> {
    let name = arguments.topic.as_deref().unwrap_or_default();
    if name.contains(['.', '_']) {
        writeln!(
            out,
            "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could collide. To avoid issues it is best to use either, but not both."
        )?;
    }
    let mut configs = BTreeMap::new();
    for config in &arguments.config {
        configs.extend(pairs(config)?);
    }
    let config = |(name, value): (&String, &String)| {
        CreatableTopicConfig::default().with_name(text(name)).with_value(Some(text(value)))
    };
    let mut assignments = Vec::new();
    if let Some(given) = arguments.replica_assignment.as_deref() {
        for (index, brokers) in (0..).zip(assignment(given)?) {
            assignments.push(
                CreatableReplicaAssignment::default()
                    .with_partition_index(index)
                    .with_broker_ids(broker_ids(&brokers)),
            );
        }
    }
    // -1 is the broker's own default, from version 4 on.
    let topic = CreatableTopic::default()
        .with_name(topic_name(name))
        .with_num_partitions(arguments.partitions.unwrap_or(-1))
        .with_replication_factor(arguments.replication_factor.unwrap_or(-1))
        .with_assignments(assignments)
        .with_configs(configs.iter().map(config).collect());
    let request =
        CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(TIMEOUT_MS);
    let answer = client.ask(To::Any, i16::MAX, &request)?;
    for topic in answer.topics {
        if topic.error_code == TOPIC_EXISTS && arguments.if_not_exists {
            return Ok(());
        }
        ToolError::check(topic.error_code, topic.error_message.as_deref())?;
    }
    writeln!(out, "Created topic {name}.")?;
    Ok(())
}

fn add_partitions(client: &mut Client, arguments: &Arguments) -> Result<(), ToolError> {
    let names = matching(client, arguments, true)?;
    let count = arguments.partitions.unwrap_or_default();
    let answer =
        client.metadata(Some(&names.iter().map(String::as_str).collect::<Vec<_>>()), false)?;
    let given = arguments.replica_assignment.as_deref().map(assignment).transpose()?;
    let mut topics = Vec::new();
    for topic in answer.topics {
        let name = topic.name.unwrap_or_default();
        // An assignment names all partitions; the broker wants those that are new.
        let new = given.as_ref().map(|partitions| {
            let brokers = |ids: &Vec<i32>| {
                CreatePartitionsAssignment::default().with_broker_ids(broker_ids(ids))
            };
            partitions.iter().skip(topic.partitions.len()).map(brokers).collect()
        });
        topics.push(
            CreatePartitionsTopic::default()
                .with_name(name)
                .with_count(count)
                .with_assignments(new),
        );
    }
    if topics.is_empty() {
        return Ok(());
    }
    let request =
        CreatePartitionsRequest::default().with_topics(topics).with_timeout_ms(TIMEOUT_MS);
    for result in client.ask(To::Any, i16::MAX, &request)?.results {
        ToolError::check(result.error_code, result.error_message.as_deref())?;
    }
    Ok(())
}

fn delete_topics(client: &mut Client, arguments: &Arguments) -> Result<(), ToolError> {
    let names = matching(client, arguments, true)?;
    if names.is_empty() {
        return Ok(());
    }
    let request = |version: i16| {
        let request = DeleteTopicsRequest::default().with_timeout_ms(TIMEOUT_MS);
        if version >= 6 {
            let state =
                |name: &String| DeleteTopicState::default().with_name(Some(topic_name(name)));
            request.with_topics(names.iter().map(state).collect())
        } else {
            request.with_topic_names(names.iter().map(|name| topic_name(name)).collect())
        }
    };
    let answer = client.ask_as::<DeleteTopicsRequest, _>(
        To::Any,
        i16::MAX,
        request,
        std::time::Duration::ZERO,
    )?;
    for result in answer.responses {
        ToolError::check(result.error_code, result.error_message.as_deref())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_names_the_brokers_of_each_partition() {
        assert_eq!(assignment("1:2,2:3").unwrap(), [[1, 2], [2, 3]]);
        assert_eq!(assignment("1,1").unwrap(), [[1], [1]]);
        for wrong in ["1:1", "1:2,3", "a", ""] {
            assert!(assignment(wrong).is_err(), "{wrong:?}");
        }
    }
}
