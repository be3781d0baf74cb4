//! The threads that drive a journal in production: the journal's own, and one for what has time.

use super::journal::Journal;
use super::queue::Queue;
use super::shared::{Chore, Job};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// How often what is due is looked for while something is not synced.
const TICK: Duration = Duration::from_millis(100);
/// The same while all is.
const IDLE_TICK: Duration = Duration::from_secs(60);

pub(super) fn start_journal(
    mut journal: Journal,
    inbox: Receiver<Job>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
        let shared = Arc::clone(&journal.shared);
        let run = AssertUnwindSafe(|| {
            // Makes the other write-ahead files.
            journal.tick();
            let mut queue = Queue::default();
            while drive(&mut journal, &mut queue, &inbox) {}
        });
        if catch_unwind(run).is_err() {
            shared.fatal("the journal stopped", &io::Error::other("it panicked"));
        }
    })
}

/// One group, or one tick; whether to go on.
fn drive(journal: &mut Journal, queue: &mut Queue, inbox: &Receiver<Job>) -> bool {
    if queue.is_empty() {
        let wait = if journal.dirty.is_empty() { IDLE_TICK } else { TICK };
        match inbox.recv_timeout(wait) {
            Ok(job) => queue.push(job),
            Err(RecvTimeoutError::Timeout) => queue.push(Job::Tick),
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    for job in inbox.try_iter() {
        queue.push(job);
    }
    // A busy disk leaves no pause to time out in.
    let closing = journal.commit(queue.group());
    journal.tick_if_due();
    let Some(closing) = closing else {
        return true;
    };
    // Whoever came too late hears of it.
    journal.commit(inbox.try_iter().collect());
    closing.send(()).unwrap_or_default();
    false
}

pub(super) fn start_chores(chores: Receiver<Chore>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("storage".to_owned()).spawn(move || {
        for chore in chores {
            chore();
        }
    })
}
