//! Health and metrics over HTTP, read as a scraper and a container's health check read them.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Instant;

use ottla_actors::types::{Metric, MetricKind};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use rustix::process::Signal;

use crate::harness::{
    Broker, PATIENCE, broker_with_page, free_port, get, run_to_end, samples, scratch, serve, value,
};

/// Reads the page until it is as it should be.
fn await_sample(page: SocketAddr, is_there: impl Fn(&BTreeMap<String, f64>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = samples(page);
        if is_there(&seen) {
            return;
        }
        assert!(Instant::now() < deadline, "{seen:#?}");
    }
}

fn client(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address().to_string());
    config
}

/// Sends `count` records to partition 0.
fn send(broker: &Broker, topic: &str, count: usize) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let producer: FutureProducer =
            client(broker).set("enable.idempotence", "true").create().expect("a producer");
        for number in 0..count {
            let value = format!("value {number}");
            let record = FutureRecord::<(), _>::to(topic).partition(0).payload(&value);
            producer.send(record, PATIENCE).await.expect("an acknowledgement");
        }
    });
}

/// A consumer whose group has `offset` for partition 0 of a topic.
fn commit(broker: &Broker, group: &str, topic: &str, offset: i64) -> BaseConsumer {
    let consumer: BaseConsumer =
        client(broker).set("group.id", group).create().expect("a consumer");
    let mut positions = TopicPartitionList::new();
    positions.add_partition_offset(topic, 0, Offset::Offset(offset)).expect("a position");
    consumer.commit(&positions, CommitMode::Sync).expect("a commit");
    consumer
}

/// `ottla health` with these arguments: whether it is well, and what it says.
fn health(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.arg("health").args(arguments).env_remove("OTTLA_ADMIN_LISTENER");
    let (status, said) = run_to_end(&mut command);
    (status.success(), said)
}

#[test]
fn a_broker_that_serves_is_healthy_and_ready_until_it_ends() {
    let (mut broker, page) = broker_with_page(&[]);
    let url = format!("http://{page}/readyz");
    let listener = format!("ottla.admin.listener={page}");

    assert_eq!(get(page, "/healthz"), Some((200, String::from("ok\n"))));
    assert_eq!(get(page, "/readyz"), Some((200, String::from("ok\n"))));
    assert_eq!(get(page, "/nothing").map(|(status, _)| status), Some(404));
    let healthy = (true, format!("healthy: {url} says so\n"));
    assert_eq!(health(&["--url", &url]), healthy);
    assert_eq!(health(&["--set", &listener]), healthy);

    assert!(broker.stop().success(), "{}", broker.log());
    let (is_well, said) = health(&["--url", &url]);
    assert!(!is_well && said.contains(&url), "{said}");
}

#[test]
fn a_broker_that_stops_is_alive_and_not_ready() {
    let (mut broker, page) = broker_with_page(&[]);
    // A client that takes no answers keeps an orderly stop waiting.
    let mut deaf = TcpStream::connect(broker.address()).expect("a connection");
    fill(&mut deaf);

    broker.signal(Signal::TERM);

    let deadline = Instant::now() + PATIENCE;
    loop {
        let (status, body) = get(page, "/readyz").expect("an answer before it has stopped");
        if status == 503 {
            assert_eq!(body, "stopping\n");
            break;
        }
        assert!(Instant::now() < deadline, "ready though it stops: {status} {body}");
    }
    assert_eq!(get(page, "/healthz").map(|(status, _)| status), Some(200));
    broker.kill();
}

/// Sends requests until the broker reads no more of them.
fn fill(socket: &mut TcpStream) {
    let limit = std::time::Duration::from_millis(300);
    socket.set_write_timeout(Some(limit)).expect("a time limit");
    let asks = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff].repeat(1000);
    while socket.write_all(&asks).is_ok() {}
}

