//! Reads what is there to be read when someone looks: partitions, groups, the disk.

use super::state::Serving;
use ottla_actors::group::Observed;
use ottla_actors::registry::TopicImage;
use ottla_actors::storage::DiskSpace;
use ottla_actors::types::TopicName;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long groups may take to answer, all of them together; one that does not is left out.
const GROUPS_MAX: Duration = Duration::from_secs(2);

/// One partition.
#[derive(Clone, Debug)]
pub(super) struct PartitionSeen {
    pub(super) topic: TopicName,
    pub(super) index: usize,
    pub(super) log_start: i64,
    pub(super) high_watermark: i64,
    pub(super) log_end: i64,
    pub(super) size_bytes: u64,
    pub(super) appended_bytes: u64,
}

/// How far a group has read a partition.
#[derive(Clone, Debug)]
pub(super) struct PositionSeen {
    pub(super) group: String,
    pub(super) topic: TopicName,
    pub(super) partition: i32,
    pub(super) committed: i64,
    pub(super) lag: i64,
}

/// The broker at one moment.
#[derive(Debug)]
pub(super) struct Observation {
    pub(super) serving: Serving,
    pub(super) is_detailed: bool,
    pub(super) topics: usize,
    pub(super) partitions: usize,
    pub(super) partitions_offline: usize,
    pub(super) producers: usize,
    pub(super) partitions_seen: Vec<PartitionSeen>,
    pub(super) groups: Vec<Observed>,
    pub(super) positions: Vec<PositionSeen>,
    pub(super) disk: Option<DiskSpace>,
}

impl Observation {
    /// Looks at everything; `is_detailed` where each partition and group counts by itself.
    pub(super) async fn make(serving: &Serving, is_detailed: bool) -> Self {
        let groups = ask_groups(serving).await;
        // After the groups: a position that was committed has its records below what is read now.
        let image = serving.broker.registry.image();
        let disk = serving.broker.storage.disk_space();
        let mut seen = Self {
            serving: serving.clone(),
            is_detailed,
            topics: image.topics.len(),
            partitions: 0,
            partitions_offline: 0,
            producers: 0,
            partitions_seen: Vec::new(),
            groups: Vec::new(),
            positions: Vec::new(),
            disk: disk
                .inspect_err(|error| log::debug!(error:% = error; "the disk cannot be asked"))
                .ok(),
        };
        for topic in image.topics.values() {
            seen.look_at(topic);
        }
        if is_detailed {
            let positions = groups.iter().flat_map(|group| {
                group.committed.iter().filter_map(|(topic, partition, committed)| {
                    let image = image.topics.get(topic)?.partition(*partition)?;
                    let end = image.partition.view().high_watermark().to_wire();
                    Some(PositionSeen {
                        group: group.group_id.clone(),
                        topic: topic.clone(),
                        partition: *partition,
                        committed: *committed,
                        lag: end.saturating_sub(*committed).max(0),
                    })
                })
            });
            seen.positions = positions.collect();
        }
        seen.groups = groups;
        seen
    }

    fn look_at(&mut self, topic: &TopicImage) {
        self.partitions += topic.partitions.len();
        for (index, image) in topic.partitions.iter().enumerate() {
            let (log, view) = (image.partition.log(), image.partition.view());
            self.partitions_offline += usize::from(log.offline().is_some());
            self.producers += view.producers();
            // Of the many internal partitions most hold nothing, and say nothing.
            let is_idle = topic.name.is_internal() && log.segment_count() == 0;
            if self.is_detailed && !is_idle {
                self.partitions_seen.push(PartitionSeen {
                    topic: topic.name.clone(),
                    index,
                    log_start: log.log_start_offset().to_wire(),
                    high_watermark: view.high_watermark().to_wire(),
                    log_end: log.log_end_offset().to_wire(),
                    size_bytes: log.size_bytes(),
                    appended_bytes: view.committed_bytes(),
                });
            }
        }
    }
}

async fn ask_groups(serving: &Serving) -> Vec<Observed> {
    let deadline = Instant::now() + GROUPS_MAX;
    let mut groups = Vec::new();
    for answer in serving.broker.groups.observe() {
        if let Ok(Ok(group)) = timeout_at(deadline, answer).await {
            groups.push(group);
        }
    }
    groups
}
