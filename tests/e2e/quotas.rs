//! Client quotas from outside: what clients are told, what the page counts, what a restart keeps.
//! How long the broker really pauses is measured nowhere; what it answers meanwhile is.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::messages::alter_client_quotas_request::{EntityData, EntryData, OpData};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, BrokerId, CreateTopicsRequest, FetchRequest, FetchResponse,
    MetadataRequest, ProduceRequest, TopicName,
};
use ottla_actors::wire::BatchBuilder;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Statistics};

use crate::harness::{Broker, Client, PATIENCE, Shell, broker_with_page, samples, text, value};

impl Client {
    /// Sets a quota, or unsets it; counts at once.
    fn set(&mut self, entity: (&str, Option<&str>), key: &str, value: Option<f64>) {
        let (kind, name) = entity;
        let part =
            EntityData::default().with_entity_type(text(kind)).with_entity_name(name.map(text));
        let op = OpData::default()
            .with_key(text(key))
            .with_value(value.unwrap_or_default())
            .with_remove(value.is_none());
        let entry = EntryData::default().with_entity(vec![part]).with_ops(vec![op]);
        let request = AlterClientQuotasRequest::default().with_entries(vec![entry]);
        let answer = self.ask(1, &request);
        assert_eq!(answer.entries[0].error_code, 0, "{:?}", answer.entries[0].error_message);
    }

    fn create(&mut self, topic: &str) {
        let topic = CreatableTopic::default()
            .with_name(TopicName(text(topic)))
            .with_num_partitions(1)
            .with_replication_factor(1);
        let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(1000);
        assert_eq!(self.ask(4, &request).topics[0].error_code, 0);
    }

    fn produce(&mut self, topic: &str, value_bytes: usize) -> i32 {
        let answer = self.ask(9, &produce(topic, value_bytes, -1));
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
        answer.throttle_time_ms
    }

    /// Fetches within a session: its id and the epoch of the request.
    fn fetch(&mut self, topic: &str, offset: i64, session: (i32, i32)) -> FetchResponse {
        let partition =
            FetchPartition::default().with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
        let topic = FetchTopic::default()
            .with_topic(TopicName(text(topic)))
            .with_partitions(vec![partition]);
        let request = FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_bytes(1 << 20)
            .with_session_id(session.0)
            .with_session_epoch(session.1)
            .with_topics(vec![topic]);
        self.ask(11, &request)
    }

    /// Whether the broker serves this connection; the alternative is that it closes it.
    fn is_served(&mut self) -> bool {
        let ask = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
        let mut answer = [0; 1];
        match self.socket.write_all(&ask).and_then(|()| self.socket.read(&mut answer)) {
            Ok(count) => count == 1,
            Err(problem) => {
                let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
                assert!(kinds.contains(&problem.kind()), "{problem}");
                false
            }
        }
    }
}

fn produce(topic: &str, value_bytes: usize, acks: i16) -> ProduceRequest {
    let mut batch = BatchBuilder::new();
    batch.record(0, None, Some(&vec![b'x'; value_bytes]));
    let data = PartitionProduceData::default().with_records(Some(batch.build()));
    let topic = TopicProduceData::default()
        .with_name(TopicName(text(topic)))
        .with_partition_data(vec![data]);
    ProduceRequest::default().with_acks(acks).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

fn record_bytes(answer: &FetchResponse) -> usize {
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| partition.records.as_ref().map_or(0, Bytes::len)).sum()
}

