//! DescribeLogDirs (key 35), versions 1 to 4.
//!
//! Tells of the folder that holds the data: its volume, and the bytes of each partition in it.
//! v2 flexible · v3 error of the whole answer · v4 bytes of the volume
//! Not done: nothing. There is one folder, and nothing is ever on its way to another.

use super::answer::{Answer, Ask};
use crate::registry::{MetadataImage, TopicImage};
use crate::storage::DiskSpace;
use crate::types::ErrorCode;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};
use std::collections::{BTreeMap, BTreeSet};

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeLogDirsRequest,
) -> Answer<DescribeLogDirsResponse> {
    let settings = &ask.broker.settings;
    // Without a working folder an absolute path cannot be told, but the given one can.
    let dir = std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone());
    let topics = topics(&ask.broker.registry.image(), request.topics.as_deref());
    let result = DescribeLogDirsResult::default().with_log_dir(dir.display().to_string().into());
    let result = match ask.broker.storage.disk_space() {
        Ok(space) => of_volume(result, &space).with_topics(topics),
        Err(error) => {
            log::warn!(reason = error.to_string().as_str(); "the data folder's volume cannot be asked");
            result.with_error_code(ErrorCode::KafkaStorageError.code())
        }
    };
    Answer::Now(DescribeLogDirsResponse::default().with_results(vec![result]))
}

fn of_volume(result: DescribeLogDirsResult, space: &DiskSpace) -> DescribeLogDirsResult {
    result.with_total_bytes(bytes(space.size_bytes)).with_usable_bytes(bytes(space.free_bytes))
}

fn bytes(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The partitions that are asked for and exist; all where nothing is asked for.
fn topics(
    image: &MetadataImage,
    asked: Option<&[DescribableLogDirTopic]>,
) -> Vec<DescribeLogDirsTopic> {
    let Some(asked) = asked else {
        return image.topics.values().map(|topic| described(topic, None)).collect();
    };
    let mut wanted: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for topic in asked {
        wanted.entry(topic.topic.as_str()).or_default().extend(&topic.partitions);
    }
    wanted
        .iter()
        .filter_map(|(name, partitions)| Some(described(image.topic(name)?, Some(partitions))))
        .filter(|topic| !topic.partitions.is_empty())
        .collect()
}

fn described(topic: &TopicImage, wanted: Option<&BTreeSet<i32>>) -> DescribeLogDirsTopic {
    let partitions = (0..)
        .zip(&topic.partitions)
        .filter(|(index, _)| wanted.is_none_or(|wanted| wanted.contains(index)))
        .map(|(index, image)| {
            DescribeLogDirsPartition::default()
                .with_partition_index(index)
                .with_partition_size(bytes(image.partition.log().size_bytes()))
        });
    DescribeLogDirsTopic::default()
        .with_name(TopicName(topic.name.as_str().to_owned().into()))
        .with_partitions(partitions.collect())
}
