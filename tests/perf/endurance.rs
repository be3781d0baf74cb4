//! Workloads of many things, or of a long time.

use clap::Subcommand;

use crate::broker::Broker;
use crate::{members, scale, soak, turnover};

/// What is done.
#[derive(Subcommand)]
pub(crate) enum Endurance {
    /// `--partitions` partitions on one broker: memory, latency beside them, restarts, deletion.
    Scale,
    /// Topics of `--partitions` partitions that come and go: what of them stays behind.
    Turnover {
        /// Topics in all.
        #[arg(long, default_value_t = 10_000)]
        topics: u64,
        /// Writes a record to each partition.
        #[arg(long)]
        used: bool,
    },
    /// Many consumer groups of a few members each: joining, idling, rebalancing, a broker's end.
    ManyGroups {
        /// Groups.
        #[arg(long, default_value_t = 1000)]
        groups: usize,
        /// Members of each.
        #[arg(long, default_value_t = 5)]
        members: usize,
        /// Seconds of heartbeats and commits.
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
    /// Mixed load for a long time, with retention and compaction at work: what must stay flat, and
    /// that nothing is lost.
    Soak {
        /// Minutes to run.
        #[arg(long, default_value_t = 30)]
        minutes: u32,
        /// Records a second of the producers whose records are counted.
        #[arg(long, default_value_t = 1000)]
        rate: u32,
        /// A file for one line a minute.
        #[arg(long)]
        out: Option<String>,
    },
}

impl Endurance {
    /// Settings that the broker has to have, before those of the command line.
    pub(crate) fn settings(&self) -> Vec<String> {
        match self {
            Self::Soak { .. } => soak::BROKER_SETTINGS.map(String::from).to_vec(),
            Self::Scale | Self::Turnover { .. } | Self::ManyGroups { .. } => Vec::new(),
        }
    }

    pub(crate) fn run(&self, mut broker: Broker, partitions: i32) {
        match self {
            Self::Scale => scale::run(&mut broker, partitions),
            Self::Turnover { topics, used } => {
                turnover::run(&mut broker, *topics, partitions, *used);
            }
            Self::ManyGroups { groups, members, seconds } => {
                members::run(&mut broker, *groups, *members, *seconds);
            }
            Self::Soak { minutes, rate, out } => {
                soak::run(&broker, *minutes, *rate, out.as_deref());
            }
        }
    }
}
