//! A request's frame: its head taken off, its body walked over and decoded.

use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, Criterion, Throughput};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, FetchRequest, MetadataRequest, ProduceRequest, RequestHeader, TopicName,
};
use kafka_protocol::protocol::{Encodable, Request, StrBytes};
use ottla_actors::types::Codec;
use ottla_actors::wire::{RequestHead, decode};

use crate::samples;

const PARTITIONS: i32 = 12;
const TOPIC: &str = "orders";

/// Requests of the versions that librdkafka and Java's client send.
pub(crate) fn run(criterion: &mut Criterion) {
    bench(criterion, "produce, 12 partitions of 16 KiB", 9, &produce());
    bench(criterion, "fetch, 12 partitions", 12, &fetch());
    bench(criterion, "metadata, 1 topic", 12, &metadata());
}

fn bench<Q: Request>(criterion: &mut Criterion, name: &str, version: i16, request: &Q) {
    let frame = frame(version, request);
    let mut group = criterion.benchmark_group("frame decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| {
        // A copy of the handle, as it comes from the connection.
        let decoded = |frame: Bytes| {
            let (head, body) = RequestHead::parse(frame).expect("a head");
            decode::<Q>(head.api_key, head.api_version, body).expect("a request")
        };
        bencher.iter_batched(|| frame.clone(), decoded, BatchSize::SmallInput);
    });
    group.finish();
}

/// A frame without its size, as the broker's connection hands it on.
fn frame<Q: Request>(version: i16, request: &Q) -> Bytes {
    let header = RequestHeader::default()
        .with_request_api_key(Q::KEY)
        .with_request_api_version(version)
        .with_correlation_id(1)
        .with_client_id(Some(StrBytes::from_static_str("benchmark")));
    let key = ApiKey::try_from(Q::KEY).expect("a key of Kafka's");
    let mut frame = BytesMut::new();
    header.encode(&mut frame, key.request_header_version(version)).expect("a header");
    request.encode(&mut frame, version).expect("a body");
    frame.freeze()
}

fn topic() -> TopicName {
    TopicName(StrBytes::from_static_str(TOPIC))
}

fn produce() -> ProduceRequest {
    let (batch, _) = samples::batch(1024, Codec::None);
    let partition =
        |index| PartitionProduceData::default().with_index(index).with_records(Some(batch.clone()));
    let topic = TopicProduceData::default()
        .with_name(topic())
        .with_partition_data((0..PARTITIONS).map(partition).collect());
    ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

fn fetch() -> FetchRequest {
    let partition = |index| {
        FetchPartition::default().with_partition(index).with_partition_max_bytes(1024 * 1024)
    };
    let topic = FetchTopic::default()
        .with_topic(topic())
        .with_partitions((0..PARTITIONS).map(partition).collect());
    FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1).with_topics(vec![topic])
}

fn metadata() -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(topic()));
    MetadataRequest::default().with_topics(Some(vec![topic]))
}
