//! Measures how long a connection does not read its socket because a limit is reached.

use crate::runtime::Clock;
use crate::types::{BlockReason, Metrics, MonoTime};
use std::sync::Arc;

/// Notes changes; while nothing changes it costs one comparison.
#[derive(Debug)]
pub(super) struct Blocked {
    metrics: Arc<Metrics>,
    clock: Clock,
    now: Option<(BlockReason, MonoTime)>,
}

impl Blocked {
    pub(super) const fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        Self { metrics, clock, now: None }
    }

    /// Why the socket is not read from now on; `None` if it is.
    pub(super) fn set(&mut self, reason: Option<BlockReason>) {
        if self.now.map(|(reason, _)| reason) == reason {
            return;
        }
        let now = self.clock.mono();
        let connection = &self.metrics.connection;
        if let Some((ended, begun)) = self.now.take() {
            connection.blocks_ended.of(ended).one();
            connection.blocked.of(ended).add_time(now.since(begun));
        }
        if let Some(reason) = reason {
            connection.blocks_begun.of(reason).one();
            self.now = Some((reason, now));
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        self.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn time_counts_for_the_reason_that_held() {
        let metrics = Arc::<Metrics>::default();
        let mut blocked = Blocked::new(metrics.clone(), Clock::start());
        let second = Duration::from_secs(1);

        tokio::time::advance(second).await;
        blocked.set(Some(BlockReason::Answers));
        tokio::time::advance(second).await;
        blocked.set(Some(BlockReason::Memory));
        tokio::time::advance(second).await;
        blocked.set(Some(BlockReason::Memory));
        tokio::time::advance(second).await;
        drop(blocked);

        let seconds =
            |reason| Duration::from_nanos(metrics.connection.blocked.of(reason).value()).as_secs();
        let of = [BlockReason::Answers, BlockReason::Memory, BlockReason::Requests].map(seconds);
        assert_eq!(of, [1, 2, 0]);
        let memory = BlockReason::Memory;
        let ended = metrics.connection.blocks_ended.of(memory).value();
        assert_eq!((metrics.connection.blocks_begun.of(memory).value(), ended), (1, 1));
    }
}
