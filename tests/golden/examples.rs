//! One of every request at every version, made by the codec's own encoder, lists filled.

#[path = "examples_admin.rs"]
mod admin;
#[path = "examples_security.rs"]
mod security;

use crate::read::{Refused, read, show};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as ReplacedResource, AlterableConfig as ReplacedConfig,
};
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::fetch_request::{
    FetchPartition, FetchTopic, ForgottenTopic, ReplicaState,
};
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    AlterConfigsRequest, ApiVersionsRequest, BrokerId, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeGroupsRequest, FetchRequest,
    FindCoordinatorRequest, GroupId, HeartbeatRequest, IncrementalAlterConfigsRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest,
    ListOffsetsRequest, ListPartitionReassignmentsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    RequestHeader, SyncGroupRequest, TopicName, TransactionalId,
};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use std::fmt::Debug;

/// A frame and what it holds.
pub(crate) struct Example {
    pub(crate) key: i16,
    pub(crate) version: i16,
    /// Without the size.
    pub(crate) frame: Bytes,
    shown: String,
}

const fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

const fn some(value: &'static str) -> Option<StrBytes> {
    Some(text(value))
}

const fn topic() -> TopicName {
    TopicName(text("orders"))
}

const fn group() -> GroupId {
    GroupId(text("billing"))
}

const fn id() -> ottla_actors::types::Uuid {
    ottla_actors::types::Uuid::from_u128(0x1234_5678)
}

/// Every example there is.
pub(crate) fn all() -> Vec<Example> {
    let mut all = Vec::new();
    add(&mut all, produce);
    add(&mut all, fetch);
    add(&mut all, list_offsets);
    add(&mut all, metadata);
    add(&mut all, offset_commit);
    add(&mut all, offset_fetch);
    add(&mut all, find_coordinator);
    add(&mut all, join_group);
    add(&mut all, heartbeat);
    add(&mut all, leave_group);
    add(&mut all, sync_group);
    add(&mut all, describe_groups);
    add(&mut all, list_groups);
    add(&mut all, api_versions);
    add(&mut all, create_topics);
    add(&mut all, delete_topics);
    add(&mut all, delete_records);
    add(&mut all, delete_groups);
    add(&mut all, offset_delete);
    add(&mut all, init_producer_id);
    add(&mut all, offset_for_leader_epoch);
    add(&mut all, describe_configs);
    add(&mut all, create_partitions);
    add(&mut all, alter_configs);
    add(&mut all, incremental_alter_configs);
    add(&mut all, list_partition_reassignments);
    add(&mut all, describe_cluster);
    admin::add_all(&mut all);
    security::add_all(&mut all);
    all
}

fn add<Q: Request + Debug>(all: &mut Vec<Example>, make: impl Fn(i16) -> Q) {
    for version in Q::VERSIONS.min..=Q::VERSIONS.max {
        let request = make(version);
        let mut frame = BytesMut::new();
        RequestHeader::default()
            .with_request_api_key(Q::KEY)
            .with_request_api_version(version)
            .with_correlation_id(4711)
            .with_client_id(some("example"))
            .encode(&mut frame, Q::header_version(version))
            .expect("a header");
        request.encode(&mut frame, version).expect("a request");
        let shown = format!("{request:?}");
        all.push(Example { key: Q::KEY, version, frame: frame.freeze(), shown });
    }
}

fn produce(version: i16) -> ProduceRequest {
    let partition = |index| {
        PartitionProduceData::default()
            .with_index(index)
            .with_records(Some(Bytes::from(vec![2; 300])))
    };
    let mut data =
        TopicProduceData::default().with_partition_data(vec![partition(0), partition(1)]);
    if version >= 13 {
        data.topic_id = id();
    } else {
        data.name = topic();
    }
    ProduceRequest::default()
        .with_transactional_id(Some(TransactionalId(text("t"))))
        .with_acks(-1)
        .with_timeout_ms(30_000)
        .with_topic_data(vec![data])
}

