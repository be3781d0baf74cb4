//! The cells that are written on the way of a request: atomics, nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts up.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    pub fn one(&self) {
        self.add(1);
    }

    /// Counts `amount`.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Counts the bytes of something in memory.
    pub fn add_bytes(&self, bytes: usize) {
        self.add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Counts time, in nanoseconds.
    pub fn add_time(&self, time: Duration) {
        self.add(nanoseconds(time));
    }

    /// What was counted.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Nanoseconds of a time; they fit for five centuries.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Upper bounds of the buckets of times, in nanoseconds: 10 µs to 10 s.
pub(super) const TIME_BOUNDS: &[u64] = &[
    10_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Upper bounds of the buckets of sizes, in bytes: 1 KiB to 16 MiB.
pub(super) const BYTES_BOUNDS: &[u64] =
    &[1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20];

/// Upper bounds of the buckets of counts.
pub(super) const COUNT_BOUNDS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// Most buckets, the one without a bound included.
const BUCKETS_MAX: usize = TIME_BOUNDS.len() + 1;

/// Counts values by size, in fixed buckets.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    buckets: [AtomicU64; BUCKETS_MAX],
    sum: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramImage {
    /// Sum of the values.
    pub sum: u64,
    /// Upper bound of each bucket, `None` in the last, and how many values it holds: those above
    /// the bound before.
    pub buckets: Vec<(Option<u64>, u64)>,
}

impl HistogramImage {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

impl Histogram {
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        assert!(bounds.len() < BUCKETS_MAX, "{} bounds have no room", bounds.len());
        Self { bounds, buckets: Default::default(), sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn record(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// Counts a time, in nanoseconds.
    pub fn record_time(&self, time: Duration) {
        self.record(nanoseconds(time));
    }

    /// What it holds.
    #[must_use]
    pub fn image(&self) -> HistogramImage {
        let bounds = self.bounds.iter().map(|bound| Some(*bound)).chain([None]);
        let counts = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        HistogramImage {
            buckets: bounds.zip(counts).collect(),
            sum: self.sum.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_counts_in_the_first_bucket_that_reaches_it() {
        let histogram = Histogram::new(&[10, 20]);

        for value in [0, 10, 11, 20, 21, 1000] {
            histogram.record(value);
        }

        let image = histogram.image();
        assert_eq!(image.buckets, [(Some(10), 2), (Some(20), 2), (None, 2)]);
        assert_eq!((image.count(), image.sum), (6, 1062));
    }

    #[test]
    fn bounds_rise() {
        for bounds in [TIME_BOUNDS, BYTES_BOUNDS, COUNT_BOUNDS] {
            assert!(bounds.is_sorted_by(|low, high| low < high), "{bounds:?}");
        }
    }
}
