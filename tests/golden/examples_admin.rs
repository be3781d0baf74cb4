//! Requests of admin clients and tools, one of each at every version.

use super::{Example, add, text, topic};
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_producers_request::TopicRequest as TopicOfProducers;
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterPartitionReassignmentsRequest, BrokerId,
    DescribeClientQuotasRequest, DescribeLogDirsRequest, DescribeProducersRequest,
    DescribeQuorumRequest, DescribeTopicPartitionsRequest, ElectLeadersRequest,
    ListConfigResourcesRequest, ListTransactionsRequest, ProducerId, UpdateFeaturesRequest,
};

pub(super) fn add_all(all: &mut Vec<Example>) {
    add(all, describe_log_dirs);
    add(all, elect_leaders);
    add(all, list_config_resources);
    add(all, describe_topic_partitions);
    add(all, list_transactions);
    add(all, describe_producers);
    add(all, describe_quorum);
    add(all, describe_client_quotas);
    add(all, alter_client_quotas);
    add(all, alter_partition_reassignments);
    add(all, update_features);
}

fn describe_log_dirs(_: i16) -> DescribeLogDirsRequest {
    let topic = DescribableLogDirTopic::default().with_topic(topic()).with_partitions(vec![0, 1]);
    DescribeLogDirsRequest::default().with_topics(Some(vec![topic.clone(), topic]))
}

fn elect_leaders(version: i16) -> ElectLeadersRequest {
    let topic = TopicPartitions::default().with_topic(topic()).with_partitions(vec![0, 1]);
    ElectLeadersRequest::default()
        .with_election_type(i8::from(version >= 1))
        .with_topic_partitions(Some(vec![topic.clone(), topic]))
        .with_timeout_ms(30_000)
}

fn list_config_resources(version: i16) -> ListConfigResourcesRequest {
    let types = if version >= 1 { vec![2, 4, 32] } else { Vec::new() };
    ListConfigResourcesRequest::default().with_resource_types(types)
}

fn describe_topic_partitions(_: i16) -> DescribeTopicPartitionsRequest {
    let named = TopicRequest::default().with_name(topic());
    let cursor = Cursor::default().with_topic_name(topic()).with_partition_index(7);
    DescribeTopicPartitionsRequest::default()
        .with_topics(vec![named.clone(), named])
        .with_response_partition_limit(2000)
        .with_cursor(Some(cursor))
}

fn list_transactions(version: i16) -> ListTransactionsRequest {
    let request = ListTransactionsRequest::default()
        .with_state_filters(vec![text("Ongoing"), text("Empty")])
        .with_producer_id_filters(vec![ProducerId(1), ProducerId(2)]);
    let request = if version >= 1 { request.with_duration_filter(5) } else { request };
    if version >= 2 { request.with_transactional_id_pattern(Some(text("t.*"))) } else { request }
}

fn describe_producers(_: i16) -> DescribeProducersRequest {
    let topic = TopicOfProducers::default().with_name(topic()).with_partition_indexes(vec![0, 1]);
    DescribeProducersRequest::default().with_topics(vec![topic.clone(), topic])
}

fn describe_quorum(_: i16) -> DescribeQuorumRequest {
    let partition = |index| PartitionData::default().with_partition_index(index);
    let topic = TopicData::default()
        .with_topic_name(topic())
        .with_partitions(vec![partition(0), partition(1)]);
    DescribeQuorumRequest::default().with_topics(vec![topic.clone(), topic])
}

fn update_features(version: i16) -> UpdateFeaturesRequest {
    let feature = FeatureUpdateKey::default()
        .with_feature(text("metadata.version"))
        .with_max_version_level(30)
        .with_allow_downgrade(version < 1)
        .with_upgrade_type(if version >= 1 { 2 } else { 1 });
    UpdateFeaturesRequest::default()
        .with_timeout_ms(30_000)
        .with_feature_updates(vec![feature.clone(), feature])
        .with_validate_only(version >= 1)
}

fn describe_client_quotas(_: i16) -> DescribeClientQuotasRequest {
    let exact = ComponentData::default().with_entity_type(text("user")).with_match(Some(text("a")));
    let any = ComponentData::default().with_entity_type(text("client-id")).with_match_type(2);
    DescribeClientQuotasRequest::default().with_components(vec![exact, any]).with_strict(true)
}

fn alter_client_quotas(_: i16) -> AlterClientQuotasRequest {
    let part =
        |kind, name| EntityData::default().with_entity_type(text(kind)).with_entity_name(name);
    let set = OpData::default().with_key(text("producer_byte_rate")).with_value(1024.5);
    let unset = OpData::default().with_key(text("request_percentage")).with_remove(true);
    let entry = EntryData::default()
        .with_entity(vec![part("user", Some(text("a"))), part("client-id", None)])
        .with_ops(vec![set, unset]);
    AlterClientQuotasRequest::default().with_entries(vec![entry.clone(), entry])
}

fn alter_partition_reassignments(version: i16) -> AlterPartitionReassignmentsRequest {
    let moved = ReassignablePartition::default()
        .with_partition_index(3)
        .with_replicas(Some(vec![BrokerId(1), BrokerId(2)]));
    let given_up = ReassignablePartition::default().with_partition_index(4).with_replicas(None);
    let topic =
        ReassignableTopic::default().with_name(topic()).with_partitions(vec![moved, given_up]);
    AlterPartitionReassignmentsRequest::default()
        .with_timeout_ms(30_000)
        .with_allow_replication_factor_change(version < 1)
        .with_topics(vec![topic.clone(), topic])
}