fn fetch(version: i16) -> FetchRequest {
    let mut partition = FetchPartition::default()
        .with_partition(3)
        .with_fetch_offset(77)
        .with_partition_max_bytes(9);
    let mut named = FetchTopic::default();
    let mut forgotten = ForgottenTopic::default().with_partitions(vec![1, 2, 3]);
    let mut request = FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1);
    if version >= 9 {
        partition.current_leader_epoch = 5;
    }
    if version >= 17 {
        partition.replica_directory_id = id();
    }
    if version >= 18 {
        partition.high_watermark = 8;
    }
    if version >= 13 {
        (named.topic_id, forgotten.topic_id) = (id(), id());
    } else {
        (named.topic, forgotten.topic) = (topic(), topic());
    }
    named.partitions = vec![partition.clone(), partition];
    request.topics = vec![named];
    if version >= 7 {
        request.session_id = 12;
        request.forgotten_topics_data = vec![forgotten];
    }
    if version >= 11 {
        request.rack_id = text("rack");
    }
    if version >= 12 {
        request.cluster_id = some("cluster");
    }
    if version >= 15 {
        request.replica_state = ReplicaState::default().with_replica_id(BrokerId(2));
    }
    request
}

fn list_offsets(version: i16) -> ListOffsetsRequest {
    let mut partition = ListOffsetsPartition::default().with_partition_index(1).with_timestamp(-1);
    if version >= 4 {
        partition.current_leader_epoch = 2;
    }
    let named = ListOffsetsTopic::default()
        .with_name(topic())
        .with_partitions(vec![partition.clone(), partition]);
    ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![named])
}

fn metadata(version: i16) -> MetadataRequest {
    let mut named = MetadataRequestTopic::default().with_name(Some(topic()));
    if version >= 10 {
        named.topic_id = id();
    }
    MetadataRequest::default().with_topics(Some(vec![named.clone(), named]))
}

fn offset_commit(version: i16) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(1)
        .with_committed_offset(100)
        .with_committed_metadata(some("note"));
    let named = OffsetCommitRequestTopic::default()
        .with_name(topic())
        .with_partitions(vec![partition.clone(), partition]);
    let mut request = OffsetCommitRequest::default()
        .with_group_id(group())
        .with_generation_id_or_member_epoch(4)
        .with_member_id(text("member"))
        .with_topics(vec![named]);
    if version >= 7 {
        request.group_instance_id = some("instance");
    }
    request
}

fn offset_fetch(version: i16) -> OffsetFetchRequest {
    if version < 8 {
        let named = OffsetFetchRequestTopic::default()
            .with_name(topic())
            .with_partition_indexes(vec![0, 1, 2]);
        return OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(vec![named]));
    }
    let named =
        OffsetFetchRequestTopics::default().with_name(topic()).with_partition_indexes(vec![0, 1]);
    let mut of_group =
        OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(Some(vec![named]));
    if version >= 9 {
        of_group.member_id = some("member");
    }
    OffsetFetchRequest::default().with_groups(vec![of_group.clone(), of_group])
}

fn find_coordinator(version: i16) -> FindCoordinatorRequest {
    let request = FindCoordinatorRequest::default();
    if version >= 4 {
        request.with_coordinator_keys(vec![text("a"), text("billing")])
    } else {
        request.with_key(text("billing"))
    }
}

fn join_group(version: i16) -> JoinGroupRequest {
    let protocol = |name| {
        JoinGroupRequestProtocol::default()
            .with_name(text(name))
            .with_metadata(Bytes::from_static(b"\0\x01\0\0\0\x01\0\x06orders"))
    };
    let mut request = JoinGroupRequest::default()
        .with_group_id(group())
        .with_session_timeout_ms(45_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol("range"), protocol("roundrobin")]);
    if version >= 1 {
        request.rebalance_timeout_ms = 300_000;
    }
    if version >= 5 {
        request.group_instance_id = some("instance");
    }
    if version >= 8 {
        request.reason = some("because");
    }
    request
}

