//! Where answers carry their error codes, so that they can be counted, and their throttle time.
//!
//! Kafka's `AbstractResponse.errorCounts`: a code counts once for each topic, partition or group
//! that it is told of. An API whose answer stands in no row does not compile. Fetch answers are
//! written without the codec, so `fetch` counts its own.

use crate::types::Metrics;
use kafka_protocol::messages::{
    AlterClientQuotasResponse, AlterConfigsResponse, AlterPartitionReassignmentsResponse,
    AlterUserScramCredentialsResponse, ApiVersionsResponse, CreatePartitionsResponse,
    CreateTopicsResponse, DeleteGroupsResponse, DeleteRecordsResponse, DeleteTopicsResponse,
    DescribeClientQuotasResponse, DescribeClusterResponse, DescribeConfigsResponse,
    DescribeGroupsResponse, DescribeLogDirsResponse, DescribeProducersResponse,
    DescribeQuorumResponse, DescribeTopicPartitionsResponse, DescribeUserScramCredentialsResponse,
    ElectLeadersResponse, FindCoordinatorResponse, HeartbeatResponse,
    IncrementalAlterConfigsResponse, InitProducerIdResponse, JoinGroupResponse, LeaveGroupResponse,
    ListConfigResourcesResponse, ListGroupsResponse, ListOffsetsResponse,
    ListPartitionReassignmentsResponse, ListTransactionsResponse, MetadataResponse,
    OffsetCommitResponse, OffsetDeleteResponse, OffsetFetchResponse, OffsetForLeaderEpochResponse,
    ProduceResponse, SaslAuthenticateResponse, SaslHandshakeResponse, SyncGroupResponse,
    UpdateFeaturesResponse,
};

/// An answer of which the fields are known that most answers have.
pub(crate) trait AnswerFields {
    /// Shows each code, 0 where nothing is wrong.
    fn each_code(&self, count: &mut dyn FnMut(i16));

    /// How long the client is told to pause, in ms; none where the answer has no such field, so that
    /// its request is not held against a quota (inter-broker requests, and authentication).
    fn throttle_time_ms(&mut self) -> Option<&mut i32>;
}

/// Counts the codes of an answer of the API with this key.
pub(super) fn count_errors(metrics: &Metrics, key: i16, answer: &impl AnswerFields) {
    if let Some(api) = metrics.api(key) {
        answer.each_code(&mut |code| api.error(code));
    }
}

macro_rules! error_codes {
    ($($answer:ident $(($timeless:ident))?: $($first:ident $(/ $next:ident)*),+;)+) => {
        $(impl AnswerFields for $answer {
            fn each_code(&self, count: &mut dyn FnMut(i16)) {
                $(error_codes!(@ self, count, $first $(/ $next)*);)+
            }

            fn throttle_time_ms(&mut self) -> Option<&mut i32> {
                error_codes!(@time self $($timeless)?)
            }
        })+
    };
    (@time $from:ident) => { Some(&mut $from.throttle_time_ms) };
    (@time $from:ident timeless) => { None };
    (@ $from:expr, $count:ident, $code:ident) => { $count($from.$code) };
    (@ $from:expr, $count:ident, $list:ident $(/ $next:ident)+) => {
        for part in &$from.$list {
            error_codes!(@ part, $count, $($next)/+);
        }
    };
}

