//! kafka-dump-log: decodes log files, batch by batch.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ottla_actors::controller::decode_batch;
use ottla_actors::group::{Decoded, GroupValue, OffsetValue, Record, decode};
use ottla_actors::types::Codec;
use ottla_actors::wire::{BatchHeader, PlacedRecord, Records, crc_of, sequence_after};
use serde_json::{Value, json};

use super::Call;
use super::output::{Out, Progress, note};
use super::problem::ToolError;

/// Most that the records of one batch may unfold to.
const BATCH_BYTES_MAX: usize = 1 << 30;

#[derive(Debug, Args)]
struct Arguments {
    /// Log files, or folders of them
    #[arg(value_name = "FILE", required_unless_present = "files")]
    paths: Vec<PathBuf>,
    /// The same, as Kafka's tool takes them
    #[arg(long, value_name = "FILE,…", value_delimiter = ',')]
    files: Vec<PathBuf>,
    /// Show each record with key and value
    #[arg(long)]
    print_data_log: bool,
    /// Show each record
    #[arg(long)]
    deep_iteration: bool,
    /// Decode records of __consumer_offsets; implies --print-data-log
    #[arg(long)]
    offsets_decoder: bool,
    /// Decode records of the metadata log; implies --print-data-log
    #[arg(long)]
    cluster_metadata_decoder: bool,
    /// Show keys and values without the rest
    #[arg(long)]
    skip_record_metadata: bool,
    /// Read only so many bytes of each file
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// Show only so many batches of each file
    #[arg(long, value_name = "COUNT")]
    max_batches: Option<u64>,
}

impl Arguments {
    const fn shows_content(&self) -> bool {
        self.print_data_log || self.offsets_decoder || self.cluster_metadata_decoder
    }

    const fn shows_records(&self) -> bool {
        self.deep_iteration || self.shows_content()
    }
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(arguments) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut logs = Vec::new();
    for path in arguments.paths.iter().chain(&arguments.files) {
        find_logs(path, &mut logs)?;
    }
    if logs.is_empty() {
        return Err(ToolError::Argument("there are no log files".to_owned()));
    }
    let mut sound = true;
    let mut progress = Progress::new();
    for (at, log) in logs.iter().enumerate() {
        if logs.len() > 1 {
            progress.at(&format!("{} of {} files", at + 1, logs.len()));
        }
        sound &= dump(log, &arguments, out)?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn broken(path: &Path, error: &std::io::Error) -> ToolError {
    ToolError::File(format!("{}: {error}", path.display()))
}

/// The file, or the log files below the folder, in order.
fn find_logs(path: &Path, logs: &mut Vec<PathBuf>) -> Result<(), ToolError> {
    if !path.is_dir() {
        logs.push(path.to_owned());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| broken(path, &error))? {
        entries.push(entry.map_err(|error| broken(path, &error))?.path());
    }
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            find_logs(&entry, logs)?;
        } else if entry.extension().is_some_and(|extension| extension == "log") {
            logs.push(entry);
        }
    }
    Ok(())
}

/// Shows one file; whether all of it is sound.
fn dump(path: &Path, arguments: &Arguments, out: Out<'_>) -> Result<bool, ToolError> {
    let bytes = fs::read(path).map_err(|error| broken(path, &error))?;
    let limit = arguments.max_bytes.and_then(|limit| usize::try_from(limit).ok());
    let bytes = bytes.get(..limit.unwrap_or(bytes.len()).min(bytes.len())).unwrap_or_default();
    writeln!(out, "Dumping {}", path.display())?;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    if let Ok(start) = stem.parse::<i64>() {
        writeln!(out, "Log starting offset: {start}")?;
    }
    let (mut position, mut sound, mut batches) = (0, true, 0);
    while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
        let header = match BatchHeader::parse(rest) {
            Ok(header) if header.size_bytes <= rest.len() => header,
            Ok(_) | Err(_) => {
                if limit.is_none() {
                    note(&format!(
                        "Found {} invalid bytes at the end of {}",
                        rest.len(),
                        path.display()
                    ));
                    // Room that a file was given in advance is not damage.
                    sound &= rest.iter().all(|byte| *byte == 0);
                }
                break;
            }
        };
        if arguments.max_batches.is_some_and(|most| batches >= most) {
            break;
        }
        batches += 1;
        let batch = rest.get(..header.size_bytes).unwrap_or_default();
        let valid = crc_of(batch) == header.crc;
        sound &= valid;
        if !arguments.skip_record_metadata {
            writeln!(out, "{}", batch_line(&header, position, valid))?;
        }
        if arguments.shows_records() {
            sound &= dump_records(batch, arguments, out)?;
        }
        position += header.size_bytes;
    }
    Ok(sound)
}

const fn time_name(header: &BatchHeader) -> &'static str {
    if header.is_log_append_time() { "LogAppendTime" } else { "CreateTime" }
}