#[test]
fn a_producer_beyond_its_quota_is_answered_and_muted_and_others_are_not() {
    let (broker, page) = broker_with_page(&[]);
    let mut admin = Client::new(&broker, "admin");
    admin.create("t");
    admin.set(("client-id", Some("fast")), "producer_byte_rate", Some(100.0));
    let mut fast = Client::new(&broker, "fast");

    let told = fast.produce("t", 5_000);

    // 5 kB and a little in ten seconds, of which one may be: forty seconds, and a little.
    assert!((40_000..45_000).contains(&told), "{told} ms");
    fast.send(8, &MetadataRequest::default());
    assert_eq!(admin.produce("t", 5_000), 0, "of another client");
    let seen = samples(page);
    let quota = |name: &str| value(&seen, &format!("{name}{{quota=\"producer_byte_rate\"}}"));
    assert_eq!(quota("ottla_quota_throttled_total"), 1.0);
    let counted = quota("ottla_quota_throttle_seconds_total");
    assert!((counted * 1000.0 - f64::from(told)).abs() < 1.0, "{counted} s");
    assert_eq!(value(&seen, "ottla_connection_blocked{reason=\"quota\"}"), 1.0);
    let read = admin.fetch("t", 0, (0, -1));
    assert!(record_bytes(&read) > 10_000, "both are stored: {}", record_bytes(&read));
}

#[test]
fn a_consumer_beyond_its_quota_goes_on_with_its_session_when_the_pause_is_over() {
    let windows = ["quota.window.num=2", "quota.window.size.seconds=1"];
    let broker = Broker::start(&windows);
    let mut admin = Client::new(&broker, "admin");
    admin.create("t");
    for _ in 0..3 {
        admin.produce("t", 700);
    }
    admin.set(("client-id", Some("slow")), "consumer_byte_rate", Some(1_000.0));
    let mut slow = Client::new(&broker, "slow");

    // A second of the quota may come at once: one batch, and not two.
    let first = slow.fetch("t", 0, (0, 0));
    let one = record_bytes(&first);
    assert!((700..1_000).contains(&one), "{one} bytes");
    assert_eq!((first.error_code, first.throttle_time_ms), (0, 0));
    let beyond = slow.fetch("t", 1, (first.session_id, 1));

    assert_eq!((beyond.error_code, beyond.session_id), (0, first.session_id));
    assert!(beyond.responses.is_empty() && beyond.throttle_time_ms > 0, "{beyond:?}");
    let deadline = Instant::now() + PATIENCE;
    let mut epoch = 2;
    let mut next = slow.fetch("t", 1, (first.session_id, epoch));
    while next.throttle_time_ms > 0 {
        assert!(Instant::now() < deadline, "it never comes back");
        epoch += 1;
        next = slow.fetch("t", 1, (first.session_id, epoch));
    }
    assert_eq!((next.error_code, record_bytes(&next)), (0, one));
}

/// Keeps the longest pause that librdkafka was told of, in milliseconds.
#[derive(Clone, Default)]
struct Pauses(Arc<AtomicI64>);

impl ClientContext for Pauses {
    fn stats(&self, statistics: Statistics) {
        let told = statistics.brokers.values().filter_map(|broker| broker.throttle.as_ref());
        let longest = told.map(|window| window.max).max().unwrap_or_default();
        self.0.fetch_max(longest, Ordering::Relaxed);
    }
}

impl ProducerContext for Pauses {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        assert!(result.is_ok(), "{result:?}");
    }
}

#[test]
fn librdkafka_is_told_to_pause_and_loses_nothing() {
    let broker = Broker::start(&[]);
    let mut admin = Client::new(&broker, "admin");
    admin.create("t");
    admin.set(("client-id", Some("slow")), "producer_byte_rate", Some(20_000.0));
    let pauses = Pauses::default();
    let producer: BaseProducer<Pauses> = ClientConfig::new()
        .set("bootstrap.servers", broker.address().to_string())
        .set("client.id", "slow")
        .set("statistics.interval.ms", "50")
        .set("linger.ms", "0")
        .create_with_context(pauses.clone())
        .expect("a producer");

    // Two and a half of them may come at once.
    for _ in 0..6 {
        let record = BaseRecord::<(), [u8]>::to("t").payload(&[b'x'; 80_000][..]);
        producer.send(record).map_err(|(error, _)| error).expect("a place in the queue");
        producer.flush(PATIENCE).expect("all are acknowledged");
    }

    let deadline = Instant::now() + PATIENCE;
    while pauses.0.load(Ordering::Relaxed) == 0 {
        assert!(Instant::now() < deadline, "it heard of no pause");
        producer.poll(Duration::from_millis(50));
    }
    let partition = admin.fetch("t", 0, (0, -1)).responses.remove(0).partitions.remove(0);
    assert_eq!(partition.high_watermark, 6);
}

