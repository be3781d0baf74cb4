//! Batches that were made before the clock runs: what a broker takes, where a client library would be
//! the limit.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Arguments;
use crate::broker::{Broker, wait};
use crate::raw::{self, PRODUCE_VERSION};
use crate::throughput::Meter;

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
    // Nobody needs their correlation ids: answers come in order.
    let frame = |index| {
        let request = raw::produce_request(topic, index..index + 1, acks, &batch);
        raw::frame(0, PRODUCE_VERSION, &request).expect("a frame")
    };
    let frames: Arc<[Bytes]> = (0..arguments.partitions).map(frame).collect();
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
        let answer = raw::read_answer::<ProduceRequest>(&mut reader, PRODUCE_VERSION).await;
        raw::assert_taken(&answer.expect("an answer").1);
        free.add_permits(1);
    }
}
