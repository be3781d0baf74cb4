//! The thread that runs retention and compaction in their intervals.

use super::compaction;
use super::error::ReadError;
use super::log::Log;
use super::retention;
use super::segment::lock;
use super::shared::Shared;
use super::store::Logs;
use crate::types::MonoTime;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The thread's handle; default is one that does not run.
#[derive(Debug, Default)]
pub(super) struct Maintenance(Mutex<Option<(Sender<()>, JoinHandle<()>)>>);

impl Maintenance {
    pub(super) fn start(shared: &Arc<Shared>, logs: &Logs) -> io::Result<Self> {
        let (stop, stopped) = bounded(1);
        let (shared, logs) = (Arc::clone(shared), Arc::clone(logs));
        let thread = std::thread::Builder::new()
            .name("maintenance".to_owned())
            .spawn(move || run(&shared, &logs, &stopped))?;
        Ok(Self(Mutex::new(Some((stop, thread)))))
    }

    pub(super) fn stop(&self) {
        if let Some((stop, thread)) = lock(&self.0).take() {
            drop(stop);
            drop(thread.join());
        }
    }
}

fn run(shared: &Shared, logs: &Logs, stopped: &Receiver<()>) {
    let now = || (shared.options.clock)().mono;
    let retention_interval = shared.options.retention_check_interval;
    let cleaner_interval = shared.options.cleaner_backoff;
    let (mut next_retention, mut next_cleaning): (MonoTime, MonoTime) =
        (now().after(retention_interval), now().after(cleaner_interval));
    loop {
        let wait = next_retention.min(next_cleaning).since(now());
        if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let all: Vec<Log> = lock(logs).values().cloned().collect();
        if now() >= next_retention {
            retention_round(shared, &all);
            next_retention = now().after(retention_interval);
        }
        if now() >= next_cleaning {
            compaction_round(shared, &all);
            next_cleaning = now().after(cleaner_interval);
        }
    }
}

/// Asks for the removal of what has expired in all `logs`.
pub(super) fn retention_round(shared: &Shared, logs: &[Log]) {
    let now_ms = (shared.options.clock)().wall.0;
    for log in logs.iter().filter(|log| !log.0.is_offline()) {
        retention::apply(shared, log, now_ms);
    }
}

/// Cleans those of `logs` that are dirty enough, the dirtiest first.
pub(super) fn compaction_round(shared: &Shared, logs: &[Log]) {
    let now_ms = (shared.options.clock)().wall.0;
    let mut dirty: Vec<_> = logs
        .iter()
        .filter(|log| !log.0.is_offline() && log.policy().compact)
        .filter_map(|log| compaction::candidate(log, now_ms))
        .collect();
    dirty.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    for candidate in dirty {
        let log = candidate.log.clone();
        let cleaned = compaction::clean(candidate, now_ms).map_err(ReadError::Io);
        if let Err(error) = cleaned
            && log.is_news(&error)
        {
            log::error!(log:% = log.id(), error:%; "a log could not be compacted");
        }
    }
}
