//! The one timer of an actor, polled in its drained hook.

use super::Clock;
use crate::types::MonoTime;
use std::future::Future;
use std::pin::Pin;
use std::task::Context as Cx;
use tokio::time::{Instant, Sleep};

/// A timer that follows a machine's deadline. Holds nothing while there is none.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<(MonoTime, Pin<Box<Sleep>>)>,
}

impl Alarm {
    /// Whether `deadline` has passed. If not, the actor's task is woken when it does, so this is
    /// asked anew in every drained hook.
    pub fn is_due(&mut self, deadline: Option<MonoTime>, clock: Clock, cx: &mut Cx<'_>) -> bool {
        let Some(deadline) = deadline else {
            self.sleep = None;
            return false;
        };
        let now = clock.now().mono;
        if deadline <= now {
            self.sleep = None;
            return true;
        }
        let at = Instant::now() + deadline.since(now);
        let (set_to, sleep) =
            self.sleep.get_or_insert_with(|| (deadline, Box::pin(tokio::time::sleep_until(at))));
        if *set_to != deadline {
            *set_to = deadline;
            sleep.as_mut().reset(at);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            // The timer wheel rounds; look again at once rather than too late.
            cx.waker().wake_by_ref();
            self.sleep = None;
        }
        false
    }
}
