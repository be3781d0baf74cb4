//! Time as the state machines see it: handed in, never read.

use std::time::Duration;

/// Monotonic time since the process started; for deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonoTime(Duration);

impl MonoTime {
    /// The start of the process.
    pub const START: Self = Self(Duration::ZERO);

    /// The instant `wait` after this one.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// Time gone by since `earlier`; zero where `earlier` lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Wall-clock milliseconds since 1970; for record timestamps, never for deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// Both clocks, read once for each input.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For deadlines.
    pub mono: MonoTime,
    /// For record timestamps.
    pub wall: Timestamp,
}

/// Whose clock the timestamps of a topic's records are (`message.timestamp.type`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's, at the append.
    LogAppendTime,
}
