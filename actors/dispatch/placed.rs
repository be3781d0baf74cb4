//! Where a partition is, as Metadata and DescribeTopicPartitions tell it.

use crate::registry::PartitionImage;
use crate::types::{ErrorCode, NodeId};
use kafka_protocol::messages::BrokerId;

/// Stands for a leader that is not there.
const NO_LEADER: BrokerId = BrokerId(-1);

/// Leader and replicas of one partition.
pub(super) struct Placed {
    pub(super) error_code: i16,
    pub(super) leader_id: BrokerId,
    pub(super) replicas: Vec<BrokerId>,
    pub(super) in_sync: Vec<BrokerId>,
    pub(super) offline: Vec<BrokerId>,
}

impl Placed {
    /// On `node`, its only replica.
    pub(super) fn on(node: NodeId, image: &PartitionImage) -> Self {
        Self::of(node, image.is_offline())
    }

    fn of(node: NodeId, is_offline: bool) -> Self {
        let node = BrokerId(node.0);
        let (here, nowhere) = (vec![node], Vec::new());
        if is_offline {
            // As Kafka says it of a partition whose only replica's disk has failed.
            Self {
                error_code: ErrorCode::LeaderNotAvailable.code(),
                leader_id: NO_LEADER,
                replicas: here.clone(),
                in_sync: nowhere,
                offline: here,
            }
        } else {
            Self {
                error_code: 0,
                leader_id: node,
                replicas: here.clone(),
                in_sync: here,
                offline: nowhere,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_whose_log_cannot_be_used_keeps_its_replica_and_has_no_leader() {
        let (led, offline) = (Placed::of(NodeId(4), false), Placed::of(NodeId(4), true));

        let here = vec![BrokerId(4)];
        assert_eq!((led.error_code, led.leader_id.0), (0, 4));
        assert_eq!((&led.replicas, &led.in_sync, led.offline.len()), (&here, &here, 0));
        assert_eq!((offline.error_code, offline.leader_id.0), (5, -1));
        assert_eq!((&offline.replicas, offline.in_sync.len(), &offline.offline), (&here, 0, &here));
    }
}
