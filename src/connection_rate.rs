//! How fast connections are taken: all, and those of each listener
//! (`max.connection.creation.rate`), and those of an address that has a quota
//! (`connection_creation_rate`), KIP-612.

use ottla_actors::quota::Windows;
use ottla_actors::types::MonoTime;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Past so many addresses it is worth a look, once a window, for those to forget.
const ADDRESSES_MANY: usize = 10_000;
/// Addresses that are remembered. Past it connections of others are not counted until there is
/// room: who has that many addresses is held up by `max.connection.creation.rate`, not by what each
/// of them may do, and nobody else shall be kept out.
const ADDRESSES_MAX: usize = 100_000;

/// A mean over the whole windows of `quota.window.num` and `quota.window.size.seconds`, as Kafka's:
/// connections of that long may come at once after a rest. The rate may be another each time.
#[derive(Clone, Copy, Debug)]
struct Mean {
    /// Connections that the rate has not paid for yet.
    unpaid: f64,
    /// When it was paid last.
    at: MonoTime,
}

impl Mean {
    const START: Self = Self { unpaid: 0.0, at: MonoTime::START };

    fn pay(&mut self, per_second: f64, now: MonoTime) {
        let paid = now.since(self.at).as_secs_f64() * per_second;
        self.unpaid = (self.unpaid - paid).max(0.0);
        self.at = self.at.max(now);
    }

    /// Counts one connection.
    fn record(&mut self, per_second: f64, now: MonoTime) {
        self.pay(per_second, now);
        self.unpaid += 1.0;
    }

    /// How long it is beyond its mean; with 0 for ever.
    fn excess(&mut self, per_second: f64, windows: Windows, now: MonoTime) -> Duration {
        self.pay(per_second, now);
        let beyond = self.unpaid - per_second * windows.whole().as_secs_f64();
        if beyond <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(beyond / per_second).unwrap_or(Duration::MAX)
    }
}

/// All listeners of a broker, or one. What comes too fast waits in the system's backlog, as in
/// Kafka.
#[derive(Debug)]
pub(crate) struct ConnectionRate {
    windows: Windows,
    mean: Mutex<Mean>,
}

impl ConnectionRate {
    /// No connection has come yet.
    pub(crate) const fn new(windows: Windows) -> Self {
        Self { windows, mean: Mutex::new(Mean::START) }
    }

    /// Counts one connection, of so many a second.
    pub(crate) fn record(&self, per_second: f64, now: MonoTime) {
        self.mean.lock().unwrap_or_else(PoisonError::into_inner).record(per_second, now);
    }

    /// How long the next one has to wait; nothing, mostly. With 0 none is taken after the first.
    pub(crate) fn wait(&self, per_second: f64, now: MonoTime) -> Duration {
        let mut mean = self.mean.lock().unwrap_or_else(PoisonError::into_inner);
        mean.excess(per_second, self.windows, now)
    }
}

/// Each address that has a quota. What comes too fast is not served.
#[derive(Debug)]
pub(crate) struct ConnectionRates {
    windows: Windows,
    means: Mutex<Means>,
}

#[derive(Debug)]
struct Means {
    of: BTreeMap<IpAddr, Mean>,
    /// When it was last looked for some to forget.
    looked_at: MonoTime,
}

impl ConnectionRates {
    pub(crate) fn new(windows: Windows) -> Self {
        let means = Means { of: BTreeMap::new(), looked_at: MonoTime::START };
        Self { windows, means: Mutex::new(means) }
    }