fn batch_line(header: &BatchHeader, position: usize, valid: bool) -> String {
    let codec = match Codec::from_attributes(header.attributes) {
        Some(Codec::None) => "none".to_owned(),
        Some(codec) => codec.name().to_owned(),
        None => format!("unknown ({})", header.codec()),
    };
    let horizon = if header.has_delete_horizon() {
        format!("OptionalLong[{}]", header.base_timestamp)
    } else {
        "OptionalLong.empty".to_owned()
    };
    format!(
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {horizon} position: {position} {}: {} size: {} magic: 2 compresscodec: {codec} crc: {} isvalid: {valid}",
        header.base_offset,
        header.last_offset(),
        header.record_count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.leader_epoch,
        header.is_transactional(),
        header.is_control(),
        time_name(header),
        header.max_timestamp,
        header.size_bytes,
        header.crc,
    )
}

/// Shows the records of a batch; whether all can be read.
fn dump_records(batch: &[u8], arguments: &Arguments, out: Out<'_>) -> Result<bool, ToolError> {
    let records = match Records::open(batch, BATCH_BYTES_MAX) {
        Ok(records) => records,
        Err(error) => {
            writeln!(out, "| unreadable: {error}")?;
            return Ok(false);
        }
    };
    let metadata = if arguments.cluster_metadata_decoder {
        decode_batch(batch).map_err(|error| error.to_string())
    } else {
        Ok(Vec::new())
    };
    for (at, record) in records.iter().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                writeln!(out, "| unreadable: {error}")?;
                return Ok(false);
            }
        };
        let content = if records.header.is_control() {
            marker(&record)
        } else if arguments.cluster_metadata_decoder {
            match &metadata {
                Ok(records) => records
                    .get(at)
                    .map(|record| format!(" payload: {record:?}"))
                    .unwrap_or_default(),
                Err(error) => format!(" undecodable: {error}"),
            }
        } else if arguments.offsets_decoder {
            let (key, value) = (record.record.key.unwrap_or_default(), record.record.value);
            format!(" {}", describe_offsets_record(key, value))
        } else if arguments.shows_content() {
            let shown = |name: &str, bytes: Option<&[u8]>| {
                bytes.map(|bytes| format!(" {name}: {}", String::from_utf8_lossy(bytes)))
            };
            let key = shown("key", record.record.key).unwrap_or_default();
            key + &shown("payload", record.record.value).unwrap_or_default()
        } else {
            String::new()
        };
        let metadata = if arguments.skip_record_metadata {
            String::new()
        } else {
            format!(" {}", record_line(&records.header, &record))
        };
        writeln!(out, "|{metadata}{content}")?;
    }
    Ok(true)
}

fn record_line(header: &BatchHeader, record: &PlacedRecord<'_>) -> String {
    let size = |bytes: Option<&[u8]>| {
        bytes.map_or_else(|| "-1".to_owned(), |bytes| bytes.len().to_string())
    };
    let sequence = if header.base_sequence < 0 {
        -1
    } else {
        sequence_after(header.base_sequence, record.record.offset_delta)
    };
    let headers: Vec<String> = record
        .record
        .headers()
        .map(|header| String::from_utf8_lossy(header.key).into_owned())
        .collect();
    format!(
        "offset: {} {}: {} keySize: {} valueSize: {} sequence: {sequence} headerKeys: [{}]",
        record.offset,
        time_name(header),
        record.timestamp,
        size(record.record.key),
        size(record.record.value),
        headers.join(",")
    )
}

/// The end of a transaction: key version i16, type i16; value version i16, coordinator epoch i32.
fn marker(record: &PlacedRecord<'_>) -> String {
    let key = record.record.key.unwrap_or_default();
    let name = match key.get(2..4) {
        Some([0, 0]) => "ABORT",
        Some([0, 1]) => "COMMIT",
        Some(_) | None => return String::new(),
    };
    let value = record.record.value.unwrap_or_default();
    let epoch = value.get(2..).and_then(|bytes| bytes.first_chunk());
    let epoch = epoch.map_or(-1, |bytes| i32::from_be_bytes(*bytes));
    format!(" endTxnMarker: {name} coordinatorEpoch: {epoch}")
}

/// What a record of `__consumer_offsets` says, as `key: {…} payload: {…}` in JSON.
pub(super) fn describe_offsets_record(key: &[u8], value: Option<&[u8]>) -> String {
    let kind = key.first_chunk().map_or(-1, |bytes| i16::from_be_bytes(*bytes));
    let (data, payload) = match decode(key, value) {
        Err(error) => return format!("undecodable: {error}"),
        Ok(Decoded::Other(kind)) => return format!("key: {{\"type\":\"{kind}\"}} of another kind"),
        Ok(Decoded::Group { group_id, record: Record::Group(value) }) => {
            (json!({ "group": group_id }), value.as_ref().map(group))
        }
        Ok(Decoded::Group { group_id, record: Record::Offset { topic, partition, value } }) => (
            json!({ "group": group_id, "topic": topic.as_str(), "partition": partition }),
            value.as_ref().map(position),
        ),
    };
    let version = value.and_then(|value| value.first_chunk());
    let payload = match (payload, version) {
        (Some(data), Some(version)) => {
            let version = i16::from_be_bytes(*version).to_string();
            json!({ "version": version, "data": data })
        }
        _ => Value::Null,
    };
    let key = json!({ "type": kind.to_string(), "data": data });
    format!("key: {key} payload: {payload}")
}

