//! A bucket of tokens, as Kafka's `TokenBucket` fills and empties it (KIP-599).

use super::rate::{Windows, whole_ms};
use crate::types::MonoTime;
use std::time::Duration;

/// Tokens for changes. It begins full, and may be emptied below zero by one request, whose sender
/// then waits until it is back at zero.
#[derive(Debug, Default)]
pub struct TokenBucket {
    tokens: f64,
    /// None before its first use.
    filled_at: Option<MonoTime>,
}

impl TokenBucket {
    /// Takes `cost` tokens unless the bucket is below zero.
    ///
    /// # Errors
    /// It is; how long it takes until it no longer is.
    pub fn take(
        &mut self,
        windows: Windows,
        per_second: f64,
        cost: f64,
        now: MonoTime,
    ) -> Result<(), Duration> {
        self.fill(windows, per_second, now);
        if self.tokens < 0.0 {
            return Err(self.debt(per_second));
        }
        self.tokens -= cost;
        Ok(())
    }

    /// Takes `cost` tokens whatever is there; how long it takes until the bucket is not below zero.
    pub fn take_anyway(
        &mut self,
        windows: Windows,
        per_second: f64,
        cost: f64,
        now: MonoTime,
    ) -> Duration {
        self.fill(windows, per_second, now);
        self.tokens -= cost;
        if self.tokens < 0.0 { self.debt(per_second) } else { Duration::ZERO }
    }

    /// Whether it would be as full at `now` if it were forgotten.
    #[must_use]
    pub fn is_idle(&self, windows: Windows, now: MonoTime) -> bool {
        self.tokens >= 0.0 && self.filled_at.is_none_or(|at| now.since(at) >= windows.all())
    }

    fn debt(&self, per_second: f64) -> Duration {
        whole_ms(-self.tokens / per_second)
    }

    fn fill(&mut self, windows: Windows, per_second: f64, now: MonoTime) {
        let full = per_second * windows.all().as_secs_f64();
        self.tokens = match self.filled_at {
            None => full,
            Some(at) => full.min(self.tokens + per_second * now.since(at).as_secs_f64()),
        };
        self.filled_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size: Duration::from_secs(1) };

    fn at(seconds: u64) -> MonoTime {
        MonoTime::START.after(Duration::from_secs(seconds))
    }

    #[test]
    fn a_full_bucket_takes_one_request_of_any_cost_and_the_next_waits() {
        let mut bucket = TokenBucket::default();

        // Full are 22 tokens at 2 a second.
        assert_eq!(bucket.take(WINDOWS, 2.0, 30.0, at(5)), Ok(()));

        assert_eq!(bucket.take(WINDOWS, 2.0, 1.0, at(5)), Err(Duration::from_secs(4)));
        assert_eq!(bucket.take(WINDOWS, 2.0, 1.0, at(8)), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(WINDOWS, 2.0, 1.0, at(9)), Ok(()));
    }

    #[test]
    fn who_is_not_refused_waits_all_the_same() {
        let mut bucket = TokenBucket::default();

        assert_eq!(bucket.take_anyway(WINDOWS, 2.0, 22.0, at(0)), Duration::ZERO);
        assert_eq!(bucket.take_anyway(WINDOWS, 2.0, 4.0, at(0)), Duration::from_secs(2));
        assert_eq!(bucket.take_anyway(WINDOWS, 2.0, 4.0, at(0)), Duration::from_secs(4));
    }

    #[test]
    fn an_infinite_rate_holds_nobody_up_and_a_lower_one_counts_afterwards() {
        let mut bucket = TokenBucket::default();

        for _ in 0..2 {
            assert_eq!(bucket.take(WINDOWS, f64::INFINITY, 1e9, at(0)), Ok(()));
        }
        assert_eq!(bucket.take_anyway(WINDOWS, 2.0, 24.0, at(0)), Duration::from_secs(1));
    }

    #[test]
    fn no_rest_fills_it_beyond_full() {
        let mut bucket = TokenBucket::default();
        assert_eq!(bucket.take(WINDOWS, 2.0, 22.0, at(0)), Ok(()));
        assert!(!bucket.is_idle(WINDOWS, at(10)));
        assert!(bucket.is_idle(WINDOWS, at(11)));

        assert_eq!(bucket.take_anyway(WINDOWS, 2.0, 24.0, at(1_000)), Duration::from_secs(1));
        assert!(!bucket.is_idle(WINDOWS, at(2_000)), "it owes");
    }
}
