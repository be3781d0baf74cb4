//! Shapes of requests that change or describe topics and configs.

use super::table::{
    Shape, boolean, float64, int8, int8s, int16, int32, int32s, int64, list, text, texts, uuid,
};
use kafka_protocol::messages::alter_client_quotas_request::{
    EntityData as QuotaEntityPart, EntryData as QuotaEntry, OpData,
};
use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as ReplacedResource, AlterableConfig as ReplacedConfig,
};
use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
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
use kafka_protocol::messages::describe_client_quotas_request::ComponentData;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_quorum_request::{
    PartitionData as PartitionOfQuorum, TopicData as TopicOfQuorum,
};
use kafka_protocol::messages::elect_leaders_request::TopicPartitions;
use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use kafka_protocol::messages::list_partition_reassignments_request::ListPartitionReassignmentsTopics;
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterConfigsRequest, AlterPartitionReassignmentsRequest,
    CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeClientQuotasRequest, DescribeConfigsRequest, DescribeLogDirsRequest,
    DescribeQuorumRequest, ElectLeadersRequest, IncrementalAlterConfigsRequest,
    ListConfigResourcesRequest, ListPartitionReassignmentsRequest, UpdateFeaturesRequest,
};

pub(super) const SHAPES: &[Shape] = &[
    Shape::of::<CreateTopicsRequest>(
        5,
        &[
            list::<CreatableTopic>(
                "topics",
                &[
                    text("name"),
                    int32("num_partitions"),
                    int16("replication_factor"),
                    list::<CreatableReplicaAssignment>(
                        "assignments",
                        &[int32("partition_index"), int32s("broker_ids")],
                    ),
                    list::<CreatableTopicConfig>(
                        "configs",
                        &[text("name"), text("value").nullable(0)],
                    ),
                ],
            ),
            int32("timeout_ms"),
            boolean("validate_only"),
        ],
    ),
    Shape::of::<DeleteTopicsRequest>(
        4,
        &[
            list::<DeleteTopicState>("topics", &[text("name").nullable(6), uuid("topic_id")])
                .from(6),
            texts("topic_names").until(5),
            int32("timeout_ms"),
        ],
    ),
    Shape::of::<DeleteRecordsRequest>(
        2,
        &[
            list::<DeleteRecordsTopic>(
                "topics",
                &[
                    text("name"),
                    list::<DeleteRecordsPartition>(
                        "partitions",
                        &[int32("partition_index"), int64("offset")],
                    ),
                ],
            ),
            int32("timeout_ms"),
        ],
    ),
    Shape::of::<DescribeConfigsRequest>(
        4,
        &[
            list::<DescribeConfigsResource>(
                "resources",
                &[
                    int8("resource_type"),
                    text("resource_name"),
                    texts("configuration_keys").nullable(0),
                ],
            ),
            boolean("include_synonyms"),
            boolean("include_documentation").from(3),
        ],
    ),
    Shape::of::<AlterConfigsRequest>(
        2,
        &[
            list::<ReplacedResource>(
                "resources",
                &[
                    int8("resource_type"),
                    text("resource_name"),
                    list::<ReplacedConfig>("configs", &[text("name"), text("value").nullable(0)]),
                ],
            ),
            boolean("validate_only"),
        ],
    ),
    Shape::of::<CreatePartitionsRequest>(
        2,
        &[
            list::<CreatePartitionsTopic>(
                "topics",
                &[
                    text("name"),
                    int32("count"),
                    list::<CreatePartitionsAssignment>("assignments", &[int32s("broker_ids")])
                        .nullable(0),
                ],
            ),
            int32("timeout_ms"),
            boolean("validate_only"),
        ],
    ),
    Shape::of::<IncrementalAlterConfigsRequest>(
        1,
        &[
            list::<AlterConfigsResource>(
                "resources",
                &[
                    int8("resource_type"),
                    text("resource_name"),
                    list::<AlterableConfig>(
                        "configs",
                        &[text("name"), int8("config_operation"), text("value").nullable(0)],
                    ),
                ],
            ),
            boolean("validate_only"),
        ],
    ),
    Shape::of::<DescribeLogDirsRequest>(
        2,
        &[list::<DescribableLogDirTopic>("topics", &[text("topic"), int32s("partitions")])
            .nullable(0)],
    ),
    Shape::of::<ElectLeadersRequest>(
        2,
        &[
            int8("election_type").from(1),
            list::<TopicPartitions>("topic_partitions", &[text("topic"), int32s("partitions")])
                .nullable(0),
            int32("timeout_ms"),
        ],
    ),
    Shape::of::<ListConfigResourcesRequest>(0, &[int8s("resource_types").from(1)]),
    Shape::of::<AlterPartitionReassignmentsRequest>(
        0,
        &[
            int32("timeout_ms"),
            boolean("allow_replication_factor_change").from(1),
            list::<ReassignableTopic>(
                "topics",
                &[
                    text("name"),
                    list::<ReassignablePartition>(
                        "partitions",
                        &[int32("partition_index"), int32s("replicas").nullable(0)],
                    ),
                ],
            ),
        ],
    ),
    Shape::of::<UpdateFeaturesRequest>(
        0,
        &[
            int32("timeout_ms"),
            list::<FeatureUpdateKey>(
                "feature_updates",
                &[
                    text("feature"),
                    int16("max_version_level"),
                    boolean("allow_downgrade").until(0),
                    int8("upgrade_type").from(1),
                ],
            ),
            boolean("validate_only").from(1),
        ],
    ),
    Shape::of::<DescribeClientQuotasRequest>(
        1,
        &[
            list::<ComponentData>(
                "components",
                &[text("entity_type"), int8("match_type"), text("match").nullable(0)],
            ),
            boolean("strict"),
        ],
    ),
    Shape::of::<AlterClientQuotasRequest>(
        1,
        &[
            list::<QuotaEntry>(
                "entries",
                &[
                    list::<QuotaEntityPart>(
                        "entity",
                        &[text("entity_type"), text("entity_name").nullable(0)],
                    ),
                    list::<OpData>("ops", &[text("key"), float64("value"), boolean("remove")]),
                ],
            ),
            boolean("validate_only"),
        ],
    ),
    Shape::of::<DescribeQuorumRequest>(
        0,
        &[list::<TopicOfQuorum>(
            "topics",
            &[
                text("topic_name"),
                list::<PartitionOfQuorum>("partitions", &[int32("partition_index")]),
            ],
        )],
    ),
    Shape::of::<ListPartitionReassignmentsRequest>(
        0,
        &[
            int32("timeout_ms"),
            list::<ListPartitionReassignmentsTopics>(
                "topics",
                &[text("name"), int32s("partition_indexes")],
            )
            .nullable(0),
        ],
    ),
];