    /// Counts one connection of an address that may open so many a second.
    ///
    /// # Errors
    /// It is one too many, and does not count; how long it takes until it would not be, at most a
    /// window.
    pub(crate) fn take(&self, ip: IpAddr, per_second: f64, now: MonoTime) -> Result<(), Duration> {
        let mut means = self.means.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now.since(means.looked_at) >= self.windows.size;
        if means.of.len() >= ADDRESSES_MANY && is_due {
            // None is ever further beyond its mean than that takes.
            means.of.retain(|_, mean| now.since(mean.at) < self.windows.whole());
            means.looked_at = now;
        }
        if means.of.len() >= ADDRESSES_MAX && !means.of.contains_key(&ip) {
            return Ok(());
        }
        let mean = means.of.entry(ip).or_insert(Mean::START);
        let mut next = *mean;
        next.record(per_second, now);
        let excess = next.excess(per_second, self.windows, now);
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
        let rate = ConnectionRate::new(WINDOWS);

        (0..20).for_each(|_| rate.record(2.0, at(100)));
        assert_eq!(rate.wait(2.0, at(100)), Duration::ZERO);
        rate.record(2.0, at(100));

        assert_eq!(rate.wait(2.0, at(100)), Duration::from_millis(500));
        assert_eq!(rate.wait(2.0, at(101)), Duration::ZERO);
        rate.record(2.0, at(101));
        rate.record(2.0, at(101));
        assert_eq!(rate.wait(2.0, at(101)), Duration::from_millis(500));
    }

    #[test]
    fn the_default_holds_up_nobody() {
        let rate = ConnectionRate::new(WINDOWS);

        (0..100_000).for_each(|_| rate.record(2_147_483_647.0, at(1)));

        assert_eq!(rate.wait(2_147_483_647.0, at(1)), Duration::ZERO);
    }

    #[test]
    fn with_a_rate_of_zero_the_second_one_waits_until_it_is_another() {
        let rate = ConnectionRate::new(WINDOWS);

        assert_eq!(rate.wait(0.0, at(1)), Duration::ZERO);
        rate.record(0.0, at(1));

        assert_eq!(rate.wait(0.0, at(1_000_000)), Duration::MAX);
        assert_eq!(rate.wait(1.0, at(1_000_000)), Duration::ZERO);
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

    fn come(rates: &ConnectionRates, addresses: usize, now: MonoTime) {
        for number in 0..u32::try_from(addresses).unwrap() {
            assert_eq!(rates.take(IpAddr::from(number.to_be_bytes()), 2.0, now), Ok(()));
        }
    }

    #[test]
    fn addresses_that_are_at_rest_are_forgotten() {
        let rates = ConnectionRates::new(WINDOWS);
        come(&rates, ADDRESSES_MANY, at(0));

        assert_eq!(rates.take(ip(1), 2.0, at(60)), Ok(()));

        assert_eq!(rates.means.lock().unwrap().of.len(), 1);
    }

    #[test]
    fn any_number_of_addresses_at_once_is_held_in_bounds_and_keeps_nobody_out() {
        let rates = ConnectionRates::new(WINDOWS);
        (0..20).for_each(|_| assert_eq!(rates.take(ip(1), 2.0, at(60)), Ok(())));

        come(&rates, 2 * ADDRESSES_MAX, at(60));

        assert_eq!(rates.means.lock().unwrap().of.len(), ADDRESSES_MAX);
        assert!(rates.take(ip(1), 2.0, at(60)).is_err(), "who was there is counted");
        assert_eq!(rates.take(ip(2), 2.0, at(80)), Ok(()));
        assert_eq!(rates.means.lock().unwrap().of.len(), 1);
    }

    #[test]
    fn many_addresses_are_looked_through_once_a_window() {
        let rates = ConnectionRates::new(WINDOWS);
        come(&rates, ADDRESSES_MANY, at(60));
        assert_eq!(rates.take(ip(1), 2.0, at(60)), Ok(()));
        assert_eq!(rates.means.lock().unwrap().looked_at, at(60));

        let later = at(60).after(Duration::from_millis(999));
        assert_eq!(rates.take(ip(2), 2.0, later), Ok(()));
        assert_eq!(rates.means.lock().unwrap().looked_at, at(60));
        assert_eq!(rates.take(ip(2), 2.0, at(61)), Ok(()));
        assert_eq!(rates.means.lock().unwrap().looked_at, at(61));
    }
}
