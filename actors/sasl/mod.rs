//! The server's side of SASL: PLAIN (RFC 4616) and SCRAM (RFC 5802, RFC 7677), as plain structs.
//!
//! A [`SaslServer`] is given tokens and gives back answers; what it needs of users it asks a
//! [`SaslUsers`] for. The texts of its refusals are Kafka's. It promises that a client learns no
//! more of a refusal than Kafka's clients do, that proofs and passwords are compared in constant
//! time, and that nothing of them is shown by `Debug`.
//!
//! Deliberately absent: sockets, frames and their order (`dispatch`), where users are kept
//! (`controller`, `types`), random numbers (the nonce is handed in), SASLprep (Kafka's clients do not
//! prepare names and passwords either).

mod credential;
mod keys;
mod message;
mod plain;
mod scram;
#[cfg(test)]
mod scram_test;
mod server;

pub use credential::{ScramCredential, ScramUsers};
pub use keys::{ITERATIONS_MAX, ITERATIONS_MIN, ScramKeys, salted_password};
pub use message::{from_base64, to_base64};
pub use server::{SaslError, SaslServer, SaslStep, SaslUsers};
