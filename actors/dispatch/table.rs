//! The table of APIs: key, versions served, handler. Everything else follows from it: the
//! ApiVersions answer, range checks, decoding, and a proof at compile time that the codec covers
//! each range.

use super::answer::{Answered, Ask, Closed, Form, Outcome, Pending};
use super::authentication::{Admission, Frames};
use super::charge::Charge;
use super::{Broker, Session};
use super::{
    alter_client_quotas, alter_configs, alter_partition_reassignments,
    alter_user_scram_credentials, api_versions, create_partitions, create_topics, delete_groups,
    delete_records, delete_topics, describe_client_quotas, describe_cluster, describe_configs,
    describe_groups, describe_log_dirs, describe_producers, describe_quorum,
    describe_topic_partitions, describe_user_scram_credentials, elect_leaders, fetch,
    find_coordinator, heartbeat, incremental_alter_configs, init_producer_id, join_group,
    leave_group, list_config_resources, list_groups, list_offsets, list_partition_reassignments,
    list_transactions, metadata, offset_commit, offset_delete, offset_fetch,
    offset_for_leader_epoch, produce, sasl_authenticate, sasl_handshake, sync_group,
    update_features,
};
use crate::wire::{Hold, RequestHead, decode, encode_response};
use bytes::Bytes;
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterConfigsRequest, AlterPartitionReassignmentsRequest,
    AlterUserScramCredentialsRequest, ApiKey, ApiVersionsRequest, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeLogDirsRequest, DescribeProducersRequest, DescribeQuorumRequest,
    DescribeTopicPartitionsRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, IncrementalAlterConfigsRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListConfigResourcesRequest,
    ListGroupsRequest, ListOffsetsRequest, ListPartitionReassignmentsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest, SyncGroupRequest, UpdateFeaturesRequest,
};
use kafka_protocol::protocol::{Message, Request, VersionRange};
use std::time::Duration;

/// How requests of one connection may overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// May start behind other produce requests that are still open: partitions keep the order.
    Produce,
    /// Waits until the connection has nothing open, and lets nothing start behind it: Kafka
    /// works on one request of a connection at a time.
    Alone,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiRow {
    /// API key.
    pub key: i16,
    /// Kafka's name.
    pub name: &'static str,
    /// Lowest version that ApiVersions announces.
    pub advertised_min: i16,
    /// Lowest version served.
    pub min: i16,
    /// Highest version served.
    pub max: i16,
}

const fn covers(range: VersionRange, min: i16, max: i16) -> bool {
    range.min <= min && max <= range.max
}

macro_rules! apis {
    ($($name:ident $request:ident $min:literal ..= $max:literal => $handler:path
        $(, advertised from $advertised:literal)?
        $(, laid out as $layout:literal)?;)+) => {
        /// Every API that is served; ApiVersions announces exactly these.
        pub const API_TABLE: &[ApiRow] = &[$(
            ApiRow {
                key: ApiKey::$name as i16,
                name: stringify!($name),
                advertised_min: apis!(@or $min $($advertised)?),
                min: $min,
                max: $max,
            },
        )+];

        $(const _: () = {
            assert!(
                covers(<$request as Message>::VERSIONS, $min, apis!(@or $max $($layout)?)),
                concat!(stringify!($name), ": the codec cannot decode this range")
            );
            assert!(
                covers(
                    <<$request as Request>::Response as Message>::VERSIONS,
                    $min,
                    apis!(@or $max $($layout)?)
                ),
                concat!(stringify!($name), ": the codec cannot encode this range")
            );
            assert!(<$request as Request>::KEY == ApiKey::$name as i16);
        };)+

        fn call(ask: &mut Ask<'_>, key: i16, body: Bytes) -> Result<Pending, Closed> {
            let (version, correlation_id) = (ask.version, ask.correlation_id);
            let broker = ask.broker;
            let clock = broker.clock;
            match key {
                $(key if key == ApiKey::$name as i16 => {
                    let layout = version.min(apis!(@or $max $($layout)?));
                    let request = decode::<$request>(key, layout, body).map_err(|error| {
                        Closed(format!("{} v{version}: {error}", stringify!($name)))
                    })?;
                    let answer = $handler(ask, request);
                    let charge = std::mem::take(&mut ask.charge);
                    let version = layout;
                    let form = Form { key, version, correlation_id, clock, charge };
                    answer.into_pending(form, broker.metrics())
                })+
                _ => Err(Closed(format!("unknown API key {key}"))),
            }
        }
    };
    (@or $usual:literal) => { $usual };
    (@or $usual:literal $other:literal) => { $other };
}

