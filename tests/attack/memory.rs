//! What the settings of an attacked broker let it take, and what it took.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::harness::{Broker, broker_with_page};

pub(crate) const MIB: u64 = 1 << 20;

/// Of a broker without clients, unoptimised: code, index, tail of the logs, threads.
const IDLE_MIB: u64 = 60;
/// Of a connection, whatever it does: 64 KiB each of frames, of what was read behind them and of
/// unsent answers, which are not counted; the actor; and one batch, which an answer may always hold.
const CONNECTION_KIB: u64 = 200 + BATCH_BYTES_MAX / 1024;
/// `message.max.bytes`.
pub(crate) const BATCH_BYTES_MAX: u64 = 128 * 1024;

/// Lines of a log that tell of a start and of one attack.
const LINES_MAX: usize = 60;

/// The bounds that an attack runs under.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// `max.connections`.
    pub(crate) connections: u64,
    /// `queued.max.request.bytes`.
    pub(crate) requests: u64,
    /// `ottla.queued.max.response.bytes`.
    pub(crate) answers: u64,
    /// What other settings let this attack take; the test that sets it says which.
    pub(crate) besides: u64,
}

impl Bounds {
    /// Room for some hundred clients that ask for little.
    pub(crate) const SMALL: Self =
        Self { connections: 400, requests: 32 * MIB, answers: 32 * MIB, besides: 0 };

    /// A broker that runs within them, and where its page is.
    pub(crate) fn broker(self, more: &[&str]) -> (Broker, SocketAddr) {
        let settings = self.settings();
        let own = settings.iter().map(String::as_str);
        broker_with_page(&own.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// As settings.
    pub(crate) fn settings(self) -> Vec<String> {
        let Self { connections, requests, answers, .. } = self;
        vec![
            format!("max.connections={connections}"),
            format!("queued.max.request.bytes={requests}"),
            format!("ottla.queued.max.response.bytes={answers}"),
            format!("message.max.bytes={BATCH_BYTES_MAX}"),
        ]
    }

    /// The most that the process may take, in MiB.
    fn maximum_mib(self) -> u64 {
        // A request takes its frame, and while it is worked on at most as much again.
        let requests = 2 * self.requests / MIB;
        let connections = self.connections * CONNECTION_KIB / 1024;
        IDLE_MIB + requests + self.answers / MIB + connections + self.besides / MIB
    }

    /// The process stayed within its settings.
    pub(crate) fn assert_kept(self, broker: &Broker, attack: &str) {
        let (peak, most) = (broker.peak_mebibytes(), self.maximum_mib());
        println!("{attack}: {peak} MiB at most, {most} allowed");
        assert!(peak <= most, "{attack}: {peak} MiB, where the settings allow {most}");
    }
}

/// A process with as many descriptors as it may have.
pub(crate) fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("as many as are allowed");
    limit.maximum.unwrap_or(u64::MAX)
}

/// The lines of a log that a person would be shown, without those of the start.
pub(crate) fn said(broker: &Broker) -> Vec<String> {
    let log = broker.log();
    let said = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
    said.map(String::from).collect()
}

/// The log has no panic, and no more warnings than a person reads.
pub(crate) fn assert_calm(broker: &Broker, warnings_max: usize, attack: &str) {
    let said = said(broker);
    let mut shown = String::new();
    for line in said.iter().take(20) {
        writeln!(shown, "{line}").expect("a string takes it");
    }
    assert!(!broker.log().contains("panicked"), "{attack}: a panic\n{shown}");
    assert!(said.len() <= warnings_max, "{attack}: {} warnings\n{shown}", said.len());
    // Nor in any other kind of line, but for changes that were asked for and made.
    let changes = [
        "topic created",
        "topic deleted",
        "more partitions",
        "configs changed",
        "group rebalanced",
        "scram credential changed",
    ];
    let log = broker.log();
    let other = log.lines().filter(|line| !changes.iter().any(|change| line.ends_with(change)));
    let lines = other.count();
    assert!(lines <= LINES_MAX + warnings_max, "{attack}: {lines} lines\n{log}");
}
