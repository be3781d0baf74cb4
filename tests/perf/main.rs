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

mod broker;
mod latency;
mod throughput;

use clap::{Parser, Subcommand};
use rdkafka::ClientConfig;

use broker::Broker;

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
    /// none, gzip, snappy or lz4.
    #[arg(long, global = true, default_value = "none")]
    compression: String,
    /// Sends with the idempotent producer.
    #[arg(long, global = true)]
    idempotent: bool,
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
    },
    /// Sends at a fixed rate, and reads at the same time: time to the acknowledgement and to the reader.
    Latency {
        /// Records a second.
        #[arg(long, default_value_t = 1000)]
        rate: u32,
        /// Seconds to measure, after a warm-up of a tenth of them.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
}

impl Arguments {
    fn producer(&self, broker: &Broker) -> ClientConfig {
        let mut config = client(broker);
        config.set("acks", &self.acks);
        config.set("compression.codec", &self.compression);
        config.set("enable.idempotence", self.idempotent.to_string());
        config
    }

    /// A value that compresses about as well as text does; its first 16 bytes are for the workload.
    fn value(&self) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut letter = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            b'a' + u8::try_from(state % 16).expect("less than 16")
        };
        (0..self.size).map(|_| letter()).collect()
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
    let broker = match (&arguments.bootstrap, arguments.pid) {
        (Some(bootstrap), Some(pid)) => Broker::running(bootstrap, pid),
        _ => Broker::start(&arguments.set, arguments.cores.as_deref()),
    };
    let topic = broker.create_topic(arguments.partitions);
    println!("before: {}", broker.memory());
    match arguments.workload {
        Workload::Throughput { records } => throughput::run(&arguments, &broker, &topic, records),
        Workload::Latency { rate, seconds } => {
            latency::run(&arguments, &broker, &topic, rate, seconds);
        }
    }
    println!("at the end: {}", broker.memory());
}
