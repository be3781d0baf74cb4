//! How fast connections are taken: all (`max.connection.creation.rate`), and those of an address
//! that has a quota (`connection_creation_rate`), KIP-612.

use ottla_actors::quota::Windows;
use ottla_actors::types::MonoTime;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Addresses that are remembered; past it those go whose connections are all paid for.
const ADDRESSES_MAX: usize = 10_000;

/// A mean over the whole windows of `quota.window.num` and `quota.window.size.seconds`, as Kafka's:
/// connections of that long may come at once after a rest.
#[derive(Clone, Copy, Debug)]
struct Mean {
    /// When all connections so far would be paid for.
    paid_at: MonoTime,
}

impl Mean {
    const START: Self = Self { paid_at: MonoTime::START };

    /// Counts one connection that stands for so much time.
    fn record(&mut self, cost: Duration, now: MonoTime) {
        self.paid_at = now.max(self.paid_at).after(cost);
    }

    /// How far it is beyond its mean.
    fn excess(self, windows: Windows, now: MonoTime) -> Duration {
        self.paid_at.since(now).saturating_sub(windows.whole())
    }
}

/// Time that one of so many connections a second stands for; with 0 none is taken after the first.
fn cost_of(per_second: f64) -> Duration {
    Duration::try_from_secs_f64(per_second.recip()).unwrap_or(Duration::MAX)
}

/// All listeners of a broker. What comes too fast waits in the system's backlog, as in Kafka.
#[derive(Debug)]
pub(crate) struct ConnectionRate {
    windows: Windows,
    cost: Duration,
    mean: Mutex<Mean>,
}

impl ConnectionRate {
    /// So many connections a second.
    pub(crate) fn new(per_second: f64, windows: Windows) -> Self {
        Self { windows, cost: cost_of(per_second), mean: Mutex::new(Mean::START) }
    }

    /// Counts one connection.
    pub(crate) fn record(&self, now: MonoTime) {
        self.mean.lock().unwrap_or_else(PoisonError::into_inner).record(self.cost, now);
    }

    /// How long the next one has to wait; nothing, mostly.
    pub(crate) fn wait(&self, now: MonoTime) -> Duration {
        self.mean.lock().unwrap_or_else(PoisonError::into_inner).excess(self.windows, now)
    }
}

/// Each address that has a quota. What comes too fast is not served.
#[derive(Debug)]
pub(crate) struct ConnectionRates {
    windows: Windows,
    means: Mutex<BTreeMap<IpAddr, Mean>>,
}

impl ConnectionRates {
    pub(crate) fn new(windows: Windows) -> Self {
        Self { windows, means: Mutex::default() }
    }

    /// Counts one connection of an address that may open so many a second.
    ///
    /// # Errors
    /// It is one too many, and does not count; how long it takes until it would not be, at most a
    /// window.
    pub(crate) fn take(&self, ip: IpAddr, per_second: f64, now: MonoTime) -> Result<(), Duration> {
        let mut means = self.means.lock().unwrap_or_else(PoisonError::into_inner);
        if means.len() >= ADDRESSES_MAX {
            means.retain(|_, mean| mean.paid_at > now);
        }
        let mean = means.entry(ip).or_insert(Mean::START);
        let mut next = *mean;
        next.record(cost_of(per_second), now);
        let excess = next.excess(self.windows, now);
        if !excess.is_zero() {
            return Err(excess.min(self.windows.size));
        }
        *mean = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size: Duration::from_secs(1) };

    fn at(seconds: u64) -> MonoTime {
        MonoTime::START.after(Duration::from_secs(seconds))
    }

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_mean_over_ten_seconds_is_bounded() {
        let rate = ConnectionRate::new(2.0, WINDOWS);

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
        let rate = ConnectionRate::new(2_147_483_647.0, WINDOWS);

        (0..100_000).for_each(|_| rate.record(at(1)));

        assert_eq!(rate.wait(at(1)), Duration::ZERO);
    }

    #[test]
    fn with_a_rate_of_zero_the_second_one_waits_for_ever() {
        let rate = ConnectionRate::new(0.0, WINDOWS);

        assert_eq!(rate.wait(at(1)), Duration::ZERO);
        rate.record(at(1));

        assert!(rate.wait(at(1_000_000)) > Duration::from_secs(1_000_000));
    }

    #[test]
    fn an_address_is_refused_what_goes_beyond_its_quota_and_others_are_not() {
        let rates = ConnectionRates::new(WINDOWS);

        for _ in 0..20 {
            assert_eq!(rates.take(ip(1), 2.0, at(100)), Ok(()));
        }

        assert_eq!(rates.take(ip(1), 2.0, at(100)), Err(Duration::from_millis(500)));
        assert_eq!(rates.take(ip(1), 2.0, at(100)), Err(Duration::from_millis(500)));
        assert_eq!(rates.take(ip(2), 2.0, at(100)), Ok(()));
        assert_eq!(rates.take(ip(1), 2.0, at(101)), Ok(()));
        // A lower quota counts for what comes next, and no pause is longer than a window.
        assert_eq!(rates.take(ip(1), 0.5, at(101)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn addresses_that_are_at_rest_are_forgotten() {
        let rates = ConnectionRates::new(WINDOWS);
        for number in 0..u32::try_from(ADDRESSES_MAX).unwrap() {
            assert_eq!(rates.take(IpAddr::from(number.to_be_bytes()), 2.0, at(0)), Ok(()));
        }

        assert_eq!(rates.take(ip(1), 2.0, at(60)), Ok(()));

        assert_eq!(rates.means.lock().unwrap().len(), 1);
    }
}
