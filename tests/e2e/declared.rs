//! Topics that are declared in configuration: there once the broker answers, and never smaller.

use std::fs;

use rdkafka::ClientConfig;
use rdkafka::admin::AdminClient;
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::NamedTempFile;

use crate::harness::{Broker, PATIENCE, free_port, run_to_end, scratch, serve};

/// Partitions of a topic; 0 if there is none.
fn partitions(broker: &Broker, topic: &str) -> usize {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.address().to_string())
        .set("allow.auto.create.topics", "false")
        .create()
        .expect("a client");
    let metadata = consumer.fetch_metadata(None, PATIENCE).expect("metadata");
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    found.map_or(0, |found| found.partitions().len())
}

/// One config of a topic, as DescribeConfigs tells it.
fn config(broker: &Broker, topic: &str, name: &str) -> Option<String> {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", broker.address().to_string())
        .create()
        .expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let resource = [rdkafka::admin::ResourceSpecifier::Topic(topic)];
    let options = rdkafka::admin::AdminOptions::new();
    let described =
        runtime.expect("a runtime").block_on(admin.describe_configs(&resource, &options));
    let described = described.expect("an answer").remove(0).expect("the topic");
    described.get(name).and_then(|entry| entry.value.clone())
}

/// A file of settings that the broker reads at each start.
struct SettingsFile(NamedTempFile);

impl SettingsFile {
    fn new(text: &str) -> Self {
        let file = tempfile::Builder::new().suffix(".toml").tempfile_in(scratch());
        let file = Self(file.expect("a file"));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(self.0.path(), text).expect("settings");
    }

    fn path(&self) -> &str {
        self.0.path().to_str().expect("UTF-8")
    }
}

#[test]
fn topics_of_a_file_are_made_kept_and_grown() {
    let declared = |partitions: u32, retention: u32| {
        format!(
            "[[topics]]\nname = 'orders'\npartitions = {partitions}\n\
             configs = {{ retention.ms = {retention} }}\n"
        )
    };
    let file = SettingsFile::new(&declared(2, 60_000));
    let mut broker = Broker::start_with(&[], &[("OTTLA_CONFIG", file.path())]);
    assert_eq!(partitions(&broker, "orders"), 2);
    assert_eq!(config(&broker, "orders", "retention.ms").as_deref(), Some("60000"));

    assert!(broker.stop().success());
    broker.start_again();
    assert_eq!(partitions(&broker, "orders"), 2, "said again, done once");
    assert_eq!(broker.log().matches("topic created").count(), 1, "{}", broker.log());

    assert!(broker.stop().success());
    file.write(&declared(5, 70_000));
    broker.start_again();
    assert_eq!(partitions(&broker, "orders"), 5);
    assert_eq!(config(&broker, "orders", "retention.ms").as_deref(), Some("70000"));

    assert!(broker.stop().success());
    file.write("num.partitions = 1\n");
    broker.start_again();
    assert_eq!(partitions(&broker, "orders"), 5, "no longer declared, still there");
}

#[test]
fn topics_of_a_variable_are_made() {
    let variable = ("KAFKA_CREATE_TOPICS", "orders:6:1,state:3:1:compact");
    let broker = Broker::start_with(&[], &[variable]);

    assert_eq!(partitions(&broker, "orders"), 6);
    assert_eq!(partitions(&broker, "state"), 3);
    assert_eq!(config(&broker, "state", "cleanup.policy").as_deref(), Some("compact"));
}

/// Starts a broker on `broker`'s folder with this declaration: it has to say `words` and end.
fn refused(broker: &Broker, variable: &str, words: &str) {
    let mut command = serve(free_port(), &broker.data(), &[]);
    let (status, said) = run_to_end(command.env("KAFKA_CREATE_TOPICS", variable));

    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(words), "{words:?} is not said:\n{said}");
}

#[test]
fn a_contradiction_stops_the_start_and_changes_nothing() {
    let mut broker = Broker::start_with(&[], &[("KAFKA_CREATE_TOPICS", "orders:6:1")]);
    assert!(broker.stop().success());

    refused(&broker, "new:1:1,orders:4:1", "topic orders: 4 partitions are declared and it has 6");
    refused(&broker, "new:1:1,orders:6:3", "topic orders: 3 replicas are declared and it has 1");
    refused(
        &broker,
        "orders:9:1,new:1:3",
        "topic new: Unable to replicate the partition 3 time(s)",
    );

    broker.start_again();
    assert_eq!(partitions(&broker, "orders"), 6);
    assert_eq!(partitions(&broker, "new"), 0);
}

#[test]
fn another_clusters_id_is_refused_at_each_start() {
    let mut broker = Broker::start_with(&[], &[("CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw")]);
    assert!(broker.stop().success());

    let mut command = serve(free_port(), &broker.data(), &[]);
    let (status, said) = run_to_end(command.env("CLUSTER_ID", "5L6g3nShT-eMCtK--X86sw"));

    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("4L6g3nShT-eMCtK--X86sw"), "{said}");
    broker.start_again();
}
