//! One data folder, open and running.

use super::disk::{Disk, RealDisk};
use super::error::OpenError;
use super::index::Index;
use super::index_fjall::FjallIndex;
use super::index_memory::MemoryIndex;
use super::journal::Journal;
use super::log::{Log, LogInner};
use super::maintenance::{self, Maintenance};
use super::meta::{self, MetaProperties};
use super::open::{Opened, open};
use super::options::{LogPolicy, StorageOptions};
use super::readers::Readers;
use super::segment::lock;
use super::shared::{Chore, Done, Job, Shared};
use super::threads;
use crate::types::{LogId, Metrics};
use crossbeam_channel::{Receiver, unbounded};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Logs by their names.
pub(super) type Logs = Arc<Mutex<BTreeMap<LogId, Log>>>;

/// One data folder.
#[derive(Debug)]
pub struct Storage {
    meta: MetaProperties,
    was_clean: bool,
    shared: Arc<Shared>,
    logs: Logs,
    next_puid: AtomicU32,
    readers: Readers,
    running: Mutex<Option<Running>>,
    maintenance: Maintenance,
}

/// Room on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Left for us.
    pub free_bytes: u64,
    /// In all.
    pub size_bytes: u64,
}

/// What has to be ended in order.
#[derive(Debug)]
struct Running {
    journal: JoinHandle<()>,
    chores: JoinHandle<()>,
    /// Held for as long as the folder is ours.
    _lock: File,
}

