//! Connections that the broker ends: each is counted, and each kind is told of now and then.

use crate::runtime::{Clock, Seldom};
use crate::types::{CloseReason, Metrics};
use std::fmt;
use std::sync::Arc;

/// Shared by all connections.
#[derive(Debug)]
pub struct Closings {
    metrics: Arc<Metrics>,
    clock: Clock,
    frame: Seldom,
    request: Seldom,
    slow: Seldom,
    authentication: Seldom,
}

impl Closings {
    /// Nothing was closed yet.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, clock: Clock) -> Self {
        let (frame, request, slow, authentication) = Default::default();
        Self { metrics, clock, frame, request, slow, authentication }
    }

    /// A connection of `client` is ended.
    pub(super) fn note(
        &self,
        reason: CloseReason,
        client: &dyn fmt::Display,
        why: &dyn fmt::Display,
    ) {
        self.metrics.connection.closed_by.of(reason).one();
        let seldom = match reason {
            CloseReason::Frame => &self.frame,
            CloseReason::Request => &self.request,
            CloseReason::Slow => &self.slow,
            CloseReason::Authentication => &self.authentication,
            // What every client may do.
            CloseReason::Idle => {
                log::debug!(client:%; "idle connection closed");
                return;
            }
        };
        match seldom.happened(self.clock.mono()) {
            Some(untold) => {
                log::warn!(client:%, reason:% = why, others_before = untold; "connection closed");
            }
            None => log::debug!(client:%, reason:% = why; "connection closed"),
        }
    }
}
