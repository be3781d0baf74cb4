//! Topics and groups made and deleted, one call a request.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use tokio::runtime::Runtime;

/// A blocking admin client.
pub(crate) struct Admin {
    client: AdminClient<DefaultClientContext>,
    runtime: Runtime,
    options: AdminOptions,
}

impl Admin {
    /// A client of the broker at `bootstrap`; it waits for one that is starting.
    pub(crate) fn new(bootstrap: &str) -> Self {
        let client = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("reconnect.backoff.max.ms", "100")
            .create()
            .expect("an admin client");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(60)));
        Self { client, runtime: runtime.expect("a runtime"), options }
    }

    /// Makes one topic.
    pub(crate) fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in configs {
            topic = topic.set(key, value);
        }
        let made = self.runtime.block_on(self.client.create_topics(&[topic], &self.options));
        made.expect("an answer").remove(0).expect("a topic is made");
    }

    /// Deletes topics.
    pub(crate) fn delete(&self, names: &[&str]) {
        let gone = self.runtime.block_on(self.client.delete_topics(names, &self.options));
        for result in gone.expect("an answer") {
            result.expect("a topic is deleted");
        }
    }

    /// Deletes a group that has no members.
    pub(crate) fn delete_group(&self, group: &str) {
        let gone = self.runtime.block_on(self.client.delete_groups(&[group], &self.options));
        gone.expect("an answer").remove(0).expect("a group is deleted");
    }
}
