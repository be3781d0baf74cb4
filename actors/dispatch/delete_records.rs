//! DeleteRecords (key 21), versions 0 to 2.
//!
//! Moves the starts of logs forward. An answer holds: the new start is on disk before it is told.
//! v2 flexible
//! Not done: the timeout, for no replica has to follow.

use super::answer::{Answer, Ask};
use crate::registry::{MetadataImage, TopicImage};
use crate::runtime::Reply;
use crate::storage::Log;
use crate::types::{ErrorCode, Offset};
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, TopicName};
use tokio::sync::oneshot;

/// The offset in a request that means everything that consumers may read.
const HIGH_WATERMARK: i64 = -1;
/// The low watermark where there is none to tell.
const NO_LOW_WATERMARK: i64 = -1;

/// A log whose start is on its way forward.
struct Moving {
    log: Log,
    moved: oneshot::Receiver<()>,
}

type Started = Result<Moving, ErrorCode>;

pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DeleteRecordsRequest,
) -> Answer<DeleteRecordsResponse> {
    let image = ask.broker.registry.image();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let partitions: Vec<(i32, Started)> = topic
            .partitions
            .iter()
            .map(|wanted| {
                let index = wanted.partition_index;
                (index, delete(&image, topic.name.as_str(), index, wanted.offset))
            })
            .collect();
        topics.push((topic.name, partitions));
    }
    Answer::later(join(topics))
}

fn delete(image: &MetadataImage, topic: &str, index: i32, offset: i64) -> Started {
    let known = image.topic(topic).and_then(|topic| Some((topic, topic.partition(index)?)));
    let Some((topic, target)) = known else { return Err(ErrorCode::UnknownTopicOrPartition) };
    check_topic(topic)?;
    let high_watermark = target.partition.view().high_watermark();
    let start = new_start(offset, high_watermark)?;
    let log = target.partition.log().clone();
    let (reply, moved) = Reply::new();
    log.delete_before(start, Box::new(move || reply.send(())));
    Ok(Moving { log, moved })
}

fn check_topic(topic: &TopicImage) -> Result<(), ErrorCode> {
    if topic.name.is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    if !topic.config.cleanup_policy.delete {
        return Err(ErrorCode::PolicyViolation);
    }
    Ok(())
}

/// Where the log shall begin; an offset before its start is none of our errors.
fn new_start(offset: i64, high_watermark: Offset) -> Result<Offset, ErrorCode> {
    if offset == HIGH_WATERMARK {
        return Ok(high_watermark);
    }
    Offset::from_wire(offset)
        .filter(|offset| *offset <= high_watermark)
        .ok_or(ErrorCode::OffsetOutOfRange)
}

async fn join(topics: Vec<(TopicName, Vec<(i32, Started)>)>) -> DeleteRecordsResponse {
    let mut response = DeleteRecordsResponse::default();
    for (name, partitions) in topics {
        let mut results = Vec::with_capacity(partitions.len());
        for (index, started) in partitions {
            let result = DeleteRecordsPartitionResult::default().with_partition_index(index);
            results.push(match low_watermark(started).await {
                Ok(offset) => result.with_low_watermark(offset.to_wire()),
                Err(error) => {
                    result.with_low_watermark(NO_LOW_WATERMARK).with_error_code(error.code())
                }
            });
        }
        let topic = DeleteRecordsTopicResult::default().with_name(name).with_partitions(results);
        response.topics.push(topic);
    }
    response
}

async fn low_watermark(started: Started) -> Result<Offset, ErrorCode> {
    let Moving { log, moved } = started?;
    // Dropped without an answer: the disk failed, or the topic went away meanwhile.
    moved.await.map_err(|_| ErrorCode::KafkaStorageError)?;
    Ok(log.log_start_offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_may_begin_nowhere_but_where_consumers_may_read() {
        let high_watermark = Offset::clamped(6);

        assert_eq!(new_start(-1, high_watermark), Ok(high_watermark));
        assert_eq!(new_start(0, high_watermark), Ok(Offset::ZERO));
        assert_eq!(new_start(6, high_watermark), Ok(high_watermark));
        assert_eq!(new_start(7, high_watermark), Err(ErrorCode::OffsetOutOfRange));
        assert_eq!(new_start(-2, high_watermark), Err(ErrorCode::OffsetOutOfRange));
    }
}
