//! The rdkafka crate: produce, consume, groups and administration from Rust.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::harness::Broker;

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test's future, which has to end in time.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(2 * PATIENCE, test).await.expect("in time") })
}

fn config(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address().to_string());
    config
}

fn consumer(broker: &Broker, group: &str, topic: &str) -> StreamConsumer {
    let consumer: StreamConsumer = config(broker)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("session.timeout.ms", "6000")
        .set("topic.metadata.refresh.interval.ms", "500")
        .create()
        .expect("a consumer");
    consumer.subscribe(&[topic]).expect("a subscription");
    consumer
}

/// Sends the numbers in order, to the partition if one is named, and returns where they are.
async fn send(
    producer: &FutureProducer,
    topic: &str,
    partition: Option<i32>,
    numbers: std::ops::Range<u32>,
) -> Vec<(i32, i64)> {
    let mut sent = Vec::new();
    for number in numbers {
        let (key, value) = (number.to_string(), format!("value {number}"));
        let mut record = FutureRecord::to(topic).key(&key).payload(&value);
        record.partition = partition;
        sent.push(producer.send_result(record).expect("a place in the queue"));
    }
    let mut places = Vec::new();
    for delivery in sent {
        let delivered = delivery.await.expect("an answer").expect("an acknowledgement");
        places.push((delivered.partition, delivered.offset));
    }
    places
}

async fn take(consumer: &StreamConsumer, count: usize) -> Vec<OwnedMessage> {
    let mut records = Vec::new();
    while records.len() < count {
        let record = tokio::time::timeout(PATIENCE, consumer.recv()).await;
        records.push(record.expect("a record in time").expect("a record").detach());
    }
    records
}

fn admin(broker: &Broker) -> AdminClient<DefaultClientContext> {
    config(broker).create().expect("an admin client")
}

async fn create_topic(broker: &Broker, name: &str, partitions: i32) {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let made = admin(broker).create_topics(&[topic], &AdminOptions::new()).await;
    assert_eq!(made.expect("an answer"), [Ok(String::from(name))]);
}

#[test]
fn records_come_back_as_they_were_sent() {
    let broker = Broker::start(&[]);
    run(async {
        let producer: FutureProducer = config(&broker).create().expect("a producer");
        let headers = OwnedHeaders::new()
            .insert(Header { key: "a", value: Some("1") })
            .insert(Header { key: "a", value: None::<&str> });
        let record = FutureRecord::to("records")
            .key("key")
            .payload("value")
            .timestamp(1_900_000_000_000 - 3600)
            .headers(headers);

        // A timestamp far ahead is refused, as Kafka's default limit of one hour says.
        let refused = producer.send(record, PATIENCE).await.expect_err("too far ahead");
        assert_eq!(refused.0.rdkafka_error_code(), Some(RDKafkaErrorCode::InvalidTimestamp));
        let headers = OwnedHeaders::new()
            .insert(Header { key: "a", value: Some("1") })
            .insert(Header { key: "a", value: None::<&str> });
        let record = FutureRecord::to("records").key("key").payload("value").headers(headers);
        producer.send(record, PATIENCE).await.expect("an acknowledgement");

        let got = take(&consumer(&broker, "g", "records"), 1).await.remove(0);
        assert_eq!(got.key(), Some(&b"key"[..]));
        assert_eq!(got.payload(), Some(&b"value"[..]));
        let headers = got.headers().expect("headers");
        let headers: Vec<_> = headers.iter().map(|header| (header.key, header.value)).collect();
        assert_eq!(headers, [("a", Some(&b"1"[..])), ("a", None)]);
    });
}

#[test]
fn each_codec_that_is_built_in_comes_back() {
    let broker = Broker::start(&[]);
    run(async {
        create_topic(&broker, "codecs", 1).await;
        let reader = consumer(&broker, "g", "codecs");
        for codec in ["none", "gzip", "snappy", "lz4"] {
            let producer: FutureProducer = config(&broker)
                .set("compression.codec", codec)
                .set("linger.ms", "20")
                .create()
                .expect("a producer");

            send(&producer, "codecs", Some(0), 0..500).await;

            let got = take(&reader, 500).await;
            let values: Vec<_> =
                got.iter().map(|record| record.payload().expect("a value")).collect();
            let sent: Vec<_> = (0..500).map(|number| format!("value {number}")).collect();
            assert_eq!(values, sent.iter().map(String::as_bytes).collect::<Vec<_>>(), "{codec}");
        }
    });
}

#[test]
fn a_group_goes_on_where_it_committed() {
    let mut broker = Broker::start(&[]);
    run(async {
        let producer: FutureProducer = config(&broker).create().expect("a producer");
        send(&producer, "resume", Some(0), 0..20).await;
        let first = consumer(&broker, "g", "resume");
        take(&first, 20).await;
        let mut positions = TopicPartitionList::new();
        positions.add_partition_offset("resume", 0, Offset::Offset(7)).expect("an offset");
        first.commit(&positions, CommitMode::Sync).expect("a commit");
        drop(first);

        broker.kill();
        broker.start_again();

        let second = consumer(&broker, "g", "resume");
        let got = take(&second, 13).await;
        assert_eq!(
            got.iter().map(Message::offset).collect::<Vec<_>>(),
            (7..20).collect::<Vec<_>>()
        );
        let committed = second.committed_offsets(positions, PATIENCE).expect("an answer");
        assert_eq!(committed.elements()[0].offset(), Offset::Offset(7));
    });
}

