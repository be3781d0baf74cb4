//! What is counted as it happens. Everything else is read when someone asks.

use super::cells::{BYTES_BOUNDS, COUNT_BOUNDS, Counter, Histogram, TIME_BOUNDS};
use super::labels::{BlockReason, CloseReason, Label, RebalanceReason, ThrottleReason};
use std::time::Duration;

/// Keys of APIs lie below; Kafka's last is 92.
const API_KEYS_END: usize = 96;
/// Error codes lie between `ERROR_CODE_MIN` and the end of as many; Kafka's last is 133.
const ERROR_CODES: usize = 144;
/// UNKNOWN_SERVER_ERROR.
const ERROR_CODE_MIN: i16 = -1;

/// Everything that one broker counts. Shared by all of its threads.
#[derive(Debug)]
pub struct Metrics {
    apis: Box<[ApiMetrics]>,
    /// Connections.
    pub connection: ConnectionMetrics,
    /// Time that batches wait for their partition to take them.
    pub partition_mailbox: Histogram,
    /// Time that requests wait for their group to take them.
    pub group_mailbox: Histogram,
    /// Client quotas.
    pub quota: QuotaMetrics,
    /// Rebalances begun.
    pub rebalances: Labelled<RebalanceReason>,
    /// Groups of batches that the journal makes durable at once.
    pub journal: JournalMetrics,
}

/// Requests of one API.
#[derive(Debug)]
pub struct ApiMetrics {
    /// Requests begun.
    pub requests: Counter,
    /// Requests answered, or given up with their connection.
    pub ended: Counter,
    /// Of these, worked on by the side lane.
    pub on_lane: Counter,
    /// Bytes of their frames.
    pub received_bytes: Counter,
    /// Bytes of their answers.
    pub sent_bytes: Counter,
    /// From the whole frame being there to the answer being queued for the socket.
    pub duration: Histogram,
    errors: Box<[Counter]>,
}

/// Connections of clients.
#[derive(Debug, Default)]
pub struct ConnectionMetrics {
    /// Accepted.
    pub opened: Counter,
    /// Ended.
    pub closed: Counter,
    /// Not taken: too many.
    pub refused: Counter,
    /// Taken later: too fast.
    pub delayed: Counter,
    /// Ended by the broker.
    pub closed_by: Labelled<CloseReason>,
    /// Nanoseconds without reading a socket, since ended.
    pub blocked: Labelled<BlockReason>,
    /// Times that reading was stopped.
    pub blocks_begun: Labelled<BlockReason>,
    /// Times that reading went on, or the connection ended.
    pub blocks_ended: Labelled<BlockReason>,
}

/// Client quotas.
#[derive(Debug, Default)]
pub struct QuotaMetrics {
    /// Requests, and connections, that went beyond a quota.
    pub throttled: Labelled<ThrottleReason>,
    /// Nanoseconds that clients were told to pause for it.
    pub pauses: Labelled<ThrottleReason>,
}

impl QuotaMetrics {
    /// Counts one that is to pause.
    pub fn record(&self, reason: ThrottleReason, pause: Duration) {
        self.throttled.of(reason).one();
        self.pauses.of(reason).add_time(pause);
    }
}

/// Groups of batches that the journal makes durable at once.
#[derive(Debug)]
pub struct JournalMetrics {
    /// Time until a group was durable.
    pub flush: Histogram,
    /// Bytes of a group.
    pub bytes: Histogram,
    /// Logs that a group had batches of.
    pub logs: Histogram,
}

/// A counter for each value of a label.
#[derive(Debug)]
pub struct Labelled<L>(Box<[(L, Counter)]>);

impl<L: Label> Labelled<L> {
    /// The counter of `label`.
    ///
    /// # Panics
    /// Never: each value of the label has one.
    #[must_use]
    pub fn of(&self, label: L) -> &Counter {
        let Some((_, counter)) = self.0.iter().find(|(own, _)| *own == label) else {
            unreachable!("every value of a label has a counter")
        };
        counter
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (L, &Counter)> {
        self.0.iter().map(|(label, counter)| (*label, counter))
    }
}

impl<L: Label> Default for Labelled<L> {
    fn default() -> Self {
        Self(L::ALL.iter().map(|label| (*label, Counter::default())).collect())
    }
}

impl Metrics {
    /// The counters of an API; none for a key that Kafka does not know.
    #[must_use]
    pub fn api(&self, key: i16) -> Option<&ApiMetrics> {
        self.apis.get(usize::try_from(key).ok()?)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            apis: (0..API_KEYS_END).map(|_| ApiMetrics::default()).collect(),
            connection: ConnectionMetrics::default(),
            partition_mailbox: Histogram::new(TIME_BOUNDS),
            group_mailbox: Histogram::new(TIME_BOUNDS),
            quota: QuotaMetrics::default(),
            rebalances: Labelled::default(),
            journal: JournalMetrics {
                flush: Histogram::new(TIME_BOUNDS),
                bytes: Histogram::new(BYTES_BOUNDS),
                logs: Histogram::new(COUNT_BOUNDS),
            },
        }
    }
}

impl Default for ApiMetrics {
    fn default() -> Self {
        Self {
            requests: Counter::default(),
            ended: Counter::default(),
            on_lane: Counter::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            duration: Histogram::new(TIME_BOUNDS),
            errors: (0..ERROR_CODES).map(|_| Counter::default()).collect(),
        }
    }
}

impl ApiMetrics {
    /// Counts an error code of an answer; 0, which is none, does not count.
    pub fn error(&self, code: i16) {
        let at = usize::try_from(code.saturating_sub(ERROR_CODE_MIN));
        if code != 0
            && let Some(counter) = at.ok().and_then(|at| self.errors.get(at))
        {
            counter.one();
        }
    }

    /// Error codes that were answered, and how often.
    pub fn errors(&self) -> impl Iterator<Item = (i16, u64)> {
        let counts = self.errors.iter().map(Counter::value);
        (ERROR_CODE_MIN..).zip(counts).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_count_under_their_own_code() {
        let api = ApiMetrics::default();

        for code in [-1, 0, 3, 3, 133, 500] {
            api.error(code);
        }

        assert_eq!(api.errors().collect::<Vec<_>>(), [(-1, 1), (3, 2), (133, 1)]);
    }

    #[test]
    fn an_api_has_counters_and_no_key_is_out_of_bounds() {
        let metrics = Metrics::default();

        assert!(metrics.api(0).is_some() && metrics.api(92).is_some());
        assert!(metrics.api(-1).is_none() && metrics.api(i16::MAX).is_none());
    }

    #[test]
    fn each_value_of_a_label_counts_by_itself() {
        let rebalances = Labelled::default();

        rebalances.of(RebalanceReason::MemberLeft).one();

        let counted: Vec<u64> = rebalances.all().map(|(_, counter)| counter.value()).collect();
        assert_eq!(counted.iter().sum::<u64>(), 1);
        assert_eq!(rebalances.of(RebalanceReason::MemberLeft).value(), 1);
    }
}
