//! One actor a socket: frames, order, limits.
//!
//! A connection reads frames, starts each request and sends the answers in the order of the
//! requests. All flow control of the broker lies here: a connection stops reading its socket while
//! its unsent answers, its open requests or the broker's request memory are at their limit, and
//! TCP holds the client.
//!
//! Deliberately absent: what requests mean (`dispatch`), accepting sockets (the process).

mod actor;
mod blocked;
mod closings;
mod inbound;
#[cfg(test)]
mod inbound_test;
mod lane;
mod memory;
mod mute;
mod outbound;
mod patience;

pub use actor::{ConnectionActor, ConnectionLimits, Drain};
pub use closings::Closings;
pub use memory::RequestMemory;