fn position(value: &OffsetValue) -> Value {
    json!({
        "offset": value.offset,
        "leaderEpoch": value.leader_epoch,
        "metadata": value.metadata,
        "commitTimestamp": value.commit_timestamp.0,
        "expireTimestamp": value.expire_timestamp.map(|at| at.0),
    })
}

fn group(value: &GroupValue) -> Value {
    let member = |member: &ottla_actors::group::MemberValue| {
        json!({
            "memberId": member.member_id.to_string(),
            "groupInstanceId": member.group_instance_id.as_ref().map(ToString::to_string),
            "clientId": member.client_id,
            "clientHost": member.client_host,
            "assignedPartitions": super::client::member_partitions(&member.assignment)
                .iter()
                .map(|place| format!("{}-{}", place.topic, place.partition))
                .collect::<Vec<_>>(),
        })
    };
    json!({
        "protocolType": value.protocol_type,
        "generation": value.generation,
        "protocol": value.protocol,
        "leader": value.leader.as_ref().map(ToString::to_string),
        "currentStateTimestamp": value.state_timestamp.map(|at| at.0),
        "members": value.members.iter().map(member).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::FromArgMatches as _;
    use ottla_actors::types::{Timestamp, TopicName};
    use ottla_actors::wire::{BatchBuilder, Header};

    fn dumped(bytes: &[u8], options: &[&str]) -> (bool, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("00000000000000000007.log");
        fs::write(&file, bytes).unwrap();
        let command = Arguments::augment_args(clap::Command::new("t"));
        let words = [&["t", file.to_str().unwrap()], options].concat();
        let arguments = Arguments::from_arg_matches(&command.get_matches_from(words)).unwrap();
        let mut out = Vec::new();
        let sound = dump(&file, &arguments, &mut out).unwrap();
        (sound, String::from_utf8(out).unwrap())
    }

    fn batch() -> Vec<u8> {
        let mut batch = BatchBuilder::new();
        batch.record(5, None, Some(b"one"));
        let headers = [Header { key: b"h", value: None }];
        batch.record_with_headers(6, Some(b"k"), Some(b"two"), &headers);
        batch.build().to_vec()
    }

    #[test]
    fn a_batch_is_shown_as_kafkas_tool_does() {
        let (sound, text) = dumped(&batch(), &["--print-data-log"]);

        assert!(sound);
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(lines[0], "Log starting offset: 7");
        assert!(lines[1].starts_with("baseOffset: 0 lastOffset: 1 count: 2 baseSequence: -1 lastSequence: -1 producerId: -1 producerEpoch: -1 partitionLeaderEpoch: -1 isTransactional: false isControl: false deleteHorizonMs: OptionalLong.empty position: 0 CreateTime: 6 size: "), "{}", lines[1]);
        assert!(lines[1].ends_with(" isvalid: true"));
        assert_eq!(
            lines[2],
            "| offset: 0 CreateTime: 5 keySize: -1 valueSize: 3 sequence: -1 headerKeys: [] payload: one"
        );
        assert_eq!(
            lines[3],
            "| offset: 1 CreateTime: 6 keySize: 1 valueSize: 3 sequence: -1 headerKeys: [h] key: k payload: two"
        );
    }

    #[test]
    fn damage_is_shown_and_is_a_failure() {
        let mut bytes = batch();
        *bytes.last_mut().unwrap() ^= 1;
        let (sound, text) = dumped(&bytes, &[]);
        assert!(!sound && text.contains("isvalid: false"), "{text}");

        let torn = &batch()[..70];
        assert!(!dumped(torn, &[]).0);
        let roomy = [batch(), vec![0; 100]].concat();
        assert!(dumped(&roomy, &[]).0);
    }

    #[test]
    fn stored_offsets_are_readable() {
        let record = Record::Offset {
            topic: TopicName::parse("in").unwrap(),
            partition: 3,
            value: Some(OffsetValue {
                offset: 42,
                leader_epoch: 0,
                metadata: "m".to_owned(),
                commit_timestamp: Timestamp(9),
                expire_timestamp: None,
            }),
        };
        let (key, value) = record.encode("g");

        let shown = describe_offsets_record(&key, value.as_deref());

        assert!(shown.contains(r#""group":"g""#) && shown.contains(r#""offset":42"#), "{shown}");
        assert!(describe_offsets_record(&key, None).ends_with("payload: null"));
        assert!(describe_offsets_record(b"\0\x01\0\xff", None).starts_with("undecodable"));
    }
}
