//! kafka-console-producer: each line of standard input becomes a record.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ottla_actors::types::{Codec, CompressionTarget};

use super::Call;
use super::arguments::{Connect, layered};
use super::output::{Out, Progress, note};
use super::problem::ToolError;

mod lines;
mod send;

use lines::LineFormat;
use send::{SendSettings, Sender};

/// Lines read ahead of the broker.
const LINES_AHEAD: usize = 4096;

#[derive(Debug, Args)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// The topic
    #[arg(long)]
    topic: String,
    /// Wait for each record to be acknowledged before the next is read
    #[arg(long)]
    sync: bool,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(long, value_name = "CODEC", num_args = 0..=1, default_missing_value = "gzip")]
    compression_codec: Option<String>,
    /// Bytes of one batch
    #[arg(long, value_name = "BYTES")]
    batch_size: Option<usize>,
    /// ms that a record may wait for others
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    /// 0, 1 or all
    #[arg(long, value_name = "ACKS", allow_negative_numbers = true)]
    request_required_acks: Option<String>,
    /// How lines are read: parse.key, key.separator, parse.headers, headers.delimiter,
    /// headers.separator, headers.key.separator, null.marker, ignore.error
    #[arg(long, value_name = "NAME=VALUE")]
    reader_property: Vec<String>,
    /// Old name of --reader-property
    #[arg(long, value_name = "NAME=VALUE")]
    property: Vec<String>,
    /// File of properties of the reader
    #[arg(long, value_name = "FILE")]
    reader_config: Option<std::path::PathBuf>,
    /// Settings of the producer: acks, compression.type, linger.ms, batch.size, enable.idempotence
    #[arg(long, value_name = "NAME=VALUE", alias = "command-property")]
    producer_property: Vec<String>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    line_reader: Option<String>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    max_block_ms: Option<u64>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    message_send_max_retries: Option<u32>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    retry_backoff_ms: Option<u64>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    max_memory_bytes: Option<u64>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    max_partition_memory_bytes: Option<u64>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    metadata_expiry_ms: Option<u64>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    socket_buffer_size: Option<u64>,
    /// Accepted for Kafka's sake
    #[arg(long, hide = true)]
    request_timeout_ms: Option<u64>,
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    if !arguments.property.is_empty() {
        writeln!(
            out,
            "Warning: --property is deprecated and will be removed in a future version. Use --reader-property instead."
        )?;
        out.flush()?;
    }
    if let Some(class) =
        arguments.line_reader.as_deref().filter(|c| !c.ends_with("LineMessageReader"))
    {
        return Err(ToolError::Argument(format!("--line-reader {class}: only lines are read")));
    }
    let mut properties = arguments.connect.properties_with(&arguments.producer_property)?;
    if let Some(timeout) = arguments.request_timeout_ms {
        properties.insert("request.timeout.ms".to_owned(), timeout.to_string());
    }
    let settings = send_settings(&arguments, &properties)?;
    let reading = layered(
        arguments.reader_config.as_deref(),
        &[&arguments.property, &arguments.reader_property],
    )?;
    let format = LineFormat::parse(&reading)?;
    let client = arguments.connect.client_with(&properties)?;
    let mut sender = Sender::start(client, &arguments.topic, settings)?;
    let refused = produce(&mut sender, &format, arguments.sync)?;
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn send_settings(
    arguments: &Arguments,
    properties: &BTreeMap<String, String>,
) -> Result<SendSettings, ToolError> {
    let property = |name: &str| properties.get(name).map(String::as_str);
    let number =
        |name: &str| match property(name) {
            None => Ok(None),
            Some(value) => value.trim().parse::<u64>().map(Some).map_err(|_| {
                ToolError::Argument(format!("{name} is {value:?}, expected a number"))
            }),
        };
    let acks =
        arguments.request_required_acks.as_deref().or_else(|| property("acks")).unwrap_or("-1");
    let acks = match acks {
        "all" | "-1" => -1,
        "1" => 1,
        "0" => 0,
        other => {
            return Err(ToolError::Argument(format!("acks is {other:?}, expected 0, 1 or all")));
        }
    };
    let codec = arguments.compression_codec.as_deref().or_else(|| property("compression.type"));
    let codec = match codec.unwrap_or("none") {
        "none" => Codec::None,
        other => Codec::from_name(other).ok_or_else(|| {
            ToolError::Argument(format!(
                "compression is {other:?}, expected none, gzip, snappy, lz4 or zstd"
            ))
        })?,
    };
    let linger = number("linger.ms")?.or(arguments.timeout).unwrap_or(0);
    let batch = number("batch.size")?.and_then(|size| usize::try_from(size).ok());
    Ok(SendSettings {
        acks,
        compression: CompressionTarget::with_default_level(codec),
        linger: Duration::from_millis(linger),
        batch_bytes: batch.or(arguments.batch_size).unwrap_or(256 << 10),
        idempotent: acks == -1 && property("enable.idempotence") != Some("false"),
    })
}

/// Reads lines on a thread of their own, so that a pause at the keyboard can be noticed.
fn read_lines() -> Result<Receiver<io::Result<Vec<u8>>>, ToolError> {
    let (lines, inbox) = sync_channel(LINES_AHEAD);
    thread::Builder::new().name("lines".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line);
            let (ended, line) = match read {
                Ok(0) => return,
                Ok(_) => (false, Ok(without_line_end(line))),
                Err(error) => (true, Err(error)),
            };
            if lines.send(line).is_err() || ended {
                return;
            }
        }
    })?;
    Ok(inbox)
}

fn without_line_end(mut line: Vec<u8>) -> Vec<u8> {
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    line
}

/// Sends until the input ends; how many records were refused.
fn produce(sender: &mut Sender, format: &LineFormat, sync: bool) -> Result<u64, ToolError> {
    let prompt = io::stdin().is_terminal();
    let ask = || {
        if prompt {
            write!(io::stderr(), ">").unwrap_or_default();
        }
    };
    let lines = read_lines()?;
    let mut progress = Progress::new();
    let (mut count, mut refused, mut number) = (0_u64, 0_u64, 0_u64);
    ask();
    // Sleeps until there is a line, then takes all that are there, and what comes within the linger
    // time, into batches that travel together.
    'input: while let Ok(first) = lines.recv() {
        let mut next = Some(first);
        let linger_end = Instant::now() + sender.linger();
        while let Some(line) = next.take() {
            number += 1;
            if let Some(record) = format.record(&line?, number)? {
                sender.add(&record);
                count += 1;
            }
            if sync || sender.is_full() {
                break;
            }
            let wait = linger_end.saturating_duration_since(Instant::now());
            next = match lines.recv_timeout(wait) {
                Ok(line) => Some(line),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => {
                    refused += sender.flush()?;
                    break 'input;
                }
            };
        }
        refused += sender.flush()?;
        if !prompt && count.is_multiple_of(1000) {
            progress.at(&format!("{count} records sent"));
        }
        ask();
    }
    drop(progress);
    if refused > 0 {
        note(&format!("{refused} of {count} records were refused"));
    }
    Ok(refused)
}
