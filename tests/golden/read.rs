//! Takes a frame the way a connection does: head first, then the body by its key and version.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterConfigsRequest, AlterPartitionReassignmentsRequest,
    AlterUserScramCredentialsRequest, ApiVersionsRequest, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeLogDirsRequest, DescribeProducersRequest, DescribeQuorumRequest,
    DescribeTopicPartitionsRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, IncrementalAlterConfigsRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListConfigResourcesRequest,
    ListGroupsRequest, ListOffsetsRequest, ListPartitionReassignmentsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, RequestHeader,
    SaslAuthenticateRequest, SaslHandshakeRequest, SyncGroupRequest, UpdateFeaturesRequest,
};
use kafka_protocol::protocol::{Encodable, Request};
use ottla_actors::wire::{DecodeError, FrameError, RequestHead, decode};
use std::fmt::Debug;

/// Why a frame closes its connection.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its head.
    Head(FrameError),
    /// Its body.
    Body(DecodeError),
}

/// A request, whichever it is.
trait AnyRequest: Debug {
    /// The whole frame, written again.
    fn write(&self, head: &RequestHead) -> Bytes;
}

impl<Q: Request + Debug> AnyRequest for Q {
    fn write(&self, head: &RequestHead) -> Bytes {
        let mut frame = BytesMut::new();
        RequestHeader::default()
            .with_request_api_key(head.api_key)
            .with_request_api_version(head.api_version)
            .with_correlation_id(head.correlation_id)
            .with_client_id(head.client_id.clone())
            .encode(&mut frame, Q::header_version(head.api_version))
            .expect("a header");
        self.encode(&mut frame, head.api_version).expect("a request");
        frame.freeze()
    }
}

/// Reads a frame, given without its size, and drops what it holds.
pub(crate) fn read(frame: Bytes) -> Result<(), Refused> {
    let (head, body) = RequestHead::parse(frame).map_err(Refused::Head)?;
    decode_any(&head, body, &mut |_| ())
}

/// Reads a frame and shows the request as text.
pub(crate) fn show(frame: Bytes) -> Result<(RequestHead, String), Refused> {
    let (head, body) = RequestHead::parse(frame).map_err(Refused::Head)?;
    let mut text = String::new();
    decode_any(&head, body, &mut |request| text = format!("{request:?}"))?;
    Ok((head, text))
}

/// Reads a frame and writes it again.
pub(crate) fn rewrite(frame: Bytes) -> Result<Bytes, Refused> {
    let (head, body) = RequestHead::parse(frame).map_err(Refused::Head)?;
    let mut written = Bytes::new();
    decode_any(&head, body, &mut |request| written = request.write(&head))?;
    Ok(written)
}

macro_rules! decode_by_key {
    ($($request:ident)+) => {
        fn decode_any(
            head: &RequestHead,
            body: Bytes,
            seen: &mut dyn FnMut(&dyn AnyRequest),
        ) -> Result<(), Refused> {
            let (key, version) = (head.api_key, head.api_version);
            match key {
                $(<$request as Request>::KEY => {
                    let request =
                        decode::<$request>(key, version, body).map_err(Refused::Body)?;
                    seen(&request);
                    Ok(())
                })+
                _ => Err(Refused::Body(DecodeError::UnknownApi(key))),
            }
        }
    };
}

decode_by_key! {
    ProduceRequest FetchRequest ListOffsetsRequest MetadataRequest OffsetCommitRequest
    OffsetFetchRequest FindCoordinatorRequest JoinGroupRequest HeartbeatRequest LeaveGroupRequest
    SyncGroupRequest DescribeGroupsRequest ListGroupsRequest ApiVersionsRequest CreateTopicsRequest
    DeleteTopicsRequest InitProducerIdRequest OffsetForLeaderEpochRequest DescribeConfigsRequest
    CreatePartitionsRequest IncrementalAlterConfigsRequest ListPartitionReassignmentsRequest
    DescribeClusterRequest DeleteGroupsRequest OffsetDeleteRequest DeleteRecordsRequest
    AlterConfigsRequest DescribeLogDirsRequest ElectLeadersRequest ListConfigResourcesRequest
    DescribeTopicPartitionsRequest ListTransactionsRequest DescribeProducersRequest
    DescribeQuorumRequest AlterPartitionReassignmentsRequest UpdateFeaturesRequest
    DescribeClientQuotasRequest AlterClientQuotasRequest SaslHandshakeRequest
    SaslAuthenticateRequest DescribeUserScramCredentialsRequest AlterUserScramCredentialsRequest
}
