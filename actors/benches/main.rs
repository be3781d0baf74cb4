//! What each part of a record's way through the broker takes: `cargo bench -p ottla-actors`.
//!
//! In the order of the way: a frame is decoded, its batch checked, the partition gives it a place,
//! the log makes it durable, a fetch sends it out. Behind `--` stands a part of a benchmark's name.
#![expect(clippy::expect_used, reason = "a benchmark may stop")]

mod batch_check;
mod fetch_encode;
mod frame_decode;
mod log_commit;
mod partition_produce;
mod samples;
#[path = "../../tests/perf/text.rs"]
mod text;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    frame_decode::run(&mut criterion);
    batch_check::run(&mut criterion);
    partition_produce::run(&mut criterion);
    log_commit::run(&mut criterion);
    fetch_encode::run(&mut criterion);
    criterion.final_summary();
}
