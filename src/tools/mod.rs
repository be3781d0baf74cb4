//! The commands people type: Kafka's tools under Kafka's names, and under short ones of our own.
//!
//! A tool is found by the name that the binary was called under (`kafka-topics`,
//! `kafka-topics.sh`: links), or by the first argument (`ottla kafka-topics …`, `ottla topics …`).
//! Flags, standard output and exit codes are those of Apache Kafka's; what its tools write to standard
//! error is kept as far as scripts look at it: the names of exceptions. A short name needs no
//! `--bootstrap-server`: it asks the broker on this machine.
//!
//! Each tool is one file that reads its arguments, asks a blocking `client`, and writes. Deliberately
//! absent: anything that a broker would need, and threads, but for the one that reads standard input.

mod api_versions;
mod arguments;
mod client;
mod cluster;
mod configs;
mod consumer;
mod delete_records;
mod dump;
#[cfg(test)]
mod fake_broker;
mod features;
mod groups;
mod health;
mod log_dirs;
mod offsets;
mod output;
mod problem;
mod producer;
mod scram;
mod signals;
mod storage;
mod time;
#[cfg(test)]
mod tools_test;
mod topics;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, FromArgMatches};

use arguments::{Parsed, parse};
use output::{Out, note};
use problem::ToolError;

/// A tool, and the arguments it was called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    row: &'static Row,
    name: String,
    arguments: Vec<OsString>,
}

type Run = fn(&Call, Out<'_>) -> Result<ExitCode, ToolError>;

/// One tool.
#[derive(Debug)]
struct Row {
    /// Kafka's name, without `.sh`.
    kafka: &'static str,
    /// Our short name, as `ottla <name>`.
    short: Option<&'static str>,
    /// What it is for.
    about: &'static str,
    /// Whether the short name needs to be told where the broker is.
    asks_broker: bool,
    run: Run,
    /// How Kafka's tool reports what went wrong.
    complaint: Complaint,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.kafka == other.kafka
    }
}

impl Eq for Row {}