fn heartbeat(version: i16) -> HeartbeatRequest {
    let mut request =
        HeartbeatRequest::default().with_group_id(group()).with_member_id(text("member"));
    if version >= 3 {
        request.group_instance_id = some("instance");
    }
    request
}

fn leave_group(version: i16) -> LeaveGroupRequest {
    let request = LeaveGroupRequest::default().with_group_id(group());
    if version < 3 {
        return request.with_member_id(text("member"));
    }
    let member = MemberIdentity::default()
        .with_member_id(text("member"))
        .with_group_instance_id(some("instance"));
    request.with_members(vec![member.clone(), member])
}

fn sync_group(version: i16) -> SyncGroupRequest {
    let assignment = |member| {
        SyncGroupRequestAssignment::default()
            .with_member_id(text(member))
            .with_assignment(Bytes::from_static(b"\0\0\0\0"))
    };
    let mut request = SyncGroupRequest::default()
        .with_group_id(group())
        .with_member_id(text("member"))
        .with_assignments(vec![assignment("member"), assignment("other")]);
    if version >= 5 {
        request.protocol_type = some("consumer");
        request.protocol_name = some("range");
    }
    request
}

fn describe_groups(_: i16) -> DescribeGroupsRequest {
    DescribeGroupsRequest::default().with_groups(vec![group(), group()])
}

fn list_groups(version: i16) -> ListGroupsRequest {
    let mut request = ListGroupsRequest::default();
    if version >= 4 {
        request.states_filter = vec![text("Stable"), text("Empty")];
    }
    if version >= 5 {
        request.types_filter = vec![text("classic")];
    }
    request
}

fn api_versions(version: i16) -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    if version >= 3 {
        request.client_software_name = text("example");
        request.client_software_version = text("1.0");
    }
    request
}

fn create_topics(_: i16) -> CreateTopicsRequest {
    let assignment = CreatableReplicaAssignment::default()
        .with_partition_index(0)
        .with_broker_ids(vec![BrokerId(1), BrokerId(2)]);
    let config =
        CreatableTopicConfig::default().with_name(text("retention.ms")).with_value(some("1000"));
    let named = CreatableTopic::default()
        .with_name(topic())
        .with_num_partitions(-1)
        .with_replication_factor(-1)
        .with_assignments(vec![assignment.clone(), assignment])
        .with_configs(vec![config.clone(), config]);
    CreateTopicsRequest::default().with_topics(vec![named.clone(), named]).with_timeout_ms(1)
}

fn delete_topics(version: i16) -> DeleteTopicsRequest {
    if version < 6 {
        return DeleteTopicsRequest::default().with_topic_names(vec![topic(), topic()]);
    }
    let by_id = DeleteTopicState::default().with_topic_id(id());
    let by_name = DeleteTopicState::default().with_name(Some(topic()));
    DeleteTopicsRequest::default().with_topics(vec![by_id, by_name])
}

fn delete_records(_: i16) -> DeleteRecordsRequest {
    let partition = DeleteRecordsPartition::default().with_partition_index(1).with_offset(42);
    let topic = DeleteRecordsTopic::default()
        .with_name(topic())
        .with_partitions(vec![partition.clone(), partition]);
    DeleteRecordsRequest::default().with_topics(vec![topic.clone(), topic]).with_timeout_ms(5_000)
}

fn delete_groups(_: i16) -> DeleteGroupsRequest {
    DeleteGroupsRequest::default().with_groups_names(vec![group(), GroupId(text("audit"))])
}

fn offset_delete(_: i16) -> OffsetDeleteRequest {
    let partition = OffsetDeleteRequestPartition::default().with_partition_index(1);
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(topic())
        .with_partitions(vec![partition.clone(), partition]);
    OffsetDeleteRequest::default().with_group_id(group()).with_topics(vec![topic.clone(), topic])
}