apis! {
    // librdkafka switches features off unless Produce is announced from 0 (KAFKA-18659).
    Produce ProduceRequest 3..=13 => produce::start, advertised from 0;
    Fetch FetchRequest 4..=18 => fetch::start;
    // Version 11 has the layout of 10 and one timestamp more with a meaning.
    ListOffsets ListOffsetsRequest 1..=11 => list_offsets::start, laid out as 10;
    Metadata MetadataRequest 0..=13 => metadata::start;
    OffsetCommit OffsetCommitRequest 2..=9 => offset_commit::start;
    OffsetFetch OffsetFetchRequest 1..=9 => offset_fetch::start;
    FindCoordinator FindCoordinatorRequest 0..=6 => find_coordinator::start;
    JoinGroup JoinGroupRequest 0..=9 => join_group::start;
    Heartbeat HeartbeatRequest 0..=4 => heartbeat::start;
    LeaveGroup LeaveGroupRequest 0..=5 => leave_group::start;
    SyncGroup SyncGroupRequest 0..=5 => sync_group::start;
    DescribeGroups DescribeGroupsRequest 0..=6 => describe_groups::start;
    ListGroups ListGroupsRequest 0..=5 => list_groups::start;
    SaslHandshake SaslHandshakeRequest 0..=1 => sasl_handshake::start;
    ApiVersions ApiVersionsRequest 0..=4 => api_versions::start;
    CreateTopics CreateTopicsRequest 2..=7 => create_topics::start;
    DeleteTopics DeleteTopicsRequest 1..=6 => delete_topics::start;
    DeleteRecords DeleteRecordsRequest 0..=2 => delete_records::start;
    InitProducerId InitProducerIdRequest 0..=5 => init_producer_id::start;
    OffsetForLeaderEpoch OffsetForLeaderEpochRequest 2..=4 => offset_for_leader_epoch::start;
    DescribeConfigs DescribeConfigsRequest 1..=4 => describe_configs::start;
    AlterConfigs AlterConfigsRequest 0..=2 => alter_configs::start;
    DescribeLogDirs DescribeLogDirsRequest 1..=4 => describe_log_dirs::start;
    SaslAuthenticate SaslAuthenticateRequest 0..=2 => sasl_authenticate::start;
    CreatePartitions CreatePartitionsRequest 0..=3 => create_partitions::start;
    DeleteGroups DeleteGroupsRequest 0..=2 => delete_groups::start;
    ElectLeaders ElectLeadersRequest 0..=2 => elect_leaders::start;
    IncrementalAlterConfigs IncrementalAlterConfigsRequest 0..=1 => incremental_alter_configs::start;
    AlterPartitionReassignments AlterPartitionReassignmentsRequest 0..=1 => alter_partition_reassignments::start;
    ListPartitionReassignments ListPartitionReassignmentsRequest 0..=0 => list_partition_reassignments::start;
    OffsetDelete OffsetDeleteRequest 0..=0 => offset_delete::start;
    DescribeClientQuotas DescribeClientQuotasRequest 0..=1 => describe_client_quotas::start;
    AlterClientQuotas AlterClientQuotasRequest 0..=1 => alter_client_quotas::start;
    DescribeUserScramCredentials DescribeUserScramCredentialsRequest 0..=0 => describe_user_scram_credentials::start;
    AlterUserScramCredentials AlterUserScramCredentialsRequest 0..=0 => alter_user_scram_credentials::start;
    DescribeQuorum DescribeQuorumRequest 0..=2 => describe_quorum::start;
    UpdateFeatures UpdateFeaturesRequest 0..=2 => update_features::start;
    DescribeCluster DescribeClusterRequest 0..=2 => describe_cluster::start;
    DescribeProducers DescribeProducersRequest 0..=0 => describe_producers::start;
    ListTransactions ListTransactionsRequest 0..=1 => list_transactions::start;
    ListConfigResources ListConfigResourcesRequest 0..=1 => list_config_resources::start;
    DescribeTopicPartitions DescribeTopicPartitionsRequest 0..=0 => describe_topic_partitions::start;
}

/// How a request of this key may overlap with others of its connection.
#[must_use]
pub const fn kind_of(api_key: i16) -> Kind {
    if api_key == ApiKey::Produce as i16 { Kind::Produce } else { Kind::Alone }
}

/// The key of the API that a frame without its size is for; -1 if it is none.
#[must_use]
pub fn key_of(session: &Session, frame: &[u8]) -> i16 {
    match session.frames() {
        Frames::Tokens(_) => ApiKey::SaslAuthenticate as i16,
        Frames::Requests | Frames::Authenticating(_) => {
            RequestHead::peek(frame).map_or(-1, |(key, _, _)| key)
        }
    }
}

/// Starts a request, given its frame without the size.
///
/// # Errors
/// The connection is to be closed: an unknown key or version, or bytes that are no such request.
pub fn start(
    broker: &Broker,
    session: &mut Session,
    frame: Bytes,
    hold: Hold,
) -> Result<Pending, Closed> {
    if let Frames::Tokens(_) = session.frames() {
        return Ok(sasl_authenticate::start_token(broker, session, &frame));
    }
    let (head, body) =
        RequestHead::parse(frame).map_err(|error| Closed(format!("bad header: {error}")))?;
    let RequestHead { api_key, api_version: version, correlation_id, client_id } = head;
    // Whose quotas a client uses is not known before it has said who it is.
    let is_charged = session.frames() == Frames::Requests;
    if let Some(client) = &mut session.authentication {
        match client.admit(api_key, broker.clock.mono()) {
            Admission::Granted => {}
            Admission::Refused => {
                return Ok(Pending::Delayed {
                    answered: Answered::default(),
                    until: broker.refused_at(),
                });
            }
            Admission::Expired => return Err(Closed("its session has expired".to_owned())),
        }
    }
    let Some(row) = API_TABLE.iter().find(|row| row.key == api_key) else {
        return Err(Closed(format!("unknown API key {api_key} v{version}")));
    };
    if version < row.min || version > row.max {
        if api_key == ApiKey::ApiVersions as i16 {
            // KIP-511: the answer is v0, whatever was asked, with what is served.
            let response = api_versions::unsupported_version();
            let frame = encode_response(correlation_id, 0, &response)?;
            return Ok(Pending::Ready(Answered::new(vec![frame], Duration::ZERO)));
        }
        return Err(Closed(format!("{} v{version} is not served", row.name)));
    }
    let client_id = client_id.as_deref().unwrap_or_default();
    let now = broker.clock.now();
    let charge = if is_charged {
        Charge::begin(broker, session, client_id, api_key, body.len())
    } else {
        Charge::default()
    };
    let mut ask = Ask { hold, broker, session, version, correlation_id, client_id, now, charge };
    call(&mut ask, api_key, body)
}
