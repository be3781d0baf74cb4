//! ListOffsets (key 2), versions 1 to 11.
//!
//! Finds the offset of a timestamp, of the log's ends, or of the record with the largest
//! timestamp.
//! v2 isolation level · v4 leader epochs · v6 flexible · v7 -3 max timestamp · v8 -4 earliest local ·
//! v9 -5 latest tiered · v10 timeout · v11 -6 earliest pending upload
//! Looking a timestamp up reads the disk: a reader thread does it, to the record.
//! Not done: tiers, so -4 is -2, and -5 and -6 find nothing.

use super::answer::{Answer, Ask};
use super::fetch_read::check_leader_epoch;
use super::named::Named;
use crate::partition::Partition;
use crate::types::{ErrorCode, LeaderEpoch, Offset};
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use tokio::sync::oneshot;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// What is looked for on a reader thread.
#[derive(Clone, Copy)]
enum Search {
    Timestamp(i64),
    MaxTimestamp,
}

/// One partition's answer, or the search that brings it.
enum Part {
    Now(ListOffsetsPartitionResponse),
    Later { index: i32, search: Search, partition: Partition },
}

type Hit = (Offset, i64, LeaderEpoch);

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(ask: &mut Ask<'_>, request: ListOffsetsRequest) -> Answer<ListOffsetsResponse> {
    let image = ask.broker.registry.image();
    let mut named = Named::nothing();
    let mut searches = Vec::new();
    let mut response = ListOffsetsResponse::default();
    for (topic_at, topic) in request.topics.iter().enumerate() {
        let known = image.topic(topic.name.as_str());
        let of_topic = named.of(topic.name.as_str());
        let mut answers = Vec::with_capacity(topic.partitions.len());
        for (at, wanted) in topic.partitions.iter().enumerate() {
            let index = wanted.partition_index;
            let target = known.and_then(|topic| topic.partition(index));
            let part = match target {
                _ if !of_topic.insert(index) => {
                    Part::Now(refused(index, ErrorCode::InvalidRequest))
                }
                None => Part::Now(refused(index, ErrorCode::UnknownTopicOrPartition)),
                Some(target) => look(ask.version, wanted, &target.partition),
            };
            match part {
                Part::Now(answer) => answers.push(answer),
                Part::Later { index, search, partition } => {
                    answers.push(nothing(index));
                    searches.push(((topic_at, at), search, partition));
                }
            }
        }
        response.topics.push(
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(answers),
        );
    }
    if searches.is_empty() {
        return Answer::Now(response);
    }
    search_later(ask, searches, response)
}

fn search_later(
    ask: &Ask<'_>,
    searches: Vec<((usize, usize), Search, Partition)>,
    mut response: ListOffsetsResponse,
) -> Answer<ListOffsetsResponse> {
    let version = ask.version;
    let (sender, results) = oneshot::channel();
    ask.broker.storage.readers().run(Box::new(move || {
        let find = |(place, search, partition): ((usize, usize), Search, Partition)| {
            (place, find(search, &partition))
        };
        let found: Vec<_> = searches.into_iter().map(find).collect();
        // The connection may be gone by now; then nobody wants the offsets.
        drop(sender.send(found));
    }));
    Answer::later(async move {
        for ((topic_at, at), result) in results.await.unwrap_or_default() {
            let answer =
                response.topics.get_mut(topic_at).and_then(|topic| topic.partitions.get_mut(at));
            let Some(answer) = answer else { continue };
            let index = answer.partition_index;
            *answer = match result {
                Ok(Some(hit)) => found(version, index, hit),
                Ok(None) => nothing(index),
                Err(error) => refused(index, error),
            };
        }
        response
    })
}

/// Answers what the watermarks tell; the rest is a search.
fn look(version: i16, wanted: &ListOffsetsPartition, partition: &Partition) -> Part {
    let index = wanted.partition_index;
    let log = partition.log();
    let epoch = partition.view().leader_epoch();
    if let Some(error) = check_leader_epoch(wanted.current_leader_epoch, epoch.0) {
        return Part::Now(refused(index, error));
    }
    if log.offline().is_some() {
        return Part::Now(refused(index, ErrorCode::KafkaStorageError));
    }
    let at_end = |offset| {
        // Kafka tells the epoch of the record before the log's end, and of the first at its start.
        found(version, index, (offset, -1, log.latest_epoch().unwrap_or(epoch)))
    };
    match wanted.timestamp {
        LATEST => Part::Now(at_end(partition.view().high_watermark())),
        EARLIEST => Part::Now(earliest(version, index, partition)),
        EARLIEST_LOCAL if version >= 8 => Part::Now(earliest(version, index, partition)),
        LATEST_TIERED if version >= 9 => Part::Now(nothing(index)),
        EARLIEST_PENDING_UPLOAD if version >= 11 => Part::Now(nothing(index)),
        MAX_TIMESTAMP if version >= 7 => {
            let search = Search::MaxTimestamp;
            Part::Later { index, search, partition: partition.clone() }
        }
        timestamp if timestamp >= 0 => {
            let search = Search::Timestamp(timestamp);
            Part::Later { index, search, partition: partition.clone() }
        }
        _ => Part::Now(refused(index, ErrorCode::UnsupportedVersion)),
    }
}

fn earliest(version: i16, index: i32, partition: &Partition) -> ListOffsetsPartitionResponse {
    let log = partition.log();
    let start = log.log_start_offset();
    let epoch = log.epoch_for(start).unwrap_or_else(|| partition.view().leader_epoch());
    found(version, index, (start, -1, epoch))
}

fn find(search: Search, partition: &Partition) -> Result<Option<Hit>, ErrorCode> {
    let log = partition.log();
    let up_to = partition.view().high_watermark();
    let hit = match search {
        Search::Timestamp(timestamp) => log.find_by_timestamp(timestamp, up_to),
        Search::MaxTimestamp => log.max_timestamp_record(up_to),
    };
    hit.map_err(|error| {
        if log.is_news(&error) {
            log::error!(log:% = log.id(), error:% = error; "cannot look a timestamp up");
        }
        ErrorCode::KafkaStorageError
    })
}

fn found(
    version: i16,
    index: i32,
    (offset, timestamp, epoch): Hit,
) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_timestamp(timestamp)
        .with_offset(offset.to_wire());
    if version >= 4 { answer.with_leader_epoch(epoch.0) } else { answer }
}

fn refused(index: i32, error: ErrorCode) -> ListOffsetsPartitionResponse {
    nothing(index).with_error_code(error.code())
}

/// Nothing was found, which is no error.
fn nothing(index: i32) -> ListOffsetsPartitionResponse {
    ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_timestamp(-1)
        .with_offset(-1)
        .with_leader_epoch(-1)
}
