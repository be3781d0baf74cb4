//! OffsetDelete (key 47), version 0.
//!
//! Deletes positions that a group committed in topics which none of its members reads.
//! Not done: nothing.

use super::answer::{Answer, Ask};
use crate::group::{CommitAnswer, DeleteOffsets, GroupError};
use crate::types::ErrorCode;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: OffsetDeleteRequest,
) -> Answer<OffsetDeleteResponse> {
    let image = ask.broker.registry.image();
    let mut partitions = Vec::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let known = image.topic(topic.name.as_str());
        let mut answers = Vec::with_capacity(topic.partitions.len());
        for partition in &topic.partitions {
            let index = partition.partition_index;
            let is_known = known.is_some_and(|topic| topic.partition(index).is_some());
            let mut answer = OffsetDeleteResponsePartition::default().with_partition_index(index);
            if is_known {
                partitions.push((topic.name.as_str().to_owned(), index));
            } else {
                answer.error_code = ErrorCode::UnknownTopicOrPartition.code();
            }
            answers.push(answer);
        }
        let answer = OffsetDeleteResponseTopic::default().with_name(topic.name.clone());
        topics.push(answer.with_partitions(answers));
    }
    let response = OffsetDeleteResponse::default().with_topics(topics);
    let answer = ask.broker.groups.ask(&request.group_id, DeleteOffsets { partitions });
    Answer::later(async move { fill_in(response, answer.await) })
}

/// Puts the group's results into the places that are still without an error.
fn fill_in(
    mut response: OffsetDeleteResponse,
    answer: Result<CommitAnswer, GroupError>,
) -> OffsetDeleteResponse {
    let results = match answer {
        Ok(results) => results,
        // Of the group as a whole: Kafka then tells of no partition.
        Err(error) => {
            return OffsetDeleteResponse::default().with_error_code(error.code().code());
        }
    };
    let open = response.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    let open = open.filter(|partition| partition.error_code == 0);
    for (partition, result) in open.zip(results) {
        partition.error_code = result.map_or_else(|error| error.code().code(), |()| 0);
    }
    response
}
