//! Many partitions: made, led, in use, deleted.

use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::broker::Broker;
use crate::consumer;
use crate::report::{figure, milliseconds};
use crate::throughput::Meter;

/// How long the broker may take for any of it before something is broken.
const PATIENCE: Duration = Duration::from_mins(5);

/// Makes topics, waits until each partition tells its end, deletes them; prints each time.
pub(crate) fn run(broker: &Broker, count: usize, partitions: i32) {
    // The client's own connecting is not what is measured.
    let first = broker.create_topic(1);
    let asking: BaseConsumer = consumer(broker).create().expect("a consumer");
    await_served(&asking, std::slice::from_ref(&first), 1);
    let names: Vec<String> = (0..count).map(|number| format!("many-{number}")).collect();
    let meter = Meter::start(broker);
    broker.create_topics(&names, partitions);
    milliseconds("create", meter.read().0);
    await_served(&asking, &names, partitions);
    let (seconds, cpu) = meter.read();
    milliseconds("in_use", seconds);
    figure("in_use_cpu_s", cpu);
    figure("resident_mib", broker.memory().0);

    let meter = Meter::start(broker);
    broker.delete_topics(&names);
    milliseconds("delete", meter.read().0);
    broker.delete_topics(&[first]);
}

/// Waits until a new topic is in use: with acks=0 what comes before that is lost, and nobody told.
pub(crate) fn await_use(broker: &Broker, topic: &str, partitions: i32) {
    let asking: BaseConsumer = consumer(broker).create().expect("a consumer");
    await_served(&asking, &[topic.to_owned()], partitions);
}

/// Asks for the end of every partition until all are told.
fn await_served(asking: &BaseConsumer, names: &[String], partitions: i32) {
    let mut ends = TopicPartitionList::new();
    for name in names {
        for partition in 0..partitions {
            ends.add_partition_offset(name, partition, Offset::End).expect("a partition");
        }
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = asking.offsets_for_times(ends.clone(), PATIENCE);
        let served =
            |told: TopicPartitionList| told.elements().iter().all(|one| one.error().is_ok());
        if told.is_ok_and(served) {
            return;
        }
        assert!(Instant::now() < deadline, "not all partitions are served");
    }
}
