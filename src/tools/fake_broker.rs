//! A broker for tests of tools: answers one connection from closures, so that requests that no broker
//! at hand serves can be tried as well.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use bytes::{Buf as _, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, BrokerId, FindCoordinatorRequest,
    FindCoordinatorResponse, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{
    Decodable as _, Encodable as _, HeaderVersion as _, Request, VersionRange,
};

use super::client::{text, topic_name};

type Answer = Box<dyn FnMut(i16, Bytes) -> BytesMut + Send>;

/// What is answered to one kind of request.
pub(super) struct Handler {
    key: i16,
    versions: VersionRange,
    answer: Answer,
}

/// Answers requests of type `R`, in every version.
pub(super) fn on<R: Request>(
    mut respond: impl FnMut(R) -> R::Response + Send + 'static,
) -> Handler {
    let answer = move |version: i16, mut frame: Bytes| {
        let header = RequestHeader::decode(&mut frame, R::header_version(version)).unwrap();
        let response = respond(R::decode(&mut frame, version).unwrap());
        assert!(!frame.has_remaining(), "the request is read to its end");
        let mut out = BytesMut::new();
        let head = ResponseHeader::default().with_correlation_id(header.correlation_id);
        head.encode(&mut out, R::Response::header_version(version)).unwrap();
        response.encode(&mut out, version).unwrap();
        out
    };
    Handler { key: R::KEY, versions: R::VERSIONS, answer: Box::new(answer) }
}

/// Starts a broker with id 1 that has the topic `in` with one partition and coordinates every group;
/// its address. It ends with the connection.
pub(super) fn start(mut handlers: Vec<Handler>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = i32::from(listener.local_addr().unwrap().port());
    handlers.push(on(move |request: MetadataRequest| metadata(&request, port)));
    handlers.push(on(move |_: FindCoordinatorRequest| {
        let found = kafka_protocol::messages::find_coordinator_response::Coordinator::default()
            .with_node_id(BrokerId(1))
            .with_host(text("127.0.0.1"))
            .with_port(port);
        FindCoordinatorResponse::default().with_coordinators(vec![found])
    }));
    let served: Vec<ApiVersion> = handlers
        .iter()
        .map(|handler| {
            // The oldest versions lay some answers out otherwise.
            ApiVersion::default()
                .with_api_key(handler.key)
                .with_min_version(handler.versions.max.min(4).max(handler.versions.min))
                .with_max_version(handler.versions.max)
        })
        .collect();
    handlers.push(on(move |_: ApiVersionsRequest| {
        ApiVersionsResponse::default().with_api_keys(served.clone())
    }));
    thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        // The end of the connection is the end of the test.
        serve(socket, &mut handlers).unwrap_or_default();
    });
    format!("127.0.0.1:{port}")
}

fn metadata(request: &MetadataRequest, port: i32) -> MetadataResponse {
    let broker = MetadataResponseBroker::default()
        .with_node_id(BrokerId(1))
        .with_host(text("127.0.0.1"))
        .with_port(port);
    let partition = MetadataResponsePartition::default()
        .with_leader_id(BrokerId(1))
        .with_replica_nodes(vec![BrokerId(1)])
        .with_isr_nodes(vec![BrokerId(1)]);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(topic_name("in")))
        .with_partitions(vec![partition]);
    let asked = request.topics.as_ref().is_none_or(|topics| !topics.is_empty());
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(text("cluster")))
        .with_controller_id(BrokerId(1))
        .with_topics(if asked { vec![topic] } else { Vec::new() })
}

fn serve(mut socket: TcpStream, handlers: &mut [Handler]) -> io::Result<()> {
    loop {
        let mut size = [0; 4];
        socket.read_exact(&mut size)?;
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(size)).unwrap()];
        socket.read_exact(&mut frame)?;
        let frame = Bytes::from(frame);
        let (key, version) = (frame.slice(..).get_i16(), frame.slice(2..).get_i16());
        let handler = handlers.iter_mut().find(|handler| handler.key == key).unwrap();
        let answer = (handler.answer)(version, frame);
        socket.write_all(&u32::try_from(answer.len()).unwrap().to_be_bytes())?;
        socket.write_all(&answer)?;
    }
}
