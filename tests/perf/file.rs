//! The limit: what a plain file takes where nothing but a write and an fsync happens.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::latency::{await_time, histogram, print};
use crate::report::{figure, milliseconds};

/// Writes groups of so many bytes, each made durable before the next, and prints the rate. With
/// groups a second it is an open loop: a group has a time at which it is due, and its latency counts
/// from then.
#[expect(clippy::cast_precision_loss, reason = "rates are shown with few digits")]
pub(crate) fn run(bytes: usize, group: usize, groups_per_second: Option<u32>) {
    let mut file: File = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    let groups = bytes.div_ceil(group);
    let data = vec![b'x'; group];
    let pause = groups_per_second.map(|rate| Duration::from_secs(1) / rate);
    let mut times = histogram();
    let began = Instant::now();
    let mut due = Duration::ZERO;
    for _ in 0..groups {
        if pause.is_some() {
            await_time(began, due);
        }
        file.write_all(&data).expect("room on the disk");
        file.sync_data().expect("a durable group");
        let late = began.elapsed().saturating_sub(due).as_micros();
        times.saturating_record(u64::try_from(late).unwrap_or(u64::MAX));
        due = pause.map_or_else(|| began.elapsed(), |pause| due + pause);
    }
    let seconds = began.elapsed().as_secs_f64();
    figure("file_mb_per_s", (groups * group) as f64 / seconds / 1e6);
    milliseconds("file_sync", seconds / groups as f64);
    print("file", &times);
}
