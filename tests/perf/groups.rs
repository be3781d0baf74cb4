//! Consumer groups: how soon a lone member reads, and how long many take to share partitions.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::broker::Broker;
use crate::report::milliseconds;
use crate::throughput::produce;
use crate::{Arguments, client};

/// Groups of one that are tried in a row; each figure is that of the middle one.
const ATTEMPTS: usize = 5;

/// How soon members learn of a rebalance: with librdkafka's own 3 s the figure would be that.
const HEARTBEAT: &str = "50";

/// How long any step may take before something is broken.
const PATIENCE: Duration = Duration::from_mins(2);

/// Prints the times of a group of one, or of a group of many.
pub(crate) fn run(arguments: &Arguments, broker: &Broker, topic: &str, members: usize) {
    produce(arguments, broker, topic, 1000);
    if members == 1 {
        let mut times: Vec<f64> =
            (0..ATTEMPTS).map(|_| first_record(broker, topic).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        milliseconds("first_record", times[ATTEMPTS / 2]);
    } else {
        many(arguments, broker, topic, members);
    }
}

/// A member of a group of its own, with a client's defaults but for where it starts.
fn member(broker: &Broker, group: &str) -> ClientConfig {
    let mut config = client(broker);
    config.set("group.id", group).set("auto.offset.reset", "earliest");
    config
}

fn first_record(broker: &Broker, topic: &str) -> Duration {
    let began = Instant::now();
    let group = format!("{topic}-{:?}", began);
    let consumer: BaseConsumer = member(broker, &group).create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("a subscription");
    // A rebalance ends a poll as well.
    while consumer.poll(PATIENCE).transpose().expect("a record").is_none() {
        assert!(began.elapsed() < PATIENCE, "no record");
    }
    began.elapsed()
}

/// All members at once, then one of them leaves.
fn many(arguments: &Arguments, broker: &Broker, topic: &str, members: usize) {
    let partitions = usize::try_from(arguments.partitions).expect("a count");
    let began = Instant::now();
    let join = |_| -> BaseConsumer {
        let mut config = member(broker, topic);
        config.set("heartbeat.interval.ms", HEARTBEAT);
        let consumer: BaseConsumer = config.create().expect("a consumer");
        consumer.subscribe(&[topic]).expect("a subscription");
        consumer
    };
    let mut all: Vec<BaseConsumer> = (0..members).map(join).collect();
    await_shares(&all, partitions);
    milliseconds("join", began.elapsed().as_secs_f64());

    let began = Instant::now();
    drop(all.pop());
    await_shares(&all, partitions);
    milliseconds("rebalance", began.elapsed().as_secs_f64());
}

/// Polls until every partition has one owner, and every member its fair share of them.
fn await_shares(members: &[BaseConsumer], partitions: usize) {
    let fair = partitions / members.len()..=partitions.div_ceil(members.len());
    let deadline = Instant::now() + PATIENCE;
    loop {
        for member in members {
            while let Some(record) = member.poll(Duration::ZERO) {
                record.expect("a record");
            }
        }
        let share = |member: &BaseConsumer| member.assignment().expect("an assignment").count();
        let shares: Vec<usize> = members.iter().map(share).collect();
        if shares.iter().sum::<usize>() == partitions && shares.iter().all(|own| fair.contains(own))
        {
            return;
        }
        assert!(Instant::now() < deadline, "{} members share {shares:?}", members.len());
    }
}