#[test]
fn two_members_of_a_group_read_every_record_once() {
    let broker = Broker::start(&[]);
    run(async {
        create_topic(&broker, "shared", 6).await;
        let (first, second) = (consumer(&broker, "g", "shared"), consumer(&broker, "g", "shared"));
        let count = |consumer: &StreamConsumer| consumer.assignment().expect("a list").count();
        while (count(&first), count(&second)) != (3, 3) {
            // Polling is what lets a member take part; nothing is there to be received yet.
            tokio::select! {
                _ = first.recv() => panic!("a record out of nothing"),
                _ = second.recv() => panic!("a record out of nothing"),
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        }

        let producer: FutureProducer = config(&broker).create().expect("a producer");
        for partition in 0..6 {
            send(&producer, "shared", Some(partition), 0..50).await;
        }

        let (one, two) = tokio::join!(take(&first, 150), take(&second, 150));
        let places: BTreeSet<_> =
            one.iter().chain(&two).map(|record| (record.partition(), record.offset())).collect();
        assert_eq!(places.len(), 300);
    });
}

#[test]
fn an_idempotent_producer_goes_on_after_a_kill_of_the_broker() {
    let mut broker = Broker::start(&[]);
    run(async {
        let producer: FutureProducer = config(&broker)
            .set("enable.idempotence", "true")
            .set("reconnect.backoff.max.ms", "200")
            .create()
            .expect("a producer");
        let mut places = send(&producer, "once", Some(0), 0..100).await;

        broker.kill();
        broker.start_again();
        places.extend(send(&producer, "once", Some(0), 100..200).await);

        assert_eq!(places, (0..200).map(|offset| (0, offset)).collect::<Vec<_>>());
        let got = take(&consumer(&broker, "g", "once"), 200).await;
        let keys: Vec<_> = got.iter().map(|record| record.key().expect("a key").to_vec()).collect();
        assert_eq!(keys, (0..200).map(|n: i32| n.to_string().into_bytes()).collect::<Vec<_>>());
    });
}

#[test]
fn topics_are_created_grown_and_deleted() {
    let broker = Broker::start(&[]);
    run(async {
        let (admin, options) = (admin(&broker), AdminOptions::new());
        create_topic(&broker, "one", 2).await;
        let again = NewTopic::new("one", 2, TopicReplication::Fixed(1));
        let again = admin.create_topics(&[again], &options).await.expect("an answer");
        assert_eq!(again, [Err((String::from("one"), RDKafkaErrorCode::TopicAlreadyExists))]);

        let grown = admin.create_partitions(&[NewPartitions::new("one", 5)], &options).await;
        assert_eq!(grown.expect("an answer"), [Ok(String::from("one"))]);
        let metadata = admin.inner().fetch_metadata(Some("one"), PATIENCE).expect("metadata");
        assert_eq!(metadata.topics()[0].partitions().len(), 5);

        let deleted = admin.delete_topics(&["one", "none"], &options).await.expect("an answer");
        let unknown = Err((String::from("none"), RDKafkaErrorCode::UnknownTopicOrPartition));
        assert_eq!(deleted, [Ok(String::from("one")), unknown]);
    });
}

#[test]
fn variables_of_the_kafka_image_are_settings() {
    let variables = [("KAFKA_MESSAGE_MAX_BYTES", "54321")];
    let broker = Broker::start_with(&[], &variables);
    run(async {
        let producer: FutureProducer = config(&broker).create().expect("a producer");
        send(&producer, "auto", None, 0..1).await;

        let found = describe(&broker, "auto").await;
        assert_eq!(
            found.get("max.message.bytes").expect("a config").value.as_deref(),
            Some("54321")
        );
    });
}

async fn describe(broker: &Broker, topic: &str) -> ConfigResource {
    let asked = [ResourceSpecifier::Topic(topic)];
    let found = admin(broker).describe_configs(&asked, &AdminOptions::new()).await;
    found.expect("an answer").remove(0).expect("its configs")
}

#[test]
fn configs_are_described_with_what_was_set() {
    let broker = Broker::start(&[]);
    run(async {
        let (admin, options) = (admin(&broker), AdminOptions::new());
        let topic =
            NewTopic::new("tuned", 1, TopicReplication::Fixed(1)).set("retention.ms", "1234567");
        admin.create_topics(&[topic], &options).await.expect("an answer")[0]
            .clone()
            .expect("created");

        let found = describe(&broker, "tuned").await;
        let value = |name: &str| found.get(name).and_then(|entry| entry.value.clone());
        assert_eq!(value("retention.ms").as_deref(), Some("1234567"));
        assert_eq!(value("cleanup.policy").as_deref(), Some("delete"));
    });
}

#[test]
fn a_wrong_config_is_refused_with_its_reason() {
    let broker = Broker::start(&[]);
    run(async {
        let (admin, options) = (admin(&broker), AdminOptions::new());

        let wrong =
            NewTopic::new("wrong", 1, TopicReplication::Fixed(1)).set("retention.ms", "soon");
        let refused = admin.create_topics(&[wrong], &options).await.expect("an answer");

        assert_eq!(refused, [Err((String::from("wrong"), RDKafkaErrorCode::InvalidConfig))]);
    });
}