fn init_producer_id(_: i16) -> InitProducerIdRequest {
    InitProducerIdRequest::default()
        .with_transactional_id(Some(TransactionalId(text("t"))))
        .with_transaction_timeout_ms(60_000)
}

fn offset_for_leader_epoch(_: i16) -> OffsetForLeaderEpochRequest {
    let partition = OffsetForLeaderPartition::default().with_partition(1).with_leader_epoch(3);
    let named = OffsetForLeaderTopic::default()
        .with_topic(topic())
        .with_partitions(vec![partition.clone(), partition]);
    OffsetForLeaderEpochRequest::default().with_topics(vec![named])
}

fn describe_configs(_: i16) -> DescribeConfigsRequest {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("orders"))
        .with_configuration_keys(Some(vec![text("retention.ms"), text("segment.bytes")]));
    let all = DescribeConfigsResource::default().with_configuration_keys(None);
    DescribeConfigsRequest::default().with_resources(vec![resource, all])
}

fn create_partitions(_: i16) -> CreatePartitionsRequest {
    let assignment = CreatePartitionsAssignment::default().with_broker_ids(vec![BrokerId(1)]);
    let named = CreatePartitionsTopic::default()
        .with_name(topic())
        .with_count(6)
        .with_assignments(Some(vec![assignment.clone(), assignment]));
    let plain = CreatePartitionsTopic::default().with_name(topic()).with_assignments(None);
    CreatePartitionsRequest::default().with_topics(vec![named, plain]).with_timeout_ms(1)
}

fn alter_configs(_: i16) -> AlterConfigsRequest {
    let set = ReplacedConfig::default().with_name(text("retention.ms")).with_value(some("1"));
    let null = ReplacedConfig::default().with_name(text("flush.ms")).with_value(None);
    let resource = ReplacedResource::default()
        .with_resource_type(2)
        .with_resource_name(text("orders"))
        .with_configs(vec![set, null]);
    AlterConfigsRequest::default().with_resources(vec![resource]).with_validate_only(true)
}

fn incremental_alter_configs(_: i16) -> IncrementalAlterConfigsRequest {
    let set = AlterableConfig::default().with_name(text("retention.ms")).with_value(some("1"));
    let unset = AlterableConfig::default().with_name(text("flush.ms")).with_value(None);
    let resource = AlterConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("orders"))
        .with_configs(vec![set, unset]);
    IncrementalAlterConfigsRequest::default().with_resources(vec![resource])
}

fn list_partition_reassignments(_: i16) -> ListPartitionReassignmentsRequest {
    let named = ListPartitionReassignmentsTopics::default()
        .with_name(topic())
        .with_partition_indexes(vec![0, 1]);
    ListPartitionReassignmentsRequest::default().with_topics(Some(vec![named.clone(), named]))
}

fn describe_cluster(_: i16) -> DescribeClusterRequest {
    DescribeClusterRequest::default().with_include_cluster_authorized_operations(true)
}

#[test]
fn every_request_at_every_version_is_read_as_it_was_written() {
    let examples = all();
    for example in &examples {
        let what = format!("key {} v{}", example.key, example.version);

        let (head, shown) = show(example.frame.clone()).expect(&what);

        assert_eq!((head.api_key, head.api_version), (example.key, example.version));
        assert_eq!((head.correlation_id, head.client_id.as_deref()), (4711, Some("example")));
        assert_eq!(shown, example.shown, "{what}");
    }
    assert_eq!(examples.len(), 197, "requests and versions that are covered");
}

#[test]
fn no_frame_is_read_that_ends_early() {
    for example in all() {
        for end in 0..example.frame.len() {
            let cut = read(example.frame.slice(..end));

            let what = format!("key {} v{} cut at {end}: {cut:?}", example.key, example.version);
            match cut {
                Ok(()) => panic!("{what}"),
                Err(Refused::Head(error)) => assert!(end < 24, "{what}: {error}"),
                Err(Refused::Body(error)) => assert!(end >= 17, "{what}: {error}"),
            }
        }
    }
}
