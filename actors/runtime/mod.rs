//! The thin layer over actix: mailboxes, the drained hook, supervision, clocks, replies.
//!
//! Everything of actix that the broker relies on is confined to this folder and to typed messages.

mod alarm;
mod budget;
mod clock;
mod hosts;
mod reply;
mod seldom;
mod supervise;
#[cfg(test)]
mod supervise_test;

pub use alarm::Alarm;
pub use budget::{Budget, Share};
pub use clock::Clock;
pub use hosts::look_up;
pub use reply::Reply;
pub use seldom::Seldom;
pub use supervise::{DrainedHook, OnDrained, Turn, start_local, start_on};
