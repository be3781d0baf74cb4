//! How long a frame may be on its way in memory that others wait for.

use crate::types::MonoTime;
use std::time::Duration;

/// The frame that is on its way, by its number, and since when.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<(u64, MonoTime)>);

impl Patience {
    /// Notes which frame is on its way in such memory.
    pub(super) fn watch(&mut self, number: Option<u64>, now: MonoTime) {
        match (number, self.0) {
            (Some(number), Some((known, _))) if number == known => {}
            (number, _) => self.0 = number.map(|number| (number, now)),
        }
    }

    /// When the frame has had its time.
    pub(super) fn ends(&self, receive_max: Duration) -> Option<MonoTime> {
        self.0.map(|(_, since)| since.after(receive_max))
    }

    /// Whether the frame has had its time while others wait. Where nobody does, it may go on.
    pub(super) fn is_over(
        &mut self,
        receive_max: Duration,
        now: MonoTime,
        is_wanted: bool,
    ) -> bool {
        let Some((_, since)) = &mut self.0 else { return false };
        if now.since(*since) < receive_max {
            return false;
        }
        *since = now;
        is_wanted
    }
}
