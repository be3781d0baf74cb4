//! Frames as clients send them, and millions of ways in which they may be wrong.
//!
//! `frames/` holds requests of real clients in hexadecimal; `examples.rs` makes one of every
//! request and version with the codec's own encoder; `mutations.rs` damages them and watches what
//! that costs, as `batches.rs` does with record batches. `GOLDEN_ITERATIONS` and `GOLDEN_SEED` make the damaged ones more, or others.
#![expect(clippy::expect_used, reason = "a test may stop")]

mod batches;
mod captured;
mod examples;
mod mutations;
mod random;
mod read;
