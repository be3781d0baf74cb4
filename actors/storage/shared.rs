//! What all logs of a folder share, and the jobs that they give to the journal.

use super::disk::Disk;
use super::index::{Index, PlaceRow, SegmentRow};
use super::log::Log;
use super::options::StorageOptions;
use super::segment::{Handles, Segment, lock};
use super::wal::WalFile;
use crate::types::Offset;
use crate::wire::StampedBatch;
use crossbeam_channel::Sender;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Called once, from a storage thread, when something asked for is done, and lasts. Dropped
/// without a call where it could not be done: the log is offline then, or the disk full.
pub type Done = Box<dyn FnOnce() + Send>;

/// Work that has time: removing files, syncing in the background.
pub(super) type Chore = Box<dyn FnOnce() + Send>;

/// What the journal is asked to do. All changes of a log's files go this way, in one order.
pub(super) enum Job {
    Append {
        log: Log,
        batches: Vec<StampedBatch>,
    },
    Barrier {
        log: Log,
        token: u64,
    },
    Delete {
        log: Log,
        done: Done,
    },
    /// Advance the log start; `durable` where someone was promised it (DeleteRecords).
    DeleteBefore {
        log: Log,
        offset: Offset,
        durable: bool,
        done: Done,
    },
    Truncate {
        log: Log,
        offset: Offset,
        done: Done,
    },
    /// Begin a new segment, if the active one still begins at `base` and holds something.
    Roll {
        log: Log,
        base: Offset,
    },
    /// Put a cleaned segment in the place of old ones.
    Swap(Swap),
    /// A segment was synced in the background.
    Synced(Synced),
    /// A write-ahead file was made ready, or could not be.
    WalFile(std::io::Result<WalFile>),
    /// Look for what has to be synced.
    Tick,
    /// Tell someone that everything before is done.
    Call(Done),
    /// Sync everything and stop.
    Close(Sender<()>),
}

/// A compaction's result, synced and ready to be renamed.
pub(super) struct Swap {
    pub(super) log: Log,
    pub(super) old: Vec<Arc<Segment>>,
    pub(super) new: Arc<Segment>,
    /// Where the new one's file lies until then.
    pub(super) cleaned: PathBuf,
    /// Its places.
    pub(super) places: Vec<PlaceRow>,
    pub(super) done: Done,
    pub(super) pending: PendingSwap,
}

/// A swap that is not done yet. While there is one, its log is not cleaned again: what lies ready
/// would be written over.
pub(super) struct PendingSwap(Log);

impl PendingSwap {
    pub(super) fn new(log: &Log) -> Self {
        log.0.pending_swaps.fetch_add(1, Ordering::AcqRel);
        Self(log.clone())
    }
}

impl Drop for PendingSwap {
    fn drop(&mut self) {
        self.0.0.pending_swaps.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The result of a background sync.
pub(super) struct Synced {
    pub(super) log: Log,
    /// The segment as it was when the sync began.
    pub(super) row: SegmentRow,
    /// Everything below was written when the sync began.
    pub(super) up_to: Offset,
    /// How often the log had been truncated then.
    pub(super) cuts: u32,
    /// The folder's entries were synced as well.
    pub(super) entries: bool,
    pub(super) result: std::io::Result<()>,
}

/// What all logs of a folder share.
pub(super) struct Shared {
    pub(super) options: StorageOptions,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) index: Arc<dyn Index>,
    pub(super) handles: Handles,
    pub(super) jobs: Sender<Job>,
    /// Where chores go; `None` runs them on the spot, as the simulator wants it.
    chores: Mutex<Option<Sender<Chore>>>,
    /// Whether threads of our own may be used; not in the simulator.
    pub(super) parallel: bool,
    dead: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(
        options: StorageOptions,
        disk: Arc<dyn Disk>,
        index: Arc<dyn Index>,
        jobs: Sender<Job>,
        chores: Option<Sender<Chore>>,
    ) -> Self {
        let handles = Handles::new(options.segment_handles_max);
        let parallel = chores.is_some();
        let chores = Mutex::new(chores);
        Self { options, disk, index, handles, jobs, chores, parallel, dead: AtomicBool::new(false) }
    }

    /// Whether nothing is taken any more: closed, or a sync failed.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Acquire)
    }

    pub(super) fn set_dead(&self) {
        self.dead.store(true, Ordering::Release);
    }

    /// Data can no longer be made durable. The one way out, and the hook that tests watch.
    pub(super) fn fatal(&self, what: &str, error: &std::io::Error) {
        self.set_dead();
        (self.options.fatal)(&format!("{what}: {error}"));
    }

    /// Does `chore` when there is time.
    pub(super) fn later(&self, chore: Chore) {
        let chores = lock(&self.chores).clone();
        match chores {
            // The thread is gone at a stop; what is left behind is removed at the next start.
            Some(chores) => drop(chores.send(chore)),
            None => chore(),
        }
    }

    /// The thread for chores ends when it has done what is queued.
    pub(super) fn stop_chores(&self) {
        lock(&self.chores).take();
    }

    /// Gives a job to the journal; whether it is still there.
    pub(super) fn send(&self, job: Job) -> bool {
        self.jobs.send(job).is_ok()
    }
}
