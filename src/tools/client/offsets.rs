//! ListOffsets: where a log begins, ends, or had got to at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest};

use super::{Client, To, TopicPartition, by_topic, topic_name};
use crate::tools::problem::ToolError;

/// A place in a log, by description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The log's start.
    Earliest,
    /// The high watermark.
    Latest,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The start of what lies on the broker itself.
    EarliestLocal,
    /// The end of what lies in remote storage.
    LatestTiered,
    /// The first record at or after this time, in ms since 1970.
    At(i64),
}

impl Moment {
    const fn on_the_wire(self) -> i64 {
        match self {
            Self::Latest => -1,
            Self::Earliest => -2,
            Self::MaxTimestamp => -3,
            Self::EarliestLocal => -4,
            Self::LatestTiered => -5,
            Self::At(time) => time,
        }
    }

    /// The first version in which brokers know it.
    const fn since(self) -> i16 {
        match self {
            Self::Latest | Self::Earliest | Self::At(_) => 1,
            Self::MaxTimestamp => 7,
            Self::EarliestLocal => 8,
            Self::LatestTiered => 9,
        }
    }
}

/// An answer of ListOffsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListedOffset {
    /// Where; none if no record is as late as that.
    pub(crate) offset: Option<i64>,
    /// 0, or why there is no answer.
    pub(crate) error_code: i16,
}

impl Client {
    /// Finds each partition's offset for its moment. A partition whose leader is not known is left out.
    pub(crate) fn list_offsets(
        &mut self,
        wanted: &BTreeMap<TopicPartition, Moment>,
        isolation_level: i8,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>, ToolError> {
        let mut topics: Vec<&str> = wanted.keys().map(|place| place.topic.as_str()).collect();
        topics.dedup();
        let leaders = if topics.is_empty() { BTreeMap::new() } else { self.leaders(&topics)? };
        let mut by_leader: BTreeMap<i32, Vec<(&TopicPartition, Moment)>> = BTreeMap::new();
        for (place, moment) in wanted {
            if let Some(leader) = leaders.get(place) {
                by_leader.entry(*leader).or_default().push((place, *moment));
            }
        }
        let mut found = BTreeMap::new();
        for (leader, asked) in by_leader {
            let since = asked.iter().map(|(_, moment)| moment.since()).max().unwrap_or(1);
            let request = list_offsets_request(asked, isolation_level);
            let connection = self.connection(To::Node(leader))?;
            if connection.version_of::<ListOffsetsRequest>(i16::MAX)? < since {
                let api = format!("ListOffsets v{since}");
                let broker = connection.address().to_owned();
                return Err(ToolError::Unsupported { api, broker });
            }
            let answer = self.ask_as::<ListOffsetsRequest, _>(
                To::Node(leader),
                i16::MAX,
                |_| request,
                Duration::ZERO,
            )?;
            for topic in answer.topics {
                for partition in topic.partitions {
                    let place = TopicPartition::new(&topic.name, partition.partition_index);
                    let offset = (partition.offset >= 0).then_some(partition.offset);
                    let listed = ListedOffset { offset, error_code: partition.error_code };
                    found.insert(place, listed);
                }
            }
        }
        Ok(found)
    }

    /// The offsets of one moment for all these partitions, where there is one.
    pub(crate) fn offsets_at<'a>(
        &mut self,
        places: impl IntoIterator<Item = &'a TopicPartition>,
        moment: Moment,
    ) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
        let wanted = places.into_iter().map(|place| (place.clone(), moment)).collect();
        let listed = self.list_offsets(&wanted, 0)?;
        let known = |(place, listed): (TopicPartition, ListedOffset)| {
            let offset = listed.offset.filter(|_| listed.error_code == 0)?;
            Some((place, offset))
        };
        Ok(listed.into_iter().filter_map(known).collect())
    }
}

fn list_offsets_request(
    asked: Vec<(&TopicPartition, Moment)>,
    isolation_level: i8,
) -> ListOffsetsRequest {
    let topic = |(name, partitions): (&str, Vec<(i32, Moment)>)| {
        let partition = |(index, moment): (i32, Moment)| {
            ListOffsetsPartition::default()
                .with_partition_index(index)
                .with_current_leader_epoch(-1)
                .with_timestamp(moment.on_the_wire())
        };
        ListOffsetsTopic::default()
            .with_name(topic_name(name))
            .with_partitions(partitions.into_iter().map(partition).collect())
    };
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation_level)
        .with_topics(by_topic(asked).into_iter().map(topic).collect())
}
