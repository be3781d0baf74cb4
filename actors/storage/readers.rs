//! The threads for what would block: cold reads, look-ups by time.

use super::segment::lock;
use crossbeam_channel::{Sender, unbounded};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread::JoinHandle;

type Work = Box<dyn FnOnce() + Send>;

/// A small pool of reader threads. Its queue is bounded by those who fill it: each connection has
/// one read here at a time.
#[derive(Debug)]
pub struct Readers {
    queue: Mutex<Option<Sender<Work>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    /// Starts `count` threads; with 0, work is done by whoever brings it (the simulator).
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (queue, work) = unbounded::<Work>();
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let work = work.clone();
            let thread =
                std::thread::Builder::new().name(format!("reader-{number}")).spawn(move || {
                    for work in work {
                        // A panic here must not take the thread from all others.
                        if catch_unwind(AssertUnwindSafe(work)).is_err() {
                            log::error!("a read panicked");
                        }
                    }
                })?;
            threads.push(thread);
        }
        let queue = if count == 0 { None } else { Some(queue) };
        Ok(Self { queue: Mutex::new(queue), threads: Mutex::new(threads) })
    }

    /// Runs `work` on one of the threads; on this one where storage is closed already.
    pub fn run(&self, work: Box<dyn FnOnce() + Send>) {
        let queue = lock(&self.queue).clone();
        match queue {
            Some(queue) => {
                if let Err(crossbeam_channel::SendError(work)) = queue.send(work) {
                    work();
                }
            }
            None => work(),
        }
    }

    /// Finishes what is queued and ends the threads.
    pub(super) fn close(&self) {
        lock(&self.queue).take();
        for thread in lock(&self.threads).drain(..) {
            drop(thread.join());
        }
    }
}
