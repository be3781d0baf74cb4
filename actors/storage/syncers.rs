//! Threads that sync the files of a group side by side: a disk does several syncs at once in little
//! more than the time of one.

use super::disk::OpenMode;
use super::log::Log;
use super::segment::lock;
use super::writer;
use crate::types::Offset;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// Threads beside the journal's own, which works along. They are kept: making threads for each
/// group took a twelfth of the broker's processor time.
const THREADS: usize = 3;

/// One log of a group, by its place there.
struct Task {
    at: usize,
    log: Log,
}

/// Up to where a log was synced.
struct Outcome {
    at: usize,
    synced: io::Result<Offset>,
}

/// The threads; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Syncers {
    tasks: Sender<Task>,
    /// The journal takes tasks as well.
    left: Receiver<Task>,
    outcomes: Receiver<Outcome>,
}

impl Syncers {
    /// Starts the threads; with those that can't be had, syncs take longer, and nothing else.
    pub(super) fn start() -> Self {
        let (tasks, left) = unbounded::<Task>();
        let (done, outcomes) = unbounded();
        for number in 0..THREADS {
            let (tasks, done) = (left.clone(), done.clone());
            let work = move || {
                for task in tasks {
                    // Nobody waits any more where this fails.
                    drop(done.send(run(task)));
                }
            };
            let thread = thread::Builder::new().name(format!("sync-{number}"));
            if let Err(error) = thread.spawn(work) {
                log::warn!(error:%; "there is no thread for syncs; fewer are done at once");
            }
        }
        Self { tasks, left, outcomes }
    }

    /// Syncs `logs`; up to where each, in their order. All are over when this returns, whatever
    /// failed.
    pub(super) fn sync(&self, logs: &[Log]) -> io::Result<Vec<Offset>> {
        for (at, log) in logs.iter().enumerate() {
            let task = Task { at, log: log.clone() };
            drop(self.tasks.send(task));
        }
        let mut outcomes = Vec::with_capacity(logs.len());
        outcomes.extend(self.left.try_iter().map(run));
        while outcomes.len() < logs.len() {
            outcomes.push(self.outcomes.recv().map_err(io::Error::other)?);
        }
        outcomes.sort_unstable_by_key(|outcome| outcome.at);
        outcomes.into_iter().map(|outcome| outcome.synced).collect()
    }
}

fn run(Task { at, log }: Task) -> Outcome {
    let synced = catch_unwind(AssertUnwindSafe(|| sync_log(&log)));
    let synced = synced.unwrap_or_else(|_| Err(io::Error::other("a sync panicked")));
    Outcome { at, synced }
}

/// Syncs the segment that a log is written to, and its folder where that changed; up to where.
pub(super) fn sync_log(log: &Log) -> io::Result<Offset> {
    let writer = lock(&log.0.writer);
    let (end, entries) = (writer.end, writer.entries_dirty);
    drop(writer);
    if let Some(active) = log.0.active() {
        log.0.file(&active, OpenMode::Existing)?.sync()?;
    }
    if entries {
        writer::sync_entries(log)?;
    }
    Ok(end)
}
