//! Shapes of requests about records, offsets and the cluster's picture.

use super::table::{
    Shape, boolean, bytes, int8, int16, int32, int32s, int64, int64s, list, optional, structure,
    text, texts, uuid,
};
use kafka_protocol::messages::describe_producers_request::TopicRequest as TopicOfProducers;
use kafka_protocol::messages::describe_topic_partitions_request::TopicRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeClusterRequest, DescribeProducersRequest,
    DescribeTopicPartitionsRequest, FetchRequest, InitProducerIdRequest, ListOffsetsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetForLeaderEpochRequest, ProduceRequest,
};

pub(super) const SHAPES: &[Shape] = &[
    Shape::of::<ProduceRequest>(
        9,
        &[
            text("transactional_id").nullable(3),
            int16("acks"),
            int32("timeout_ms"),
            list::<TopicProduceData>(
                "topic_data",
                &[
                    text("name").until(12),
                    uuid("topic_id").from(13),
                    list::<PartitionProduceData>(
                        "partition_data",
                        &[int32("index"), bytes("records").nullable(0)],
                    ),
                ],
            ),
        ],
    ),
    Shape::of::<FetchRequest>(
        12,
        &[
            text("cluster_id").from(12).nullable(12).tagged(0),
            int32("replica_id").until(14),
            structure("replica_state", &[int32("replica_id"), int64("replica_epoch")])
                .from(15)
                .tagged(1),
            int32("max_wait_ms"),
            int32("min_bytes"),
            int32("max_bytes"),
            int8("isolation_level"),
            int32("session_id").from(7),
            int32("session_epoch").from(7),
            list::<FetchTopic>(
                "topics",
                &[
                    text("topic").until(12),
                    uuid("topic_id").from(13),
                    list::<FetchPartition>(
                        "partitions",
                        &[
                            int32("partition"),
                            int32("current_leader_epoch").from(9),
                            int64("fetch_offset"),
                            int32("last_fetched_epoch").from(12),
                            int64("log_start_offset").from(5),
                            int32("partition_max_bytes"),
                            uuid("replica_directory_id").from(17).tagged(0),
                            int64("high_watermark").from(18).tagged(1),
                        ],
                    ),
                ],
            ),
            list::<ForgottenTopic>(
                "forgotten_topics_data",
                &[text("topic").until(12), uuid("topic_id").from(13), int32s("partitions")],
            )
            .from(7),
            text("rack_id").from(11),
        ],
    ),
    Shape::of::<ListOffsetsRequest>(
        6,
        &[
            int32("replica_id"),
            int8("isolation_level").from(2),
            list::<ListOffsetsTopic>(
                "topics",
                &[
                    text("name"),
                    list::<ListOffsetsPartition>(
                        "partitions",
                        &[
                            int32("partition_index"),
                            int32("current_leader_epoch").from(4),
                            int64("timestamp"),
                        ],
                    ),
                ],
            ),
            int32("timeout_ms").from(10),
        ],
    ),
    Shape::of::<MetadataRequest>(
        9,
        &[
            list::<MetadataRequestTopic>(
                "topics",
                &[uuid("topic_id").from(10), text("name").nullable(10)],
            )
            .nullable(1),
            boolean("allow_auto_topic_creation").from(4),
            boolean("include_cluster_authorized_operations").from(8).until(10),
            boolean("include_topic_authorized_operations").from(8),
        ],
    ),
    Shape::of::<ApiVersionsRequest>(
        3,
        &[text("client_software_name").from(3), text("client_software_version").from(3)],
    ),
    Shape::of::<InitProducerIdRequest>(
        2,
        &[
            text("transactional_id").nullable(0),
            int32("transaction_timeout_ms"),
            int64("producer_id").from(3),
            int16("producer_epoch").from(3),
        ],
    ),
    Shape::of::<OffsetForLeaderEpochRequest>(
        4,
        &[
            int32("replica_id").from(3),
            list::<OffsetForLeaderTopic>(
                "topics",
                &[
                    text("topic"),
                    list::<OffsetForLeaderPartition>(
                        "partitions",
                        &[int32("partition"), int32("current_leader_epoch"), int32("leader_epoch")],
                    ),
                ],
            ),
        ],
    ),
    Shape::of::<DescribeClusterRequest>(
        0,
        &[
            boolean("include_cluster_authorized_operations"),
            int8("endpoint_type").from(1),
            boolean("include_fenced_brokers").from(2),
        ],
    ),
    Shape::of::<DescribeTopicPartitionsRequest>(
        0,
        &[
            list::<TopicRequest>("topics", &[text("name")]),
            int32("response_partition_limit"),
            optional("cursor", &[text("topic_name"), int32("partition_index")]),
        ],
    ),
    Shape::of::<DescribeProducersRequest>(
        0,
        &[list::<TopicOfProducers>("topics", &[text("name"), int32s("partition_indexes")])],
    ),
    Shape::of::<ListTransactionsRequest>(
        0,
        &[
            texts("state_filters"),
            int64s("producer_id_filters"),
            int64("duration_filter").from(1),
            text("transactional_id_pattern").from(2).nullable(2),
        ],
    ),
];
