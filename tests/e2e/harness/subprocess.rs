//! A child process that is always waited for, within a deadline, and ended by its id.

use std::process::{ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A running child; dropping it kills it.
pub(crate) struct Subprocess {
    pid: Pid,
    exit: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
    /// The writing end of its standard input, if it was asked for.
    pub(crate) stdin: Option<ChildStdin>,
    /// The reading end of its standard output, if it was asked for.
    pub(crate) stdout: Option<ChildStdout>,
}

impl Subprocess {
    /// Starts `command`, whose pipes the caller has set.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(problem) => panic!("{command:?} does not start: {problem}"),
        };
        let pid = Pid::from_child(&child);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (sender, exit) = mpsc::channel();
        // A thread of its own waits, so that a deadline can be kept without asking over and over.
        thread::spawn(move || {
            let status = child.wait().expect("a child can be waited for");
            sender.send(status).unwrap_or_default();
        });
        Self { pid, exit, status: None, stdin, stdout }
    }

    /// The process's id.
    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for its end, at most `limit`; `None` if it goes on.
    pub(crate) fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.exit.recv_timeout(limit).ok();
        }
        self.status
    }

    /// Sends a signal, unless it is known to have ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.wait(Duration::ZERO).is_none() {
            // It may end at this very moment, which is what the signal was for.
            kill_process(self.pid, signal).unwrap_or_default();
        }
    }

    /// Ends it at once and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        assert!(self.wait(Duration::from_secs(20)).is_some(), "a killed process is gone");
    }
}

impl Drop for Subprocess {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.wait(Duration::from_secs(20));
    }
}