impl Storage {
    /// Opens the folder: lock, identity, recovery of every log.
    ///
    /// # Errors
    /// The folder is another's, in use, of a newer format, not writable. A damaged log is no
    /// error: it alone is offline.
    pub fn open(options: StorageOptions) -> Result<Self, OpenError> {
        let dir = options.dir.clone();
        let in_dir = |error| OpenError::from_io(&dir, error);
        let lock_file = meta::lock_dir(&dir)?;
        let options = within_handle_limit(options);
        let index: Arc<dyn Index> =
            match FjallIndex::open(&dir.join("index"), options.index_cache_bytes) {
                Ok(index) => Arc::new(index),
                Err(error) => {
                    // Such as a full disk, which must not keep anyone from reading.
                    log::error!(error:%; "the index can't be made; it is kept in memory for now");
                    Arc::new(MemoryIndex::default())
                }
            };
        let (jobs, inbox) = unbounded();
        let (chores, chores_inbox) = unbounded::<Chore>();
        let readers = Readers::start(options.reader_threads.max(1)).map_err(in_dir)?;
        let opened = open(options, Arc::new(RealDisk), Arc::clone(&index), jobs, Some(chores));
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                index.close();
                return Err(error);
            }
        };
        let (mut storage, journal) = Self::new(opened, readers);
        let chores = threads::start_chores(chores_inbox).map_err(in_dir)?;
        let journal = threads::start_journal(journal, inbox).map_err(in_dir)?;
        *lock(&storage.running) = Some(Running { journal, chores, _lock: lock_file });
        storage.maintenance = Maintenance::start(&storage.shared, &storage.logs).map_err(in_dir)?;
        Ok(storage)
    }

    /// Opens a simulated folder, driven by hand. Chores run on the spot, reads on the caller's
    /// thread.
    ///
    /// # Errors
    /// As for `open`; and when the simulated machine crashes meanwhile.
    pub fn open_simulated(
        options: StorageOptions,
        disk: Arc<dyn Disk>,
        index: Arc<dyn Index>,
    ) -> Result<(Self, Driver), OpenError> {
        let (jobs, inbox) = unbounded();
        let dir = options.dir.clone();
        let readers = Readers::start(0).map_err(|error| OpenError::from_io(dir, error))?;
        let opened = open(options, disk, index, jobs, None)?;
        let (storage, journal) = Self::new(opened, readers);
        Ok((storage, Driver { journal, inbox }))
    }

    fn new(opened: Opened, readers: Readers) -> (Self, Journal) {
        let Opened { identity, shared, logs, journal, next_puid } = opened;
        let storage = Self {
            meta: identity.meta,
            was_clean: identity.clean,
            shared,
            logs: Arc::new(Mutex::new(logs)),
            next_puid: AtomicU32::new(next_puid),
            readers,
            running: Mutex::new(None),
            maintenance: Maintenance::default(),
        };
        (storage, journal)
    }

    /// Whose folder it is.
    #[must_use]
    pub const fn meta(&self) -> &MetaProperties {
        &self.meta
    }

    /// Whether it was closed in order the last time.
    #[must_use]
    pub const fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// Where this broker counts.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.shared.options.metrics
    }

    /// Whether batches can be made durable: the journal runs and no sync has failed.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let runs = lock(&self.running).as_ref().is_some_and(|it| !it.journal.is_finished());
        runs && !self.shared.is_dead()
    }

    /// The disk that the folder is on.
    ///
    /// # Errors
    /// What the system says.
    pub fn disk_space(&self) -> std::io::Result<DiskSpace> {
        let found = rustix::fs::statvfs(&self.shared.options.dir)?;
        Ok(DiskSpace {
            free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            size_bytes: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    /// Every log there is.
    #[must_use]
    pub fn logs(&self) -> Vec<Log> {
        lock(&self.logs).values().cloned().collect()
    }

    /// One log.
    #[must_use]
    pub fn log(&self, id: LogId) -> Option<Log> {
        lock(&self.logs).get(&id).cloned()
    }

    /// The log of this name, made if need be, with this policy. Touches no disk: folder and first
    /// segment are made at the first append. A name must never come back after `delete`.
    pub fn create(&self, id: LogId, policy: LogPolicy) -> Log {
        let mut logs = lock(&self.logs);
        if let Some(log) = logs.get(&id) {
            log.set_policy(policy);
            return log.clone();
        }
        let puid = self.next_puid.fetch_add(1, Ordering::Relaxed);
        let log = Log(Arc::new(LogInner::new(Arc::clone(&self.shared), id, puid, policy)));
        logs.insert(id, log.clone());
        log
    }

    /// Deletes a log after what is already queued for it. When `done` is called it will not come
    /// back, whatever happens; its files are removed in the background.
    pub fn delete(&self, log: &Log, done: Done) {
        lock(&self.logs).remove(&log.id());
        if !self.shared.send(Job::Delete { log: log.clone(), done }) {
            log::debug!(log:% = log.id(); "storage is closed; a log was not deleted");
        }
    }

    /// Threads for what would block.
    #[must_use]
    pub const fn readers(&self) -> &Readers {
        &self.readers
    }

    /// One round of retention and compaction now. Blocks until it is done; in a simulated folder,
    /// what is left for the journal waits for the driver.
    pub fn maintain(&self) {
        maintenance::retention_round(&self.shared, &self.logs());
        maintenance::compaction_round(&self.shared, &self.logs());
        let (done, wait) = crossbeam_channel::bounded(1);
        let done = Box::new(move || done.send(()).unwrap_or_default());
        if lock(&self.running).is_some() && self.shared.send(Job::Call(done)) {
            wait.recv().unwrap_or_default();
        }
    }

    /// Commits what is queued, syncs everything, marks the folder as closed in order, ends the
    /// threads. Blocks. Whatever comes later is refused.
    pub fn close(&self) {
        let Some(Running { journal, chores, _lock }) = lock(&self.running).take() else {
            return;
        };
        self.maintenance.stop();
        let (done, wait) = crossbeam_channel::bounded(1);
        if self.shared.send(Job::Close(done)) {
            wait.recv().unwrap_or_default();
        }
        let healthy = !self.shared.is_dead();
        self.shared.set_dead();
        drop(journal.join());
        self.shared.stop_chores();
        drop(chores.join());
        self.readers.close();
        let logs = self.logs();
        let all_online = logs.iter().all(|log| log.offline().is_none());
        self.shared.index.write(logs.iter().flat_map(final_rows).collect());
        self.shared.index.flush();
        self.shared.index.close();
        if healthy
            && all_online
            && let Err(error) = meta::mark_clean(&*self.shared.disk, &self.shared.options.dir)
        {
            log::warn!(error:%; "the orderly stop could not be noted; the next start checks more");
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.close();
    }
}

/// Raises the limit of open files as far as it goes, and keeps half of it for connections.
fn within_handle_limit(mut options: StorageOptions) -> StorageOptions {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed =
        if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    if let Some(allowed) = allowed.and_then(|allowed| usize::try_from(allowed).ok()) {
        options.segment_handles_max = options.segment_handles_max.min(allowed / 2);
        options.dirty_handles_max = options.dirty_handles_max.min(allowed / 2);
    }
    options
}

/// Where a log stands for good.
fn final_rows(log: &Log) -> Vec<super::index::Change> {
    let writer = lock(&log.0.writer);
    let (synced, cuts) = (writer.synced, writer.cuts);
    drop(writer);
    let Some(active) = log.0.active().filter(|_| !log.0.is_offline()) else {
        return Vec::new();
    };
    vec![active.row().put(log.0.puid), log.0.meta_row(synced, cuts)]
}

/// Drives a simulated folder's journal.
pub struct Driver {
    journal: Journal,
    inbox: Receiver<Job>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("queued", &self.inbox.len()).finish_non_exhaustive()
    }
}

impl Driver {
    /// Commits everything that is queued as one group.
    pub fn commit(&mut self) {
        self.journal.commit(self.inbox.try_iter().collect());
    }

    /// Looks for what is due: background syncs, write-ahead files.
    pub fn tick(&mut self) {
        self.journal.tick();
        self.commit();
    }
}
