//! Keeps the log readable while something happens over and over.

use crate::types::MonoTime;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Between two lines about the same thing.
const PAUSE: Duration = Duration::from_secs(60);

/// Says of something that clients can cause as often as they like when it is worth a line.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    next: Option<MonoTime>,
    untold: u64,
}

impl Seldom {
    /// It happened. If that is worth a line: how often it happened since the last one, this time
    /// left out.
    pub fn happened(&self, now: MonoTime) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.next.is_some_and(|next| now < next) {
            state.untold += 1;
            return None;
        }
        state.next = Some(now.after(PAUSE));
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_all_the_time_is_told_once_a_minute() {
        let seldom = Seldom::default();
        let at = |seconds| MonoTime::START.after(Duration::from_secs(seconds));

        let told: Vec<_> = [0, 1, 59, 60, 61, 300].map(|second| seldom.happened(at(second))).into();

        assert_eq!(told, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
