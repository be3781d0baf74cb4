//! How fast connections are taken (`max.connection.creation.rate`, KIP-612).

use ottla_actors::types::MonoTime;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Kafka's rate is a mean over eleven samples of a second, of which ten are whole
/// (`quota.window.num`, `quota.window.size.seconds`): so many may come at once after a rest.
const WINDOW: Duration = Duration::from_secs(10);

/// All listeners of a broker. What comes too fast waits in the system's backlog, as in Kafka.
#[derive(Debug)]
pub(crate) struct ConnectionRate {
    /// Time that one connection stands for.
    cost: Duration,
    /// When all connections so far would be paid for.
    paid_at: Mutex<MonoTime>,
}

impl ConnectionRate {
    /// So many connections a second; with 0 none is taken after the first.
    pub(crate) fn new(per_second: u32) -> Self {
        let cost = Duration::from_secs(1).checked_div(per_second).unwrap_or(Duration::MAX);
        Self { cost, paid_at: Mutex::new(MonoTime::START) }
    }

    /// Counts one connection.
    pub(crate) fn record(&self, now: MonoTime) {
        let mut paid_at = self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        *paid_at = now.max(*paid_at).after(self.cost);
    }

    /// How long the next one has to wait; nothing, mostly.
    pub(crate) fn wait(&self, now: MonoTime) -> Duration {
        let paid_at = *self.paid_at.lock().unwrap_or_else(PoisonError::into_inner);
        paid_at.since(now).saturating_sub(WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonoTime {
        MonoTime::START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn the_mean_over_ten_seconds_is_bounded() {
        let rate = ConnectionRate::new(2);

        (0..20).for_each(|_| rate.record(at(100)));
        assert_eq!(rate.wait(at(100)), Duration::ZERO);
        rate.record(at(100));

        assert_eq!(rate.wait(at(100)), Duration::from_millis(500));
        assert_eq!(rate.wait(at(101)), Duration::ZERO);
        rate.record(at(101));
        rate.record(at(101));
        assert_eq!(rate.wait(at(101)), Duration::from_millis(500));
    }

    #[test]
    fn the_default_holds_up_nobody() {
        let rate = ConnectionRate::new(2_147_483_647);

        (0..100_000).for_each(|_| rate.record(at(1)));

        assert_eq!(rate.wait(at(1)), Duration::ZERO);
    }
}
