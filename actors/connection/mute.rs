//! A pause of a connection: nothing is read or begun, for its client has used up a quota (KIP-219).
//! Answers are sent all the same.

use crate::runtime::Clock;
use crate::types::MonoTime;
use std::time::Duration;

/// Until when the connection pauses.
#[derive(Debug, Default)]
pub(super) struct Mute(Option<MonoTime>);

impl Mute {
    /// Pauses for so long from now on; a longer pause that has begun goes on.
    pub(super) fn begin(&mut self, pause: Duration, clock: Clock) {
        if !pause.is_zero() {
            self.0 = self.0.max(Some(clock.mono().after(pause)));
        }
    }

    /// Ends the pause if its time is over.
    pub(super) fn end(&mut self, clock: Clock) {
        if self.0.is_some_and(|until| until <= clock.mono()) {
            self.0 = None;
        }
    }

    /// Its end; none while there is no pause.
    pub(super) const fn until(&self) -> Option<MonoTime> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_pause_counts_and_ends() {
        let clock = Clock::start();
        let mut mute = Mute::default();
        let second = Duration::from_secs(1);

        mute.begin(Duration::ZERO, clock);
        assert_eq!(mute.until(), None);
        mute.begin(second * 3, clock);
        mute.begin(second, clock);
        tokio::time::advance(second * 2).await;
        mute.end(clock);
        assert_eq!(mute.until(), Some(MonoTime::START.after(second * 3)));

        tokio::time::advance(second).await;
        mute.end(clock);
        assert_eq!(mute.until(), None);
    }
}
