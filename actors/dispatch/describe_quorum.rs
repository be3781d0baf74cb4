//! DescribeQuorum (key 55), versions 0 to 2.
//!
//! Tells who keeps the metadata log, and how far each has it. This node alone does.
//! v1 timestamps · v2 texts, directories, where voters are reached
//! Directories are those of voters that can be added (KIP-853); this quorum is as it was configured
//! (`kraft.version` 0), and tells of none, as Kafka's does then.
//! Not done: nothing.

use super::answer::{Answer, Ask};
use super::texts::NOT_HOSTED;
use crate::controller::{ControllerError, LogPosition};
use crate::types::{ErrorCode, NodeId, Timestamp};
use kafka_protocol::messages::describe_quorum_request::TopicData as AskedTopic;
use kafka_protocol::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use kafka_protocol::messages::{BrokerId, DescribeQuorumRequest, DescribeQuorumResponse};

/// The one log that has a quorum, and its one partition.
const METADATA_TOPIC: &str = "__cluster_metadata";
const METADATA_PARTITION: i32 = 0;

/// First version that tells where voters are reached.
const NODES_SINCE: i16 = 2;

#[expect(clippy::needless_pass_by_value, reason = "handlers own their request")]
pub(super) fn start(
    ask: &mut Ask<'_>,
    request: DescribeQuorumRequest,
) -> Answer<DescribeQuorumResponse> {
    if !is_metadata_alone(&request.topics) {
        return Answer::Now(unknown(&request.topics));
    }
    let node = ask.broker.node;
    let now = ask.now.wall;
    let voter = (ask.version >= NODES_SINCE).then(|| voter(ask));
    let position = ask.broker.controller.log_position();
    Answer::later(async move {
        match position.await.unwrap_or(Err(ControllerError::Unavailable)) {
            Ok(position) => described(node, now, position, voter),
            Err(error) => DescribeQuorumResponse::default()
                .with_error_code(error.code().code())
                .with_error_message(Some(error.to_string().into())),
        }
    })
}

fn is_metadata_alone(topics: &[AskedTopic]) -> bool {
    let [topic] = topics else { return false };
    let [partition] = topic.partitions.as_slice() else { return false };
    topic.topic_name.as_str() == METADATA_TOPIC && partition.partition_index == METADATA_PARTITION
}

/// The answer to any other question: nothing else has a quorum.
fn unknown(topics: &[AskedTopic]) -> DescribeQuorumResponse {
    let of_topic = |topic: &AskedTopic| {
        let partitions = topic.partitions.iter().map(|asked| {
            PartitionData::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(ErrorCode::UnknownTopicOrPartition.code())
                .with_error_message(Some(NOT_HOSTED.into()))
        });
        TopicData::default()
            .with_topic_name(topic.topic_name.clone())
            .with_partitions(partitions.collect())
    };
    DescribeQuorumResponse::default().with_topics(topics.iter().map(of_topic).collect())
}

/// Where the controller is reached: it answers where this broker does, so under the name that
/// listeners of controllers have, the address is the one that this client came to.
fn voter(ask: &Ask<'_>) -> Node {
    let image = ask.broker.registry.image();
    let names = image.configs.value("controller.listener.names").unwrap_or_default();
    let name = names.split(',').next().unwrap_or_default().trim().to_uppercase();
    let (host, port) = ask.advertised();
    let listener = Listener::default()
        .with_name(name.into())
        .with_host(host.into())
        .with_port(u16::try_from(port).unwrap_or_default());
    Node::default().with_node_id(BrokerId(ask.broker.node.0)).with_listeners(vec![listener])
}

fn described(
    node: NodeId,
    now: Timestamp,
    position: LogPosition,
    voter: Option<Node>,
) -> DescribeQuorumResponse {
    let node = BrokerId(node.0);
    // The leader has fetched and caught up at any moment that it is asked.
    let leader = ReplicaState::default()
        .with_replica_id(node)
        .with_log_end_offset(position.log_end_offset.to_wire())
        .with_last_fetch_timestamp(now.0)
        .with_last_caught_up_timestamp(now.0);
    let partition = PartitionData::default()
        .with_partition_index(METADATA_PARTITION)
        .with_leader_id(node)
        .with_leader_epoch(position.leader_epoch.0)
        .with_high_watermark(position.high_watermark.to_wire())
        .with_current_voters(vec![leader]);
    let topic = TopicData::default()
        .with_topic_name(kafka_protocol::messages::TopicName(METADATA_TOPIC.into()))
        .with_partitions(vec![partition]);
    DescribeQuorumResponse::default()
        .with_topics(vec![topic])
        .with_nodes(voter.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LeaderEpoch, Offset};
    use crate::wire::encode_response;
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::describe_quorum_request::PartitionData as AskedPartition;

    fn topic(name: &'static str, partitions: &[i32]) -> AskedTopic {
        let partition = |index: &i32| AskedPartition::default().with_partition_index(*index);
        AskedTopic::default()
            .with_topic_name(TopicName(name.into()))
            .with_partitions(partitions.iter().map(partition).collect())
    }

    #[test]
    fn the_metadata_log_is_described_where_it_alone_is_asked_for() {
        assert!(is_metadata_alone(&[topic(METADATA_TOPIC, &[0])]));

        for other in [
            vec![],
            vec![topic(METADATA_TOPIC, &[])],
            vec![topic(METADATA_TOPIC, &[1])],
            vec![topic(METADATA_TOPIC, &[0, 0])],
            vec![topic("other", &[0])],
            vec![topic(METADATA_TOPIC, &[0]), topic("other", &[0])],
        ] {
            assert!(!is_metadata_alone(&other), "{other:?}");
            let answer = unknown(&other);
            let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
            assert!(partitions.clone().all(|told| told.error_code == 3), "{answer:?}");
            let asked: usize = other.iter().map(|topic| topic.partitions.len()).sum();
            assert_eq!((answer.error_code, partitions.count()), (0, asked));
        }
    }

    #[test]
    fn the_only_voter_leads_and_lags_by_what_is_not_on_disk_yet() {
        let position = LogPosition {
            leader_epoch: LeaderEpoch(0),
            high_watermark: Offset::clamped(7),
            log_end_offset: Offset::clamped(9),
        };

        for version in 0..=2 {
            let voter = (version >= NODES_SINCE).then(Node::default);
            let answer = described(NodeId(4), Timestamp(99), position, voter);

            let told = &answer.topics[0].partitions[0];
            assert_eq!((told.leader_id.0, told.high_watermark), (4, 7));
            assert_eq!((told.current_voters.len(), told.observers.len()), (1, 0));
            assert_eq!(told.current_voters[0].log_end_offset, 9);
            assert!(told.current_voters[0].replica_directory_id.is_nil());
            assert!(encode_response(1, version, &answer).is_ok(), "version {version}");
        }
    }
}
