//! A connection that sends one request and waits for its answer: the least a client can be.
//!
//! For workloads of thousands of clients or partitions, where a whole client library would be the
//! larger part of what is measured.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteTopicsRequest, MetadataRequest, ProduceRequest,
    ProduceResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use ottla_actors::wire::BatchBuilder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Between two attempts to connect to a broker that does not listen yet.
const CONNECT_AGAIN: Duration = Duration::from_millis(1);

/// The version in which batches are sent: the last whose lengths are not compact.
pub(crate) const PRODUCE_VERSION: i16 = 8;

/// One connection to the broker.
pub(crate) struct Connection {
    stream: TcpStream,
    correlation_id: i32,
}

impl Connection {
    /// Connects; waits for a broker that does not listen yet.
    pub(crate) async fn open(bootstrap: &str) -> Self {
        loop {
            match TcpStream::connect(bootstrap).await {
                Ok(stream) => {
                    stream.set_nodelay(true).expect("a socket");
                    return Self { stream, correlation_id: 0 };
                }
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    tokio::time::sleep(CONNECT_AGAIN).await;
                }
                Err(error) => unreachable!("{bootstrap} cannot be connected to: {error}"),
            }
        }
    }

    /// Connects and waits until a request is answered.
    pub(crate) async fn ready(bootstrap: &str) -> Self {
        loop {
            let mut connection = Self::open(bootstrap).await;
            // One that ends took the connection with it.
            if connection.ask(0, &ApiVersionsRequest::default()).await.is_ok() {
                return connection;
            }
        }
    }

    /// Sends `request` and waits for its answer.
    pub(crate) async fn ask<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> io::Result<R::Response> {
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let frame = frame(self.correlation_id, version, request)?;
        self.stream.write_all(&frame).await?;
        let (correlation_id, answer) = read_answer::<R>(&mut self.stream, version).await?;
        assert_eq!(correlation_id, self.correlation_id, "answers come in order");
        Ok(answer)
    }

    /// Makes topics of so many partitions each, in one request.
    pub(crate) async fn create_topics(&mut self, names: &[String], partitions: i32) {
        let topic = |name: &String| {
            CreatableTopic::default()
                .with_name(topic_name(name))
                .with_num_partitions(partitions)
                .with_replication_factor(1)
        };
        let request = CreateTopicsRequest::default()
            .with_timeout_ms(60_000)
            .with_topics(names.iter().map(topic).collect());
        let answer = self.ask(5, &request).await.expect("an answer");
        assert!(answer.topics.iter().all(|topic| topic.error_code == 0), "{answer:?}");
    }

    /// Deletes topics, in one request.
    pub(crate) async fn delete_topics(&mut self, names: &[String]) {
        let mut request = DeleteTopicsRequest::default().with_timeout_ms(60_000);
        request.topic_names = names.iter().map(|name| topic_name(name)).collect();
        let answer = self.ask(4, &request).await.expect("an answer");
        assert!(answer.responses.iter().all(|topic| topic.error_code == 0), "{answer:?}");
    }

    /// Asks for the leaders of a topic; how many partitions have one.
    pub(crate) async fn leaders(&mut self, name: &str) -> usize {
        let topic = MetadataRequestTopic::default().with_name(Some(topic_name(name)));
        let request = MetadataRequest::default().with_topics(Some(vec![topic]));
        let answer = self.ask(9, &request).await.expect("an answer");
        let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.filter(|partition| partition.error_code == 0).count()
    }

    /// Sends a batch to each partition of a topic, in one request, and waits until it is on disk.
    pub(crate) async fn produce(&mut self, name: &str, partitions: i32, batch: &Bytes) {
        self.produce_to(name, 0..partitions, batch).await;
    }

    /// Sends a batch to one partition, and waits until it is on disk.
    pub(crate) async fn produce_one(&mut self, name: &str, partition: i32, batch: &Bytes) {
        self.produce_to(name, partition..partition + 1, batch).await;
    }

    async fn produce_to(&mut self, name: &str, partitions: Range<i32>, batch: &Bytes) {
        let request = produce_request(name, partitions, -1, batch);
        assert_taken(&self.ask(PRODUCE_VERSION, &request).await.expect("an answer"));
    }
}

/// A request on the wire, its size in front.
pub(crate) fn frame<R: Request>(
    correlation_id: i32,
    version: i16,
    request: &R,
) -> io::Result<Bytes> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(Some(StrBytes::from_static_str("perf")));
    let mut frame = BytesMut::zeroed(4);
    header.encode(&mut frame, R::header_version(version)).map_err(io::Error::other)?;
    request.encode(&mut frame, version).map_err(io::Error::other)?;
    let size = u32::try_from(frame.len() - 4).expect("a frame of less than 4 GiB");
    frame[..4].copy_from_slice(&size.to_be_bytes());
    Ok(frame.freeze())
}

/// The next answer, and which request it is to.
pub(crate) async fn read_answer<R: Request>(
    stream: &mut (impl AsyncRead + Unpin),
    version: i16,
) -> io::Result<(i32, R::Response)> {
    let size = usize::try_from(stream.read_u32().await?).expect("a size");
    let mut answer = vec![0; size];
    stream.read_exact(&mut answer).await?;
    let mut answer = Bytes::from(answer);
    let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))
        .map_err(io::Error::other)?;
    let answer = R::Response::decode(&mut answer, version).map_err(io::Error::other)?;
    Ok((header.correlation_id, answer))
}

/// The same batch for each of some partitions of a topic.
pub(crate) fn produce_request(
    name: &str,
    partitions: Range<i32>,
    acks: i16,
    batch: &Bytes,
) -> ProduceRequest {
    let data =
        |index| PartitionProduceData::default().with_index(index).with_records(Some(batch.clone()));
    let topic = TopicProduceData::default()
        .with_name(topic_name(name))
        .with_partition_data(partitions.map(data).collect());
    ProduceRequest::default().with_acks(acks).with_timeout_ms(60_000).with_topic_data(vec![topic])
}

/// No partition refused its batch.
pub(crate) fn assert_taken(answer: &ProduceResponse) {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    let refused = partitions.filter(|partition| partition.error_code != 0).count();
    assert_eq!(refused, 0, "partitions that refused their batch");
}

fn topic_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// A batch of `records` records with this value.
pub(crate) fn batch(records: usize, value: &[u8], timestamp_ms: i64) -> Bytes {
    let mut batch = BatchBuilder::new();
    for _ in 0..records {
        batch.record(timestamp_ms, None, Some(value));
    }
    batch.build()
}

/// The time of day as records bear it.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(now.as_millis()).expect("a time before the year 292 million")
}
