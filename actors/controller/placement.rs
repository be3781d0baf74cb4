//! Which brokers hold a new partition: chosen here, or by the requester and checked here.

use super::error::PlacementError;
use super::state::{BrokerState, PartitionState};
use crate::types::{LeaderEpoch, NodeId};
use std::collections::{BTreeMap, BTreeSet};

/// Places `count` partitions, the first of which has the index `first`, with
/// `replication_factor` replicas each.
///
/// Brokers stand in a ring, racks taking turns; each partition begins one place further on, so
/// leaders spread evenly and replicas fall on different racks where there are several (the aim of
/// Kafka's `StripedReplicaPlacer`). `start` says where the topic begins in the ring.
pub(super) fn place(
    brokers: &BTreeMap<NodeId, BrokerState>,
    start: usize,
    first: usize,
    count: usize,
    replication_factor: i16,
) -> Result<Vec<Vec<NodeId>>, PlacementError> {
    let replicas = usize::try_from(replication_factor).unwrap_or(0);
    if replicas == 0 {
        return Err(PlacementError::ReplicationFactorRange);
    }
    if replicas > brokers.len() {
        return Err(PlacementError::TooFewBrokers { replication_factor, brokers: brokers.len() });
    }
    let ring = ring(brokers);
    let place_of = |partition: usize| -> Vec<NodeId> {
        let begin = start.wrapping_add(partition) % ring.len();
        ring.iter().cycle().skip(begin).take(replicas).copied().collect()
    };
    Ok((first..first + count).map(place_of).collect())
}

/// All brokers, racks taking turns.
fn ring(brokers: &BTreeMap<NodeId, BrokerState>) -> Vec<NodeId> {
    let mut racks: BTreeMap<Option<&str>, Vec<NodeId>> = BTreeMap::new();
    for (node, broker) in brokers {
        racks.entry(broker.rack.as_deref()).or_default().push(*node);
    }
    let longest = racks.values().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|turn| racks.values().filter_map(move |nodes| nodes.get(turn)))
        .copied()
        .collect()
}

/// Checks replicas that a requester chose, in the order of Kafka's
/// `validateManualPartitionAssignment`.
pub(super) fn check_manual(
    brokers: &BTreeMap<NodeId, BrokerState>,
    replicas: &[NodeId],
    expected: Option<usize>,
) -> Result<(), PlacementError> {
    if replicas.is_empty() {
        return Err(PlacementError::EmptyReplicas);
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut seen = BTreeSet::new();
    for node in sorted {
        if !brokers.contains_key(&node) {
            return Err(PlacementError::UnregisteredBroker(node.0));
        }
        if !seen.insert(node) {
            return Err(PlacementError::RepeatedBroker(node.0));
        }
    }
    match expected {
        Some(expected) if expected != replicas.len() => {
            Err(PlacementError::UnevenReplication { replicas: replicas.len(), expected })
        }
        Some(_) | None => Ok(()),
    }
}

/// A partition as it is made on these brokers; `replicas` is not empty.
pub(super) fn fresh(replicas: Vec<NodeId>) -> PartitionState {
    let leader = replicas.first().copied();
    assert!(leader.is_some(), "a partition is made without replicas");
    PartitionState {
        isr: replicas.clone(),
        leader: leader.unwrap_or(NodeId(-1)),
        replicas,
        leader_epoch: LeaderEpoch(0),
        partition_epoch: 0,
    }
}
