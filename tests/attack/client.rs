//! A client that does what it is told, without any manners of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateTopicsRequest, FetchRequest, ProduceRequest, TopicName,
};
use kafka_protocol::protocol::{Request, StrBytes};
use ottla_actors::types::{Codec, CompressionTarget};
use ottla_actors::wire::{BatchBuilder, HEADER_BYTES, crc_of};

use crate::harness;

/// Versions that name topics by name.
pub(crate) const PRODUCE_VERSION: i16 = 9;
pub(crate) const FETCH_VERSION: i16 = 11;

/// A connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
}

/// A request on the wire, its size in front.
pub(crate) fn frame<R: Request>(version: i16, request: &R) -> Bytes {
    frame_of("attack", version, request)
}

/// The same from a client of another name.
pub(crate) fn frame_of<R: Request>(client_id: &str, version: i16, request: &R) -> Bytes {
    harness::frame_of(Some(client_id), 1, version, request)
}

pub(crate) fn topic_name(name: &str) -> TopicName {
    TopicName(harness::text(name))
}

/// One batch of one record.
pub(crate) fn batch(value: &[u8], codec: Codec) -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.record(now_ms(), None, Some(value));
    builder.build_compressed(CompressionTarget::with_default_level(codec)).expect("a batch")
}

/// Of now: retention deletes what is old, acknowledged or not.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    i64::try_from(now.as_millis()).expect("a time")
}

/// A batch with other records and another codec, its length and checksum right again.
pub(crate) fn with_records(batch: &[u8], codec: Codec, records: &[u8]) -> Bytes {
    let mut batch = [&batch[..HEADER_BYTES], records].concat();
    let length = i32::try_from(batch.len() - 12).expect("a batch that has a size");
    batch.splice(8..12, length.to_be_bytes());
    batch.splice(21..23, codec.id().to_be_bytes());
    let crc = crc_of(&batch);
    batch.splice(17..21, crc.to_be_bytes());
    batch.into()
}

/// A produce request of one batch, acknowledged when it is durable.
pub(crate) fn produce(topic: &str, records: &Bytes) -> ProduceRequest {
    produce_each(std::iter::once(topic), 1, records)
}

/// The same batch for each of the first partitions of each topic.
pub(crate) fn produce_each(
    topics: impl Iterator<Item = impl AsRef<str>>,
    partitions: i32,
    records: &Bytes,
) -> ProduceRequest {
    let partition = |index| {
        PartitionProduceData::default().with_index(index).with_records(Some(records.clone()))
    };
    let topics = topics.map(|topic| {
        TopicProduceData::default()
            .with_name(topic_name(topic.as_ref()))
            .with_partition_data((0..partitions).map(partition).collect())
    });
    let topics = topics.collect();
    ProduceRequest::default().with_acks(-1).with_timeout_ms(60_000).with_topic_data(topics)
}

/// A fetch of the same partition so many times over.
pub(crate) fn fetch(topic: &str, offset: i64, times: usize) -> FetchRequest {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(i32::MAX);
    fetch_each(topic, vec![partition; times])
}

/// A fetch of partitions of one topic, without a session.
pub(crate) fn fetch_each(topic: &str, partitions: Vec<FetchPartition>) -> FetchRequest {
    let named = FetchTopic::default().with_topic(topic_name(topic)).with_partitions(partitions);
    FetchRequest::default().with_max_bytes(i32::MAX).with_session_epoch(-1).with_topics(vec![named])
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self { socket: harness::connect(address) }
    }

    pub(crate) fn send(&mut self, frame: &[u8]) {
        self.socket.write_all(frame).expect("the bytes are sent");
    }

    /// The next answer, without its size.
    pub(crate) fn receive(&mut self) -> std::io::Result<Bytes> {
        harness::read_frame(&mut self.socket)
    }

    pub(crate) fn ask<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(&frame(version, request));
        self.answer::<R>(version)
    }

    /// The answer to a request that was sent.
    pub(crate) fn answer<R: Request>(&mut self, version: i16) -> R::Response {
        harness::answer_of::<R>(version, self.receive().expect("an answer")).1
    }

    pub(crate) fn create_topic(&mut self, name: &str, partitions: i32) {
        self.create_topic_with(name, partitions, &[]);
    }

    pub(crate) fn create_topic_with(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&'static str, &'static str)],
    ) {
        let configs = configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(Some(StrBytes::from_static_str(value)))
        });
        let topic = CreatableTopic::default()
            .with_name(topic_name(name))
            .with_num_partitions(partitions)
            .with_replication_factor(1)
            .with_configs(configs.collect());
        let request =
            CreateTopicsRequest::default().with_timeout_ms(60_000).with_topics(vec![topic]);
        let answer = self.ask(5, &request);
        assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
    }

    /// Produces one batch; the error code and the offset.
    pub(crate) fn produce(&mut self, topic: &str, records: &Bytes) -> (i16, i64) {
        let answer = self.ask(PRODUCE_VERSION, &produce(topic, records));
        let partition = &answer.responses[0].partition_responses[0];
        (partition.error_code, partition.base_offset)
    }

    /// What a partition has from an offset on: batches as they are stored.
    pub(crate) fn fetch(&mut self, topic: &str, offset: i64) -> Bytes {
        let answer = self.ask(FETCH_VERSION, &fetch(topic, offset, 1));
        let partition = &answer.responses[0].partitions[0];
        assert_eq!(partition.error_code, 0, "{partition:?}");
        partition.records.clone().unwrap_or_default()
    }

    /// Whether a request is answered.
    pub(crate) fn is_served(&mut self) -> bool {
        let ask = frame(0, &ApiVersionsRequest::default());
        self.socket.write_all(&ask).is_ok() && self.receive().is_ok()
    }

    /// Whether the broker has closed the connection without an answer.
    pub(crate) fn is_closed(&mut self) -> bool {
        !matches!(self.socket.read(&mut [0]), Ok(1))
    }
}

/// The frame of a fetch of one partition, so many times over.
pub(crate) fn fetch_frame(topic: &str, times: usize) -> Bytes {
    frame(FETCH_VERSION, &fetch(topic, 0, times))
}

/// The frame of a produce request.
pub(crate) fn produce_frame(topic: &str, records: &Bytes) -> Bytes {
    frame(PRODUCE_VERSION, &produce(topic, records))
}
