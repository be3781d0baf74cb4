//! The consistency checker: what clients did and saw, and whether one log explains it.
//!
//! A history is a list of what happened to processes, each in its own order. Values are unique
//! within a partition, so where a value stands in the log is known from any answer that names it.
//! A send whose outcome is unknown may be in the log or not, and either is right; one that was
//! acknowledged has to be there, once, at the offset that was answered; one that was refused must
//! not be there at all. A history ends with a read of everything.

#![allow(dead_code, unused_imports, reason = "each test program uses its part of it")]

mod check;

pub(crate) use check::{Kind, check};

/// What is known of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Acknowledged, at this offset.
    At(i64),
    /// Refused: it did not happen.
    Refused,
    /// Unanswered: it may have happened.
    Unknown,
}

/// A record that a poll gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) value: u64,
}

/// One thing that a process did.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// In the order in which the process sent, whenever the answers came.
    Send { partition: i32, value: u64, outcome: Outcome },
    /// One answer with its records in order.
    Poll(Vec<Seen>),
    /// It reads from places of its choice: what it saw before binds it no longer.
    Assign,
    /// It reads what a group gives it, which may be given to others and come back.
    Subscribe,
    /// The server crashed.
    Crash,
}

/// What a process did, with its number.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) process: u32,
    pub(crate) op: Op,
}