#[test]
fn a_client_that_takes_no_answers_is_seen_to_be_held_back() {
    let (broker, page) = broker_with_page(&[]);
    let mut deaf = TcpStream::connect(broker.address()).expect("a connection");

    let blocked = r#"ottla_connection_blocked{reason="answers"}"#;
    let time = r#"ottla_connection_blocked_seconds_total{reason="answers"}"#;

    fill(&mut deaf);
    await_sample(page, |seen| value(seen, blocked) == 1.0);
    drop(deaf);

    await_sample(page, |seen| value(seen, blocked) == 0.0 && value(seen, time) > 0.0);
}

#[test]
fn the_page_shows_what_clients_did() {
    let (broker, page) = broker_with_page(&["auto.create.topics.enable=true"]);

    send(&broker, "counted", 10);
    let consumer = commit(&broker, "readers", "counted", 7);
    let absent = consumer.fetch_metadata(Some("not.a/topic"), PATIENCE);
    assert!(absent.is_ok(), "{:?}", absent.err());

    let seen = samples(page);
    let at = |name: &str| value(&seen, name);
    assert_eq!(at(r#"ottla_partition_high_watermark{topic="counted",partition="0"}"#), 10.0);
    assert_eq!(at(r#"ottla_partition_log_end_offset{topic="counted",partition="0"}"#), 10.0);
    assert_eq!(at(r#"ottla_partition_log_start_offset{topic="counted",partition="0"}"#), 0.0);
    let size = at(r#"ottla_partition_size_bytes{topic="counted",partition="0"}"#);
    assert!(size >= 10.0 * 61.0, "{size}");
    assert_eq!(
        at(r#"ottla_partition_appended_bytes_total{topic="counted",partition="0"}"#),
        size,
        "all of it was written by this process"
    );
    let position = r#"{group="readers",topic="counted",partition="0"}"#;
    assert_eq!(at(&format!("ottla_group_committed_offset{position}")), 7.0);
    assert_eq!(at(&format!("ottla_group_lag_records{position}")), 3.0);
    assert_eq!(at(r#"ottla_group_members{group="readers"}"#), 0.0);
    assert_eq!(at(r#"ottla_group_groups{state="Empty"}"#), 1.0);
    assert_eq!(at("ottla_partition_open_producers"), 1.0);
    assert_eq!(at(r#"ottla_dispatch_requests_total{api="OffsetCommit"}"#), 1.0);
    let error = r#"ottla_dispatch_errors_total{api="Metadata",error="INVALID_TOPIC_EXCEPTION"}"#;
    // The client may have asked more than once.
    assert!(at(error) >= 1.0);

    let produced = at(r#"ottla_dispatch_requests_total{api="Produce"}"#);
    assert!(produced >= 1.0);
    assert_eq!(at(r#"ottla_dispatch_request_seconds_count{api="Produce"}"#), produced);
    assert_eq!(at(r#"ottla_dispatch_request_seconds_bucket{le="+Inf",api="Produce"}"#), produced);
    assert_eq!(at(r#"ottla_dispatch_open_requests{api="Produce"}"#), 0.0);
    assert!(at(r#"ottla_connection_received_bytes_total{api="Produce"}"#) > size);
    assert!(at(r#"ottla_connection_sent_bytes_total{api="Produce"}"#) > 0.0);
    // Each record was awaited before the next, so each was a batch, and a flush, by itself.
    assert_eq!(at("ottla_partition_mailbox_seconds_count"), produced + 1.0);
    assert!(at("ottla_storage_flush_seconds_count") >= produced);
    assert!(at("ottla_storage_flush_seconds_sum") > 0.0);
    assert!(at("ottla_storage_flush_bytes_sum") >= size);
    assert!(at("ottla_connection_open") >= 1.0);
    assert!(at("ottla_service_ready_seconds") > 0.0);
    assert!(at("ottla_storage_free_bytes") > 0.0);
    assert!(at("ottla_storage_disk_bytes") >= at("ottla_storage_free_bytes"));
}

#[test]
fn rebalances_count_by_their_reason() {
    let (broker, page) = broker_with_page(&[]);
    send(&broker, "read", 1);
    let consumer: BaseConsumer = client(&broker)
        .set("group.id", "readers")
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("a consumer");

    consumer.subscribe(&["read"]).expect("a subscription");
    let deadline = Instant::now() + PATIENCE;
    // A poll may come back with news of the group instead.
    while consumer.poll(PATIENCE).map(|record| record.expect("a record")).is_none() {
        assert!(Instant::now() < deadline, "no record came");
    }
    let seen = samples(page);
    drop(consumer);

    assert_eq!(value(&seen, r#"ottla_group_rebalances_total{reason="member_joined"}"#), 1.0);
    assert_eq!(value(&seen, r#"ottla_group_rebalances_total{reason="session_expired"}"#), 0.0);
    assert_eq!(value(&seen, r#"ottla_group_members{group="readers"}"#), 1.0);
    assert_eq!(value(&seen, r#"ottla_group_groups{state="Stable"}"#), 1.0);
    let left = r#"ottla_group_rebalances_total{reason="member_left"}"#;
    await_sample(page, |seen| value(seen, left) >= 1.0);
}

#[test]
fn every_metric_of_the_table_is_on_the_page() {
    let (broker, page) = broker_with_page(&[]);
    send(&broker, "counted", 1);
    let _consumer = commit(&broker, "readers", "counted", 0);

    let (_, body) = get(page, "/metrics").expect("an answer");

    for metric in Metric::ALL {
        let row = metric.row();
        let family = row.name.strip_suffix("_total").unwrap_or(row.name);
        let kind = match row.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let head = format!("# HELP {family} {}\n# TYPE {family} {kind}\n", row.doc);
        assert!(body.contains(&head), "{head}is not on the page:\n{body}");
        // Nothing went wrong here, so there is no error to show.
        let is_shown = body.lines().any(|line| line.starts_with(row.name));
        assert!(is_shown || *metric == Metric::Errors, "{} has no series:\n{body}", row.name);
    }
}

#[test]
fn a_group_with_any_name_has_a_line_of_its_own() {
    let (broker, page) = broker_with_page(&[]);
    send(&broker, "read", 1);
    let name = "a\"} 1\nottla_forged 1\\";

    let _consumer = commit(&broker, name, "read", 1);

    let seen = samples(page);
    let line =
        r#"ottla_group_lag_records{group="a\"} 1\nottla_forged 1\\",topic="read",partition="0"}"#;
    assert_eq!(value(&seen, line), 0.0);
    assert!(!seen.contains_key("ottla_forged"), "{seen:#?}");
}

#[test]
fn series_for_each_topic_and_group_can_be_switched_off() {
    let (broker, page) = broker_with_page(&["ottla.admin.topic.metrics=false"]);
    send(&broker, "counted", 1);
    let _consumer = commit(&broker, "readers", "counted", 1);

    let seen = samples(page);

    let detailed: Vec<&String> =
        seen.keys().filter(|name| name.contains("counted") || name.contains("readers")).collect();
    assert!(detailed.is_empty(), "{detailed:?}");
    assert_eq!(value(&seen, r#"ottla_group_groups{state="Empty"}"#), 1.0);
}

#[test]
fn a_page_that_was_asked_for_and_cannot_be_is_an_error_that_names_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let page = taken.local_addr().expect("an address");
    let folder = tempfile::tempdir_in(scratch()).expect("a folder to write in");
    let settings = [format!("ottla.admin.listener={page}")];

    let (status, said) = run_to_end(&mut serve(free_port(), folder.path(), &settings));

    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("ottla.admin.listener") && said.contains(&page.to_string()), "{said}");
}

#[test]
fn a_broker_that_was_not_asked_for_a_page_does_without_where_the_port_is_taken() {
    // Taken by this test, or by some other broker: both are the same to ours.
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 9644));

    let broker = Broker::start(&[]);

    assert!(broker.log().contains("the port is taken"), "{}", broker.log());
}

#[test]
fn without_a_listener_there_is_no_page() {
    let broker = Broker::start(&["ottla.admin.listener="]);

    assert!(!broker.log().contains("over HTTP"), "{}", broker.log());
}
