//! The broker: actors, the state machines they drive, the log and the wire.
//!
//! Folders stand in layers; each uses only those below it, news travels up as messages:
//! connection → dispatch → group, controller → registry → partition → quota → runtime → storage →
//! wire → machine → sasl → types. `tests/tidy` holds the table.

pub mod connection;
pub mod controller;
pub mod dispatch;
pub mod group;
pub mod machine;
pub mod partition;
pub mod quota;
pub mod registry;
pub mod runtime;
pub mod sasl;
pub mod storage;
pub mod types;
pub mod wire;
