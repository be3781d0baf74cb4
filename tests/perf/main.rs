//! A load generator: what a broker takes, gives and needs, and how long it lets a record wait.
//!
//! `cargo bench --bench perf -- --help` lists the workloads; README.md beside this file says how to
//! measure with them.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for the terminal"
)]

mod admin;
mod broker;
mod disk;
mod endurance;
mod file;
mod groups;
mod latency;
mod members;
mod prepared;
mod raw;
mod report;
mod scale;
mod soak;
mod text;
mod throughput;
mod topics;
mod turnover;

use clap::{Parser, Subcommand};
use rdkafka::ClientConfig;

use broker::Broker;
use endurance::Endurance;
use report::figure;

/// Measures a broker: one of its own, or one that runs already.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    workload: Workload,
    /// A broker that runs already; without this, `ottla serve` is started on an empty folder.
    #[arg(long, global = true, requires = "pid")]
    bootstrap: Option<String>,
    /// The process id of that broker.
    #[arg(long, global = true)]
    pid: Option<u32>,
    /// A setting for the broker that is started, as in `flush.messages=10000`; may be repeated.
    #[arg(long, global = true)]
    set: Vec<String>,
    /// Cores for the broker that is started, as `taskset` takes them.
    #[arg(long, global = true)]
    cores: Option<String>,
    /// Bytes of each record's value, 16 or more.
    #[arg(long, global = true, default_value_t = 1024, value_parser = clap::value_parser!(u64).range(16..))]
    size: u64,
    /// Partitions of the topic.
    #[arg(long, global = true, default_value_t = 1)]
    partitions: i32,
    /// 0, 1 or all.
    #[arg(long, global = true, default_value = "all")]
    acks: String,
    /// none, gzip, snappy, lz4 or zstd.
    #[arg(long, global = true, default_value = "none")]
    compression: String,
    /// Sends with the idempotent producer.
    #[arg(long, global = true)]
    idempotent: bool,
    /// Leaves the topic where it is.
    #[arg(long, global = true)]
    keep: bool,
    /// Benchmarks are started with this by cargo.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

/// What is measured.
#[derive(Subcommand)]
enum Workload {
    /// Sends as fast as the broker takes them, then reads them all again.
    Throughput {
        /// Records to send and read.
        #[arg(long, default_value_t = 1_000_000)]
        records: u64,
        /// Producers that send at once, each its share.
        #[arg(long, default_value_t = 1)]
        producers: u64,
    },
    /// Sends batches made beforehand, so that the broker is the limit and no client library.
    Prepared {
        /// Records to send.
        #[arg(long, default_value_t = 2_000_000)]
        records: u64,
        /// Producers that send at once, each its share.
        #[arg(long, default_value_t = 1)]
        producers: u64,
        /// Records in a batch.
        #[arg(long, default_value_t = 256)]
        batch: usize,
        /// Requests that each producer has on the way.
        #[arg(long, default_value_t = 5)]
        in_flight: usize,
    },
    /// Sends at a fixed rate, and reads at the same time: time to the acknowledgement and to the reader.
    Latency {
        /// Records a second.
        #[arg(long, default_value_t = 1000)]
        rate: u32,
        /// Seconds to measure, after a warm-up of a tenth of them.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
        /// Records a second that a second consumer reads meanwhile, from another topic's beginning.
        #[arg(long)]
        beside: Option<u32>,
    },
    /// Consumer groups: a lone member's first record, or many members that share and share again.
    Groups {
        /// Members of the group.
        #[arg(long, default_value_t = 1)]
        members: usize,
    },
    /// Makes topics, waits until all partitions are in use, deletes them.
    Topics {
        /// Topics to make, of `--partitions` each.
        #[arg(long, default_value_t = 1)]
        count: usize,
    },
    /// No broker: a plain file that is written and synced in groups.
    File {
        /// Bytes in all.
        #[arg(long, default_value_t = 1 << 30)]
        bytes: usize,
        /// Bytes written before each fsync.
        #[arg(long, default_value_t = 1 << 20)]
        group: usize,
        /// Groups a second, for an open loop; without this, as fast as it goes.
        #[arg(long)]
        rate: Option<u32>,
    },
    #[command(flatten)]
    Endurance(Endurance),
}

impl Arguments {
    /// Settings of a broker that is started.
    fn settings(&self) -> Vec<String> {
        let mut settings = self.set.clone();
        if let Workload::Endurance(endurance) = &self.workload {
            // What the command line says comes later, and wins.
            settings.splice(0..0, endurance.settings());
        }
        settings
    }

    fn producer(&self, broker: &Broker) -> ClientConfig {
        let mut config = client(broker);
        config.set("acks", &self.acks);
        config.set("compression.codec", &self.compression);
        config.set("enable.idempotence", self.idempotent.to_string());
        config
    }

    /// A record's value; its first 16 bytes are for the workload.
    fn value(&self) -> Vec<u8> {
        text::text(usize::try_from(self.size).expect("a size"))
    }
}

fn client(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.bootstrap());
    config
}

fn consumer(broker: &Broker) -> ClientConfig {
    let mut config = client(broker);
    config.set("group.id", "perf").set("enable.auto.commit", "false");
    config
}

fn main() {
    let arguments = Arguments::parse();
    if let Workload::File { bytes, group, rate } = arguments.workload {
        return file::run(bytes, group, rate);
    }
    let broker = match (&arguments.bootstrap, arguments.pid) {
        (Some(bootstrap), Some(pid)) => Broker::running(bootstrap, pid),
        _ => Broker::start(&arguments.settings(), arguments.cores.as_deref()),
    };
    match &arguments.workload {
        Workload::Endurance(endurance) => endurance.run(broker, arguments.partitions),
        Workload::File { .. } => {}
        Workload::Topics { count } => topics::run(&broker, *count, arguments.partitions),
        Workload::Throughput { records, producers } => on_a_topic(&arguments, &broker, |topic| {
            throughput::run(&arguments, &broker, topic, *records, *producers);
        }),
        Workload::Prepared { records, producers, batch, in_flight } => {
            on_a_topic(&arguments, &broker, |topic| {
                let (records, producers, in_flight) = (*records, *producers, *in_flight);
                let plan = prepared::Plan { records, producers, batch: *batch, in_flight };
                prepared::run(&arguments, &broker, topic, &plan);
            });
        }
        Workload::Latency { rate, seconds, beside } => on_a_topic(&arguments, &broker, |topic| {
            let plan = latency::Plan { rate: *rate, seconds: *seconds, beside: *beside };
            latency::run(&arguments, &broker, topic, &plan);
        }),
        Workload::Groups { members } => on_a_topic(&arguments, &broker, |topic| {
            groups::run(&arguments, &broker, topic, *members);
        }),
    }
}

/// Runs a workload on a topic made for it, and tells what memory the broker has before and after.
fn on_a_topic(arguments: &Arguments, broker: &Broker, workload: impl FnOnce(&str)) {
    let topic = broker.create_topic(arguments.partitions);
    topics::await_use(broker, &topic, arguments.partitions);
    figure("before_resident_mib", broker.memory().0);
    workload(&topic);
    let (resident, highest) = broker.memory();
    figure("resident_mib", resident);
    figure("highest_mib", highest);
    if !arguments.keep {
        broker.delete_topics(&[topic]);
    }
}
