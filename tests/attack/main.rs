//! What a hostile or broken client does to a running broker, and what that costs everybody else.
//!
//! Each test attacks a process of its own and asks the same of it: it lives, its memory stays
//! within what its settings allow (`memory.rs` does that sum), a well-behaved client beside the
//! attack is served and loses nothing of what was acknowledged (`bystander.rs`), the log says it
//! once, and a metric counts it. How long the well-behaved client waits, alone and beside the
//! attack, is printed; `ATTACK_LATENCY` has it asserted, by hand.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may stop"
)]

mod answers;
mod bombs;
mod bystander;
mod client;
mod connections;
mod frames;
mod groups;
mod many;
mod memory;
mod requests;
mod sessions;
mod unauthenticated;

#[path = "../golden/examples.rs"]
mod examples;
#[path = "../golden/random.rs"]
mod random;
#[path = "../golden/read.rs"]
#[allow(dead_code, reason = "writing frames again is for other tests")]
mod read;

#[path = "../e2e/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the Python environment is for other tests")]
mod harness;
