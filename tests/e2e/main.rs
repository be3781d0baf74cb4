//! Tests from outside: the `ottla` binary as its users meet it, through the clients they use.
//!
//! `harness` starts and stops processes and owns the Python environment; every other module is a
//! family of tests. Each test has a broker, a port and a data folder of its own, so that all of
//! them can run at once and none sees what another did.
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test may stop")]

mod admin;
#[path = "../consistency/mod.rs"]
mod checker;
mod clients;
mod clock;
mod compat;
mod consistency;
mod declared;
mod docker;
mod faults;
mod faults_reading;
mod fetch;
mod harness;
mod process;
mod python;
mod quotas;
mod readme;
mod rust_client;
mod sasl;
mod suites;
mod tools;
mod tools_groups;
mod wire;
