//! Health and metrics over HTTP, on a port of their own.
//!
//! `/healthz` answers 200 while the process can acknowledge data, `/readyz` while clients are
//! served, `/metrics` with everything the table of metrics lists, in the text format of Prometheus.
//! One thread serves all three. What is counted is read from atomics; what is there anyway is read
//! from the image and the logs, and groups are asked by message, only when someone looks.
//!
//! Deliberately absent: anything that changes the broker.

pub mod check;
mod observe;
mod page;
mod reference;
mod server;
mod state;

pub use reference::reference;
pub(crate) use server::AdminServer;
pub(crate) use state::Serving;
