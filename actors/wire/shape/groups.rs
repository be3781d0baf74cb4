//! Shapes of requests to group coordinators.

use super::table::{Shape, boolean, bytes, int8, int32, int32s, int64, list, text, texts};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest,
};

pub(super) const SHAPES: &[Shape] = &[
    Shape::of::<OffsetCommitRequest>(
        8,
        &[
            text("group_id"),
            int32("generation_id_or_member_epoch"),
            text("member_id"),
            text("group_instance_id").from(7).nullable(7),
            int64("retention_time_ms").until(4),
            list::<OffsetCommitRequestTopic>(
                "topics",
                &[
                    text("name"),
                    list::<OffsetCommitRequestPartition>(
                        "partitions",
                        &[
                            int32("partition_index"),
                            int64("committed_offset"),
                            int32("committed_leader_epoch").from(6),
                            text("committed_metadata").nullable(0),
                        ],
                    ),
                ],
            ),
        ],
    ),
    Shape::of::<OffsetFetchRequest>(
        6,
        &[
            text("group_id").until(7),
            list::<OffsetFetchRequestTopic>("topics", &[text("name"), int32s("partition_indexes")])
                .until(7)
                .nullable(2),
            list::<OffsetFetchRequestGroup>(
                "groups",
                &[
                    text("group_id"),
                    text("member_id").from(9).nullable(9),
                    int32("member_epoch").from(9),
                    list::<OffsetFetchRequestTopics>(
                        "topics",
                        &[text("name"), int32s("partition_indexes")],
                    )
                    .nullable(8),
                ],
            )
            .from(8),
            boolean("require_stable").from(7),
        ],
    ),
    Shape::of::<FindCoordinatorRequest>(
        3,
        &[text("key").until(3), int8("key_type").from(1), texts("coordinator_keys").from(4)],
    ),
    Shape::of::<JoinGroupRequest>(
        6,
        &[
            text("group_id"),
            int32("session_timeout_ms"),
            int32("rebalance_timeout_ms").from(1),
            text("member_id"),
            text("group_instance_id").from(5).nullable(5),
            text("protocol_type"),
            list::<JoinGroupRequestProtocol>("protocols", &[text("name"), bytes("metadata")]),
            text("reason").from(8).nullable(8),
        ],
    ),
    Shape::of::<HeartbeatRequest>(
        4,
        &[
            text("group_id"),
            int32("generation_id"),
            text("member_id"),
            text("group_instance_id").from(3).nullable(3),
        ],
    ),
    Shape::of::<LeaveGroupRequest>(
        4,
        &[
            text("group_id"),
            text("member_id").until(2),
            list::<MemberIdentity>(
                "members",
                &[
                    text("member_id"),
                    text("group_instance_id").nullable(3),
                    text("reason").from(5).nullable(5),
                ],
            )
            .from(3),
        ],
    ),
    Shape::of::<SyncGroupRequest>(
        4,
        &[
            text("group_id"),
            int32("generation_id"),
            text("member_id"),
            text("group_instance_id").from(3).nullable(3),
            text("protocol_type").from(5).nullable(5),
            text("protocol_name").from(5).nullable(5),
            list::<SyncGroupRequestAssignment>(
                "assignments",
                &[text("member_id"), bytes("assignment")],
            ),
        ],
    ),
    Shape::of::<DescribeGroupsRequest>(
        5,
        &[texts("groups"), boolean("include_authorized_operations").from(3)],
    ),
    Shape::of::<DeleteGroupsRequest>(2, &[texts("groups_names")]),
    Shape::of::<OffsetDeleteRequest>(
        i16::MAX,
        &[
            text("group_id"),
            list::<OffsetDeleteRequestTopic>(
                "topics",
                &[
                    text("name"),
                    list::<OffsetDeleteRequestPartition>("partitions", &[int32("partition_index")]),
                ],
            ),
        ],
    ),
    Shape::of::<ListGroupsRequest>(
        3,
        &[texts("states_filter").from(4), texts("types_filter").from(5)],
    ),
];