error_codes! {
    AlterClientQuotasResponse: entries/error_code;
    AlterConfigsResponse: responses/error_code;
    AlterPartitionReassignmentsResponse: error_code, responses/partitions/error_code;
    AlterUserScramCredentialsResponse: results/error_code;
    ApiVersionsResponse: error_code;
    CreatePartitionsResponse: results/error_code;
    CreateTopicsResponse: topics/error_code;
    DeleteGroupsResponse: results/error_code;
    DeleteRecordsResponse: topics/partitions/error_code;
    DeleteTopicsResponse: responses/error_code;
    DescribeClientQuotasResponse: error_code;
    DescribeClusterResponse: error_code;
    DescribeConfigsResponse: results/error_code;
    DescribeGroupsResponse: groups/error_code;
    DescribeLogDirsResponse: error_code, results/error_code;
    DescribeProducersResponse: topics/partitions/error_code;
    DescribeQuorumResponse (timeless): error_code, topics/partitions/error_code;
    DescribeTopicPartitionsResponse: topics/error_code, topics/partitions/error_code;
    DescribeUserScramCredentialsResponse: error_code, results/error_code;
    ElectLeadersResponse: error_code, replica_election_results/partition_result/error_code;
    FindCoordinatorResponse: error_code, coordinators/error_code;
    HeartbeatResponse: error_code;
    IncrementalAlterConfigsResponse: responses/error_code;
    InitProducerIdResponse: error_code;
    JoinGroupResponse: error_code;
    LeaveGroupResponse: error_code, members/error_code;
    ListConfigResourcesResponse: error_code;
    ListGroupsResponse: error_code;
    ListOffsetsResponse: topics/partitions/error_code;
    ListPartitionReassignmentsResponse: error_code;
    ListTransactionsResponse: error_code;
    MetadataResponse: error_code, topics/error_code, topics/partitions/error_code;
    OffsetCommitResponse: topics/partitions/error_code;
    OffsetDeleteResponse: error_code, topics/partitions/error_code;
    OffsetFetchResponse: error_code, topics/partitions/error_code,
        groups/error_code, groups/topics/partitions/error_code;
    OffsetForLeaderEpochResponse: topics/partitions/error_code;
    ProduceResponse: responses/partition_responses/error_code;
    SaslAuthenticateResponse (timeless): error_code;
    SaslHandshakeResponse (timeless): error_code;
    SyncGroupResponse: error_code;
    UpdateFeaturesResponse: error_code, results/error_code;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode_response;
    use kafka_protocol::messages::metadata_response::{
        MetadataResponsePartition, MetadataResponseTopic,
    };
    use kafka_protocol::protocol::{Encodable, HeaderVersion, Message};

    #[test]
    fn codes_count_wherever_an_answer_has_them() {
        let partition = |code| MetadataResponsePartition::default().with_error_code(code);
        let topic = |code, partitions: &[i16]| {
            MetadataResponseTopic::default()
                .with_error_code(code)
                .with_partitions(partitions.iter().copied().map(partition).collect())
        };
        let answer = MetadataResponse::default()
            .with_error_code(29)
            .with_topics(vec![topic(0, &[5, 0]), topic(3, &[])]);
        let metrics = Metrics::default();

        count_errors(&metrics, 3, &answer);

        let counted = metrics.api(3).map(|api| api.errors().collect::<Vec<_>>());
        assert_eq!(counted, Some(vec![(3, 1), (5, 1), (29, 1)]));
    }

    /// Tells of a pause at each version, those included whose answers have no room for it.
    fn is_told<R: AnswerFields + Default + Encodable + HeaderVersion + Message>() {
        let mut answer = R::default();
        *answer.throttle_time_ms().unwrap() = 1000;
        for version in R::VERSIONS.min..=R::VERSIONS.max {
            let name = std::any::type_name::<R>();
            assert!(encode_response(1, version, &answer).is_ok(), "{name} v{version}");
        }
    }

    #[test]
    fn a_pause_can_be_told_at_each_version() {
        is_told::<ApiVersionsResponse>();
        is_told::<MetadataResponse>();
        is_told::<FindCoordinatorResponse>();
        is_told::<JoinGroupResponse>();
        is_told::<SyncGroupResponse>();
        is_told::<HeartbeatResponse>();
        is_told::<LeaveGroupResponse>();
        is_told::<ListGroupsResponse>();
        is_told::<DescribeGroupsResponse>();
        is_told::<OffsetFetchResponse>();
        is_told::<OffsetCommitResponse>();
        is_told::<ListOffsetsResponse>();
        is_told::<CreateTopicsResponse>();
        is_told::<DeleteTopicsResponse>();
        is_told::<ProduceResponse>();
    }
}
