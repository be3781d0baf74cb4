//! What the process says of itself: starting, serving, stopping.

use ottla_actors::connection::RequestMemory;
use ottla_actors::dispatch::Broker;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A broker whose listeners are open.
#[derive(Clone, Debug)]
pub(crate) struct Serving {
    pub(crate) broker: Arc<Broker>,
    pub(crate) memory: RequestMemory,
    /// From the start of the process until clients were accepted.
    pub(crate) ready_after: Duration,
}

/// Written by whoever starts and stops the broker, read by the page.
#[derive(Debug, Default)]
pub(super) struct State {
    serving: OnceLock<Serving>,
    is_stopping: AtomicBool,
}

impl State {
    pub(super) fn serve(&self, serving: Serving) {
        // A process starts one broker; a second one would find the first shown.
        self.serving.get_or_init(|| serving);
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    pub(super) fn serving(&self) -> Option<&Serving> {
        self.serving.get()
    }

    /// Whether data can be acknowledged, now or once the start is through.
    pub(super) fn health(&self) -> Result<(), &'static str> {
        // While it stops, the journal ends in its turn.
        let stopping = self.is_stopping.load(Ordering::Acquire);
        match self.serving() {
            Some(serving) if !stopping && !serving.broker.storage.is_alive() => {
                Err("the journal does not run")
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether clients are served.
    pub(super) fn readiness(&self) -> Result<(), &'static str> {
        self.health()?;
        if self.is_stopping.load(Ordering::Acquire) {
            return Err("stopping");
        }
        match self.serving() {
            None => Err("starting"),
            Some(serving) if !serving.broker.groups.are_loaded() => Err("loading groups"),
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_starts_or_stops_is_alive_and_not_ready() {
        let state = State::default();
        assert_eq!((state.health(), state.readiness()), (Ok(()), Err("starting")));

        state.stop();

        assert_eq!((state.health(), state.readiness()), (Ok(()), Err("stopping")));
    }
}