#[test]
fn the_most_specific_quota_counts() {
    let broker = Broker::start(&[]);
    let mut admin = Client::new(&broker, "admin");
    admin.create("t");
    admin.set(("client-id", None), "producer_byte_rate", Some(1.0));
    assert!(Client::new(&broker, "any").produce("t", 1_000) > 0);

    admin.set(("user", Some("ANONYMOUS")), "producer_byte_rate", Some(1e9));

    assert_eq!(Client::new(&broker, "any").produce("t", 1_000), 0);
    admin.set(("user", Some("ANONYMOUS")), "producer_byte_rate", None);
    assert!(Client::new(&broker, "any").produce("t", 1_000) > 0);
}

#[test]
fn an_address_that_connects_too_often_is_not_served() {
    let (broker, page) = broker_with_page(&[]);
    let mut admin = Client::new(&broker, "admin");
    admin.set(("ip", Some("127.0.0.1")), "connection_creation_rate", Some(1.0));

    // Ten at once and one a second from then on.
    let deadline = Instant::now() + PATIENCE;
    let mut served = 0;
    while Client::new(&broker, "x").is_served() {
        assert!(Instant::now() < deadline, "all of them were served");
        served += 1;
    }

    assert!(served >= 10, "{served} were served");
    let throttled = "ottla_quota_throttled_total{quota=\"connection_creation_rate\"}";
    assert!(value(&samples(page), throttled) >= 1.0);
    admin.set(("ip", Some("127.0.0.1")), "connection_creation_rate", None);
    assert!(Client::new(&broker, "x").is_served());
}

#[test]
fn a_restart_keeps_quotas_and_tools_show_them() {
    let mut broker = Broker::start(&[]);
    let shell = Shell::new();
    let configs = |broker: &Broker, words: &[&str]| {
        let server = broker.address().to_string();
        let ended =
            shell.run(&[&["kafka-configs", "--bootstrap-server", &server], words].concat(), "");
        assert_eq!(ended.code, Some(0), "{words:?}: {}", ended.err);
        ended.out
    };
    let user = ["--entity-type", "users", "--entity-name", "alice"];
    let both = ["--entity-type", "clients", "--entity-name", "app"];
    fn alter<'a>(words: &[&'a str], change: &[&'a str]) -> Vec<&'a str> {
        [words, &["--alter"], change].concat()
    }
    let set = ["--add-config", "producer_byte_rate=20000000,request_percentage=12.5"];
    configs(&broker, &alter(&[user, both].concat(), &set));
    configs(
        &broker,
        &alter(
            &["--entity-type", "ips", "--entity-default"],
            &["--add-config", "connection_creation_rate=1000"],
        ),
    );

    assert!(broker.stop().success());
    broker.start_again();

    let shown = configs(&broker, &[&user[..], &both, &["--describe"]].concat());
    let expected = "Quota configs for user-principal 'alice', client-id 'app' are \
                    producer_byte_rate=2.0E7, request_percentage=12.5\n";
    assert_eq!(shown, expected);
    let shown = configs(&broker, &["--entity-type", "ips", "--describe"]);
    assert_eq!(shown, "Quota configs for the default ip are connection_creation_rate=1000.0\n");
    let unset = ["--delete-config", "producer_byte_rate,request_percentage"];
    configs(&broker, &alter(&[user, both].concat(), &unset));
    assert_eq!(configs(&broker, &[&user[..], &both, &["--describe"]].concat()), "");
}

#[test]
fn a_pause_does_not_keep_the_broker_from_stopping() {
    let mut broker = Broker::start(&[]);
    let mut admin = Client::new(&broker, "admin");
    admin.create("t");
    admin.set(("client-id", Some("fast")), "producer_byte_rate", Some(1.0));
    let mut fast = Client::new(&broker, "fast");
    assert!(fast.produce("t", 10_000) > 0);

    let begun = Instant::now();
    assert!(broker.stop().success());

    assert!(begun.elapsed() < PATIENCE, "it waited for the pause");
}
