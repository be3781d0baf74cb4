//! kafka-console-consumer: prints records to standard output.
//!
//! With `--group` it is a member of that group, by the classic protocol. Without, it reads by itself
//! and leaves no group behind.

mod format;
mod member;
mod reader;
mod session;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use super::Call;
use super::arguments::{Connect, TopicFilter, layered};
use super::client::{Client, Moment, TopicPartition};
use super::output::{Out, note};
use super::problem::ToolError;
use super::signals::Stop;

use format::{Formatter, Kind};
use member::Member;
use reader::{Reader, Taken};
use session::{Alone, Session};

/// How long a fetch waits for records, and so how soon a signal is heard.
const FETCH_WAIT: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// The topic
    #[arg(long, conflicts_with = "include")]
    topic: Option<String>,
    /// Topics as a pattern
    #[arg(long, value_name = "PATTERN", alias = "whitelist")]
    include: Option<String>,
    /// Only this partition; begins at the end without --offset
    #[arg(long)]
    partition: Option<i32>,
    /// Where to begin: an offset, earliest or latest; a negative number counts from the end
    #[arg(long, value_name = "OFFSET", requires = "partition", allow_negative_numbers = true)]
    offset: Option<String>,
    /// Begin at the start where there is no position yet
    #[arg(long)]
    from_beginning: bool,
    /// End after so many records
    #[arg(long, value_name = "COUNT")]
    max_messages: Option<u64>,
    /// End after so many ms without a record
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    timeout_ms: Option<i64>,
    /// Be a member of this group
    #[arg(long)]
    group: Option<String>,
    /// What is printed: print.key, print.value, print.timestamp, print.partition, print.offset,
    /// print.headers, print.epoch, key.separator, line.separator, headers.separator, null.literal
    #[arg(long, value_name = "NAME=VALUE")]
    formatter_property: Vec<String>,
    /// Old name of --formatter-property
    #[arg(long, value_name = "NAME=VALUE")]
    property: Vec<String>,
    /// File of properties of the formatter
    #[arg(long, value_name = "FILE")]
    formatter_config: Option<std::path::PathBuf>,
    /// DefaultMessageFormatter, LoggingMessageFormatter, NoOpMessageFormatter, OffsetsMessageFormatter
    /// or GroupMetadataMessageFormatter, with or without its package
    #[arg(long, value_name = "CLASS")]
    formatter: Option<String>,
    /// Settings of the consumer: group.id, auto.offset.reset, enable.auto.commit, client.id, …
    #[arg(long, value_name = "NAME=VALUE", alias = "command-property")]
    consumer_property: Vec<String>,
    /// read_committed or read_uncommitted
    #[arg(long, value_name = "LEVEL")]
    isolation_level: Option<String>,
    /// Go on behind a batch that cannot be read
    #[arg(long)]
    skip_message_on_error: bool,
    /// Accepted for Kafka's sake: bytes are printed as they are
    #[arg(long, hide = true)]
    key_deserializer: Option<String>,
    /// Accepted for Kafka's sake: bytes are printed as they are
    #[arg(long, hide = true)]
    value_deserializer: Option<String>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    enable_systest_events: bool,
}

/// What decides where reading begins and ends.
#[derive(Debug)]
struct Plan {
    reset: Moment,
    committed_only: bool,
    group: Option<String>,
    auto_commit: bool,
    session_timeout: Duration,
    max_messages: u64,
    timeout: Option<Duration>,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    if !arguments.property.is_empty() {
        writeln!(
            out,
            "Option --property is deprecated and will be removed in a future version. Use --formatter-property instead."
        )?;
        out.flush()?;
    }
    if arguments.topic.is_none() && arguments.include.is_none() {
        return Err(ToolError::Usage("Exactly one of --include/--topic is required.".to_owned()));
    }
    if arguments.partition.is_some() && (arguments.topic.is_none() || arguments.group.is_some()) {
        return Err(ToolError::Usage(
            "The topic is required when partition is specified, and a group is not allowed."
                .to_owned(),
        ));
    }
    if arguments.from_beginning && arguments.offset.is_some() {
        return Err(ToolError::Usage(
            "Options from-beginning and offset cannot be specified together.".to_owned(),
        ));
    }
    let properties = arguments.connect.properties_with(&arguments.consumer_property)?;
    let plan = plan(&arguments, &properties)?;
    let printing = layered(
        arguments.formatter_config.as_deref(),
        &[&arguments.property, &arguments.formatter_property],
    )?;
    let kind = Kind::parse(arguments.formatter.as_deref())?;
    let formatter = Formatter::parse(kind, &printing)?;
    let client = arguments.connect.client_with(&properties)?;
    let reader = Reader::new(client, plan.committed_only, arguments.skip_message_on_error);
    let mut session = session(&arguments, &plan, reader)?;
    let stop = Stop::listen()?;
    let mut count = 0;
    let ended = consume(&mut session, &plan, &formatter, &stop, &mut count, out);
    // Positions of what was printed are stored, however it ended.
    let closed = session.close();
    note(&format!("Processed a total of {count} messages"));
    ended.and(closed)?;
    Ok(ExitCode::SUCCESS)
}

