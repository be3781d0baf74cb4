//! The limit: what a plain file takes where nothing but a write and an fsync happens.

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use crate::report::{figure, milliseconds};

/// Writes groups of so many bytes, each made durable before the next, and prints the rate.
#[expect(clippy::cast_precision_loss, reason = "rates are shown with few digits")]
pub(crate) fn run(bytes: usize, group: usize) {
    let mut file: File = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
    let groups = bytes.div_ceil(group);
    let data = vec![b'x'; group];
    let began = Instant::now();
    for _ in 0..groups {
        file.write_all(&data).expect("room on the disk");
        file.sync_data().expect("a durable group");
    }
    let seconds = began.elapsed().as_secs_f64();
    figure("file_mb_per_s", (groups * group) as f64 / seconds / 1e6);
    milliseconds("file_sync", seconds / groups as f64);
}
