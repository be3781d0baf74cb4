//! Batches that were made before the clock runs: what a broker takes, where a client library would be
//! the limit.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiKey, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Arguments;
use crate::broker::{Broker, wait};
use crate::raw;
use crate::throughput::Meter;

/// The version of the produce request.
const VERSION: i16 = 8;

/// What is sent.
pub(crate) struct Plan {
    /// Records in all.
    pub(crate) records: u64,
    /// Connections, each with its share.
    pub(crate) producers: u64,
    /// Records in a batch; a request has one batch, as librdkafka's do.
    pub(crate) batch: usize,
    /// Requests that a producer has on the way.
    pub(crate) in_flight: usize,
}

/// Sends it, and prints the rate and what a million records cost the broker.
pub(crate) fn run(arguments: &Arguments, broker: &Broker, topic: &str, plan: &Plan) {
    let acks = if arguments.acks == "all" { -1 } else { arguments.acks.parse().expect("acks") };
    assert_ne!(acks, 0, "answers are waited for");
    let batch = raw::batch(plan.batch, &arguments.value(), raw::now_ms());
    let frames: Arc<[Bytes]> =
        (0..arguments.partitions).map(|index| frame(topic, index, acks, &batch)).collect();
    let batch = u64::try_from(plan.batch).expect("a size");
    let requests = plan.records.div_ceil(plan.producers * batch);
    let meter = Meter::start(broker);
    wait(async {
        let mut senders = JoinSet::new();
        let mut takers = JoinSet::new();
        for _ in 0..plan.producers {
            let stream = TcpStream::connect(broker.bootstrap()).await.expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            let (reader, writer) = stream.into_split();
            let free = Arc::new(Semaphore::new(plan.in_flight));
            senders.spawn(send(writer, Arc::clone(&frames), requests, Arc::clone(&free)));
            takers.spawn(take_answers(reader, requests, free));
        }
        let writers = senders.join_all().await;
        takers.join_all().await;
        drop(writers);
    });
    meter.print("produce", requests * plan.producers * batch, arguments.size);
}

/// A request with one batch for one partition. Nobody looks at its correlation id: answers come in order.
fn frame(topic: &str, partition: i32, acks: i16, batch: &Bytes) -> Bytes {
    let data =
        PartitionProduceData::default().with_index(partition).with_records(Some(batch.clone()));
    let topic = TopicProduceData::default()
        .with_name(raw::topic_name(topic))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(60_000)
        .with_topic_data(vec![topic]);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Produce as i16)
        .with_request_api_version(VERSION);
    let mut body = BytesMut::new();
    header.encode(&mut body, ProduceRequest::header_version(VERSION)).expect("a header");
    request.encode(&mut body, VERSION).expect("a request");
    let mut frame = BytesMut::with_capacity(4 + body.len());
    frame.put_u32(u32::try_from(body.len()).expect("a frame of less than 4 GiB"));
    frame.put(body);
    frame.freeze()
}

/// Sends to all partitions in turn.
async fn send(
    mut writer: OwnedWriteHalf,
    frames: Arc<[Bytes]>,
    requests: u64,
    free: Arc<Semaphore>,
) -> OwnedWriteHalf {
    let count = usize::try_from(requests).expect("a count");
    for frame in frames.iter().cycle().take(count) {
        free.acquire().await.expect("it is never closed").forget();
        writer.write_all(frame).await.expect("the broker reads");
    }
    // Dropped, it would tell the broker that nothing more comes, before the answers are there.
    writer
}

/// Reads an answer for each request, and makes place for the next.
async fn take_answers(mut reader: OwnedReadHalf, requests: u64, free: Arc<Semaphore>) {
    for _ in 0..requests {
        let size = usize::try_from(reader.read_u32().await.expect("an answer")).expect("a size");
        let mut answer = vec![0; size];
        reader.read_exact(&mut answer).await.expect("an answer");
        let mut answer = Bytes::from(answer);
        ResponseHeader::decode(&mut answer, ProduceResponse::header_version(VERSION))
            .expect("a header");
        let answer = ProduceResponse::decode(&mut answer, VERSION).expect("an answer");
        let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
        let refused = partitions.filter(|partition| partition.error_code != 0).count();
        assert_eq!(refused, 0, "batches that were refused");
        free.add_permits(1);
    }
}