fn plan(arguments: &Arguments, given: &BTreeMap<String, String>) -> Result<Plan, ToolError> {
    let property = |name: &str| given.get(name).map(String::as_str);
    let reset = if arguments.from_beginning {
        Moment::Earliest
    } else {
        match property("auto.offset.reset") {
            Some("earliest") => Moment::Earliest,
            None | Some("latest") => Moment::Latest,
            Some(other) => {
                return Err(ToolError::Argument(format!(
                    "auto.offset.reset is {other:?}, expected earliest or latest"
                )));
            }
        }
    };
    let level = arguments.isolation_level.as_deref().or_else(|| property("isolation.level"));
    let committed_only = match level {
        None | Some("read_uncommitted") => false,
        Some("read_committed") => true,
        Some(other) => {
            return Err(ToolError::Argument(format!(
                "isolation level is {other:?}, expected read_committed or read_uncommitted"
            )));
        }
    };
    let session = property("session.timeout.ms").and_then(|value| value.parse().ok());
    Ok(Plan {
        reset,
        committed_only,
        group: arguments.group.clone().or_else(|| property("group.id").map(ToOwned::to_owned)),
        auto_commit: property("enable.auto.commit") != Some("false"),
        session_timeout: Duration::from_millis(session.unwrap_or(45_000)),
        max_messages: arguments.max_messages.unwrap_or(u64::MAX),
        timeout: arguments
            .timeout_ms
            .and_then(|timeout| u64::try_from(timeout).ok())
            .map(Duration::from_millis),
    })
}

fn session(arguments: &Arguments, plan: &Plan, mut reader: Reader) -> Result<Session, ToolError> {
    if let (Some(topic), Some(partition)) = (arguments.topic.as_deref(), arguments.partition) {
        let place = TopicPartition::new(topic, partition);
        let offset = first_offset(reader.client(), &place, arguments, plan)?;
        reader.assign(BTreeMap::from([(place, offset)]))?;
        return Ok(Session::Fixed(reader));
    }
    let pattern = match (arguments.include.as_deref(), arguments.topic.as_deref()) {
        (Some(pattern), _) => Some(TopicFilter::parse(pattern)?),
        (None, _) => None,
    };
    let topic = arguments.topic.clone().unwrap_or_default();
    let alone = Alone::new(reader, topic, pattern, plan.reset);
    match &plan.group {
        None => Ok(Session::Alone(alone)),
        Some(group) => {
            let member = Member::new(group, plan.session_timeout, plan.auto_commit);
            Ok(Session::Group(alone, member))
        }
    }
}

/// Where `--partition` begins.
fn first_offset(
    client: &mut Client,
    place: &TopicPartition,
    arguments: &Arguments,
    plan: &Plan,
) -> Result<i64, ToolError> {
    let at = |client: &mut Client, moment| {
        let found = client.offsets_at([place], moment)?;
        found.get(place).copied().ok_or_else(|| {
            ToolError::Argument(format!("{}-{} does not exist", place.topic, place.partition))
        })
    };
    match arguments.offset.as_deref() {
        None => at(client, plan.reset),
        Some("earliest") => at(client, Moment::Earliest),
        Some("latest") => at(client, Moment::Latest),
        Some(text) => {
            let offset: i64 = text.parse().map_err(|_| {
                ToolError::Argument(format!(
                    "The provided offset value '{text}' is incorrect. Valid values are 'earliest', 'latest', or a non-negative long."
                ))
            })?;
            if offset >= 0 {
                return Ok(offset);
            }
            let start = at(client, Moment::Earliest)?;
            Ok(at(client, Moment::Latest)?.saturating_add(offset).max(start))
        }
    }
}

fn consume(
    session: &mut Session,
    plan: &Plan,
    formatter: &Formatter,
    stop: &Stop,
    count: &mut u64,
    out: Out<'_>,
) -> Result<(), ToolError> {
    let mut last = Instant::now();
    while *count < plan.max_messages && !stop.is_asked() {
        let quiet = last.elapsed();
        let wait = match plan.timeout {
            None => FETCH_WAIT,
            Some(timeout) => {
                let Some(left) = timeout.checked_sub(quiet).filter(|left| !left.is_zero()) else {
                    note(
                        "ERROR Error processing message, terminating consumer process: org.apache.kafka.common.errors.TimeoutException",
                    );
                    return Ok(());
                };
                left.min(FETCH_WAIT)
            }
        };
        let polled = session.poll(wait, &mut |record| {
            if *count >= plan.max_messages {
                return Ok(Taken::Left);
            }
            formatter.write(record, out)?;
            *count += 1;
            Ok(Taken::Printed)
        })?;
        if polled > 0 {
            // Nothing printed waits in a buffer while the next records are waited for.
            out.flush()?;
            last = Instant::now();
        }
    }
    Ok(())
}
