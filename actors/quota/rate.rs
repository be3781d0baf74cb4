//! A rate over the last windows, as Kafka's `Rate` measures it.

use crate::types::MonoTime;
use std::time::Duration;

/// How long usage counts: `quota.window.num` windows of `quota.window.size.seconds`, the last of
/// which is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// How many, 1 or more.
    pub count: u32,
    /// How long each is.
    pub size: Duration,
}

impl Windows {
    /// The windows that are over: at a rest's end the bound of so much time may come at once.
    #[must_use]
    pub fn whole(self) -> Duration {
        self.size.saturating_mul(self.count.saturating_sub(1))
    }

    /// All of them.
    #[must_use]
    pub fn all(self) -> Duration {
        self.size.saturating_mul(self.count)
    }
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    begun: MonoTime,
    last: MonoTime,
    value: f64,
}

impl Sample {
    const fn new(now: MonoTime) -> Self {
        Self { begun: now, last: now, value: 0.0 }
    }
}

/// What was used, by window.
#[derive(Debug, Default)]
pub struct Rate {
    samples: Vec<Sample>,
    current: usize,
}

impl Rate {
    /// Counts `value`; a negative one takes back what was counted.
    pub fn record(&mut self, windows: Windows, value: f64, now: MonoTime) {
        match self.samples.get_mut(self.current) {
            None => self.samples.push(Sample { value, ..Sample::new(now) }),
            Some(sample) if now.since(sample.begun) < windows.size => {
                sample.value += value;
                sample.last = now;
            }
            Some(_) => self.advance(windows, Sample { value, ..Sample::new(now) }),
        }
    }

    /// Begins a window. One more than may count is kept: it may reach into those that do.
    fn advance(&mut self, windows: Windows, next: Sample) {
        let kept = usize::try_from(windows.count).unwrap_or(usize::MAX).saturating_add(1);
        self.current = (self.current + 1) % kept;
        match self.samples.get_mut(self.current) {
            Some(sample) => *sample = next,
            None => {
                self.current = self.samples.len();
                self.samples.push(next);
            }
        }
    }

    /// How long it takes, if nothing is added, until the rate is back at `bound` for a second; zero
    /// if it is not beyond.
    #[must_use]
    pub fn excess(&mut self, windows: Windows, bound: f64, now: MonoTime) -> Duration {
        let (used, over) = self.used(windows, now);
        let rate = used / over.as_secs_f64();
        if rate > bound {
            let seconds = (rate - bound) / bound * over.as_secs_f64();
            whole_ms(seconds)
        } else {
            Duration::ZERO
        }
    }

    /// Whether nothing of it counts any more.
    #[must_use]
    pub fn is_idle(&self, windows: Windows, now: MonoTime) -> bool {
        self.samples.iter().all(|sample| now.since(sample.last) >= windows.all())
    }

    /// What was used, and over what time. Windows before the first one count as empty ones.
    fn used(&mut self, windows: Windows, now: MonoTime) -> (f64, Duration) {
        for sample in &mut self.samples {
            if now.since(sample.last) >= windows.all() {
                *sample = Sample::new(now);
            }
        }
        let begun = self.samples.iter().map(|sample| sample.begun).min().unwrap_or(now);
        let mut over = now.since(begun);
        let size = windows.size.as_nanos().max(1);
        let full = u32::try_from(over.as_nanos() / size).unwrap_or(u32::MAX);
        let missing = windows.count.saturating_sub(1).saturating_sub(full);
        over = over.saturating_add(windows.size.saturating_mul(missing));
        // With one window alone nothing is over at its very beginning.
        over = over.max(Duration::from_millis(1));
        (self.samples.iter().map(|sample| sample.value).sum(), over)
    }
}

/// Seconds as whole milliseconds, the nearest; for ever where they are out of range.
pub(super) fn whole_ms(seconds: f64) -> Duration {
    Duration::try_from_secs_f64((seconds * 1000.0).round() / 1000.0).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows { count: 11, size: Duration::from_secs(1) };

    fn at(ms: u64) -> MonoTime {
        MonoTime::START.after(Duration::from_millis(ms))
    }

    fn used(rate: &mut Rate, value: f64, now: MonoTime) -> u128 {
        rate.record(WINDOWS, value, now);
        rate.excess(WINDOWS, 100.0, now).as_millis()
    }

    #[test]
    fn ten_seconds_of_the_bound_may_come_at_once_after_a_rest() {
        let mut rate = Rate::default();

        assert_eq!(used(&mut rate, 1000.0, at(5_000)), 0);
        assert_eq!(used(&mut rate, 1.0, at(5_000)), 10);
    }

    #[test]
    fn the_pause_is_what_brings_the_mean_back_to_the_bound() {
        let mut rate = Rate::default();

        let pause = used(&mut rate, 1500.0, at(0));

        // 1500 in 10 s; 5 s later 1500 in 15 s are 100 a second.
        assert_eq!(pause, 5_000);
        assert_eq!(rate.excess(WINDOWS, 100.0, at(4_000)).as_millis(), 5_000);
        assert_eq!(rate.excess(WINDOWS, 100.0, at(11_000)).as_millis(), 0, "it no longer counts");
    }

    #[test]
    fn what_goes_on_at_the_bound_is_hardly_held_up() {
        let mut rate = Rate::default();

        // Where a window begins, the first of its records counts before its time does.
        for tenth in 0..1_000 {
            assert!(used(&mut rate, 10.0, at(tenth * 100)) <= 100, "at {tenth}");
        }
        assert!(rate.samples.len() <= 12, "{}", rate.samples.len());
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let mut rate = Rate::default();

        assert!(used(&mut rate, 2_000.0, at(0)) > 0);
        rate.record(WINDOWS, -2_000.0, at(0));

        assert_eq!(used(&mut rate, 1_000.0, at(0)), 0);
    }

    #[test]
    fn usage_is_forgotten_when_its_windows_are_over() {
        let mut rate = Rate::default();
        rate.record(WINDOWS, 1_000.0, at(0));

        assert!(!rate.is_idle(WINDOWS, at(10_999)));
        assert!(rate.is_idle(WINDOWS, at(11_000)));
        assert_eq!(used(&mut rate, 1_000.0, at(11_000)), 0);
    }

    #[test]
    fn a_bound_that_is_out_of_reach_pauses_for_ever_and_does_not_panic() {
        let mut rate = Rate::default();
        rate.record(WINDOWS, 1.0, at(0));

        assert_eq!(rate.excess(WINDOWS, f64::MIN_POSITIVE, at(0)), Duration::MAX);
        assert_eq!(rate.excess(WINDOWS, f64::NAN, at(0)), Duration::ZERO);
        let single = Windows { count: 1, ..WINDOWS };
        assert_ne!(rate.excess(single, 100.0, at(0)), Duration::ZERO);
    }
}