/// How a tool reports what went wrong, beyond naming the exception on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Complaint {
    /// A line on standard output that begins so.
    Printed(&'static str),
    /// Nothing on standard output, and the exception within an ExecutionException.
    Wrapped(&'static str),
    /// A line on standard error that begins so.
    Plain(&'static str),
}

const fn row(
    (kafka, short): (&'static str, Option<&'static str>),
    about: &'static str,
    asks_broker: bool,
    run: Run,
    complaint: Complaint,
) -> Row {
    Row { kafka, short, about, asks_broker, run, complaint }
}

/// Every tool; `ottla --help` lists those with a short name.
static TOOLS: &[Row] = &[
    row(
        ("kafka-topics", Some("topics")),
        "List, describe, create, alter and delete topics",
        true,
        topics::run,
        Complaint::Printed("Error while executing topic command : "),
    ),
    row(
        ("kafka-consumer-groups", Some("groups")),
        "List, describe, reset and delete consumer groups",
        true,
        groups::run,
        Complaint::Printed("\nError: Executing consumer group command failed due to "),
    ),
    row(
        ("kafka-configs", Some("configs")),
        "Describe and alter configs of topics, brokers and others",
        true,
        configs::run,
        Complaint::Wrapped("Error while executing config command"),
    ),
    row(
        ("kafka-console-producer", Some("produce")),
        "Send each line of standard input as a record",
        true,
        producer::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-console-consumer", Some("consume")),
        "Print records to standard output",
        true,
        consumer::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-get-offsets", Some("offsets")),
        "Print where partitions begin, end, or were at a time",
        true,
        offsets::run,
        Complaint::Plain("Error occurred: "),
    ),
    row(
        ("kafka-dump-log", Some("dump")),
        "Decode log files: batches, records, stored offsets",
        false,
        dump::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-health", Some("health")),
        "Exit with 0 if the broker of these settings answers",
        false,
        health::run,
        Complaint::Plain("unhealthy: "),
    ),
    row(
        ("kafka-broker-api-versions", None),
        "Print which versions of which APIs each broker serves",
        true,
        api_versions::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-cluster", None),
        "Print the cluster's id and endpoints",
        true,
        cluster::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-delete-records", None),
        "Delete records up to an offset",
        true,
        delete_records::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-features", None),
        "Print or change the levels of the cluster's features",
        true,
        features::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-log-dirs", None),
        "Print the sizes of partitions on disk",
        true,
        log_dirs::run,
        Complaint::Plain(""),
    ),
    row(
        ("kafka-storage", None),
        "Make a cluster id, prepare a data folder, show what is in it",
        false,
        storage::run,
        Complaint::Plain(""),
    ),
];

/// The tool that this command line calls, if it calls one: by the name of the binary, or by the
/// first argument.
#[must_use]
pub fn called(mut words: impl Iterator<Item = OsString>) -> Option<Call> {
    let binary = words.next().unwrap_or_default();
    let binary = Path::new(&binary).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if let Some(row) = by_kafka_name(binary) {
        return Some(Call { row, name: binary.to_owned(), arguments: words.collect() });
    }
    let first = words.next()?;
    let first = first.to_str()?;
    if let Some(row) = by_kafka_name(first) {
        return Some(Call { row, name: first.to_owned(), arguments: words.collect() });
    }
    let row = TOOLS.iter().find(|row| row.short == Some(first))?;
    let mut arguments: Vec<OsString> = words.collect();
    let given = |word: &OsString| {
        word.to_str().is_some_and(|word| {
            let name = word.split('=').next().unwrap_or_default();
            name.len() > 3 && "--bootstrap-server".starts_with(name)
        })
    };
    if row.asks_broker && !arguments.iter().any(given) {
        arguments.push("--bootstrap-server=localhost:9092".into());
    }
    Some(Call { row, name: format!("ottla {first}"), arguments })
}

fn by_kafka_name(name: &str) -> Option<&'static Row> {
    let name = name.strip_suffix(".sh").unwrap_or(name);
    TOOLS.iter().find(|row| row.kafka == name)
}

/// One line for each tool with a short name, and the names of all, for the help of `ottla`.
#[must_use]
pub fn overview() -> String {
    let mut text = String::from("Tools (each explains itself with --help):\n");
    for row in TOOLS {
        if let Some(short) = row.short {
            text.push_str(&format!("  {short:<9} {}\n", row.about));
        }
    }
    text.push_str(
        "\nThe same under Kafka's names, also as links to this binary, with or without .sh:\n",
    );
    let names: Vec<&str> =
        TOOLS.iter().filter(|row| row.kafka != "kafka-health").map(|row| row.kafka).collect();
    for names in names.chunks(4) {
        text.push_str(&format!("  {}\n", names.join(" ")));
    }
    text
}

impl Call {
    /// Reads the arguments; help and version are written at once.
    fn parse<T: FromArgMatches + Args>(&self, out: Out<'_>) -> Result<Option<T>, ToolError> {
        match parse(&self.name, self.row.about, &self.arguments)? {
            Parsed::Run(arguments) => Ok(Some(arguments)),
            Parsed::Show(text) => {
                write!(out, "{text}")?;
                Ok(None)
            }
        }
    }

    /// Runs the tool on standard input and output.
    #[must_use]
    pub fn run(&self) -> ExitCode {
        let mut out = BufWriter::new(io::stdout().lock());
        let ended = (self.row.run)(self, &mut out).and_then(|code| {
            out.flush()?;
            Ok(code)
        });
        match ended {
            Ok(code) => code,
            // Whoever reads may stop reading: `ottla consume … | head`.
            Err(ToolError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Err(error) => {
                self.complain(&error, &mut out);
                out.flush().unwrap_or_default();
                ExitCode::FAILURE
            }
        }
    }

    fn complain(&self, error: &ToolError, out: Out<'_>) {
        if let ToolError::Usage(text) = error {
            note(text.trim_end());
            return;
        }
        // What was written before comes before.
        out.flush().unwrap_or_default();
        let class = error.class();
        match self.row.complaint {
            Complaint::Printed(prefix) => {
                // Standard output is gone where this fails; standard error has the rest.
                writeln!(out, "{prefix}{error}").unwrap_or_default();
                out.flush().unwrap_or_default();
                note(&format!("ERROR {class}: {error}"));
            }
            Complaint::Wrapped(prefix) => {
                note(prefix);
                note(&format!("java.util.concurrent.ExecutionException: {class}: {error}"));
            }
            Complaint::Plain(prefix) => {
                note(&format!("{prefix}{error}"));
                if error.code().is_some() {
                    note(&format!("ERROR {class}"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &[&str]) -> Option<(String, Vec<String>)> {
        let call = called(words.iter().map(OsString::from))?;
        let arguments = call.arguments.iter().map(|word| word.to_str().unwrap().to_owned());
        Some((call.row.kafka.to_owned(), arguments.collect()))
    }

    fn found(tool: &str, arguments: &[&str]) -> Option<(String, Vec<String>)> {
        Some((tool.to_owned(), arguments.iter().map(|word| (*word).to_owned()).collect()))
    }

    #[test]
    fn a_link_is_the_tool_that_it_is_called() {
        let expected = found("kafka-topics", &["--list"]);
        assert_eq!(call(&["/opt/kafka/bin/kafka-topics.sh", "--list"]), expected);
        assert_eq!(call(&["kafka-topics", "--list"]), expected);
        assert_eq!(call(&["ottla", "kafka-topics.sh", "--list"]), expected);
    }

    #[test]
    fn a_short_name_asks_the_broker_on_this_machine() {
        let local = "--bootstrap-server=localhost:9092";
        assert_eq!(call(&["ottla", "topics", "--list"]), found("kafka-topics", &["--list", local]));
        for given in ["--bootstrap-server", "--bootstrap-server=x:1", "--bootstrap"] {
            assert_eq!(call(&["ottla", "groups", given]), found("kafka-consumer-groups", &[given]));
        }
        assert_eq!(call(&["ottla", "dump", "x.log"]), found("kafka-dump-log", &["x.log"]));
    }

    #[test]
    fn everything_else_is_the_brokers() {
        for words in [&["ottla"][..], &["ottla", "serve"], &["ottla", "--data", "topics"]] {
            assert_eq!(call(words), None);
        }
        assert_eq!(call(&[]), None);
    }

    #[test]
    fn the_overview_names_every_tool() {
        let text = overview();
        for row in TOOLS.iter().filter(|row| row.short.is_none()) {
            assert!(text.contains(row.kafka), "{}", row.kafka);
        }
    }
}
