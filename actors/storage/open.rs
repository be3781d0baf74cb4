//! Opening a data folder: whose it is, what each log holds, what the write-ahead files add.

use super::disk::Disk;
use super::error::OpenError;
use super::index::{Index, MetaRow, Space, kind};
use super::journal::Journal;
use super::log::{Log, LogInner};
use super::meta::{self, Identity};
use super::options::{LogPolicy, StorageOptions};
use super::recover_log::{self, Found, Known};
use super::segment::lock;
use super::shared::{Chore, Job, Shared};
use super::wal::Wal;
use super::wal_read::{DamagedRecord, Held, Replayed};
use crate::types::{LogId, Uuid};
use bytes::Bytes;
use crossbeam_channel::Sender;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Threads that recover logs side by side.
const RECOVERY_THREADS: usize = 4;

/// A folder that was opened, not running yet.
pub(super) struct Opened {
    pub(super) identity: Identity,
    pub(super) shared: Arc<Shared>,
    pub(super) logs: BTreeMap<LogId, Log>,
    pub(super) journal: Journal,
    /// The number the next log gets in the index.
    pub(super) next_puid: u32,
}

/// Reads everything and recovers every log.
pub(super) fn open(
    options: StorageOptions,
    disk: Arc<dyn Disk>,
    index: Arc<dyn Index>,
    jobs: Sender<Job>,
    chores: Option<Sender<Chore>>,
) -> Result<Opened, OpenError> {
    let dir = options.dir.clone();
    let in_dir = |error| OpenError::from_io(&dir, error);
    disk.create_dir_all(&dir.join("topics")).map_err(in_dir)?;
    disk.sync_dir(&dir).map_err(in_dir)?;
    // The folder's own entry; where we may not open what it lies in, someone else made it.
    if let Some(above) = dir.parent()
        && let Err(error) = disk.sync_dir(above)
    {
        log::debug!(error:%; "the folder above the data folder can't be synced");
    }
    let identity = meta::identify(&*disk, &options)?;
    let wal_bytes = options.wal_file_bytes;
    let (mut wal, replayed) =
        Wal::open(Arc::clone(&disk), dir.join("wal"), wal_bytes, identity.clean)
            .map_err(|error| OpenError::from_io(dir.join("wal"), error))?;
    let shared = Arc::new(Shared::new(options, disk, index, jobs, chores));
    let mut numbers = Numbers::read(&*shared.index);
    let Sorted { mut logged, mut damaged, deleted } = sort(replayed);
    let mut ids = folders(&shared, &deleted).map_err(in_dir)?;
    ids.extend(logged.keys().chain(damaged.keys()).copied());
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let (puid, meta) = numbers.of(id);
        let log = Arc::new(LogInner::new(Arc::clone(&shared), id, puid, LogPolicy::default()));
        let logged = logged.remove(&id).unwrap_or_default();
        let damaged = damaged.remove(&id).unwrap_or_default();
        found.push((Log(log), Known { meta, clean: identity.clean, logged, damaged }));
    }
    let logs = found.iter().map(|(log, _)| (log.id(), log.clone())).collect();
    let logs_with_records: Vec<Log> = found
        .iter()
        .filter(|(_, known)| !known.logged.is_empty())
        .map(|(log, _)| log.clone())
        .collect();
    let unclean = !identity.clean && !found.is_empty();
    recover_all(&shared, found);
    if unclean {
        // Rows that led astray are gone before anyone reads.
        shared.index.flush();
    }
    if logs_with_records.iter().any(|log| log.0.is_offline()) {
        log::warn!("write-ahead files are kept, because a log could not take what they hold");
        wal.keep_for_later();
    }
    if let Err(error) = wal.make_first() {
        // A full disk must not keep anyone from reading; segments are synced instead.
        log::warn!(error:%; "a write-ahead file could not be made");
    }
    let journal = Journal::new(Arc::clone(&shared), wal);
    Ok(Opened { identity, shared, logs, journal, next_puid: numbers.next })
}

/// Numbers that logs have in the index.
struct Numbers {
    known: BTreeMap<LogId, (u32, MetaRow)>,
    next: u32,
}

impl Numbers {
    fn read(index: &dyn Index) -> Self {
        let mut known = BTreeMap::new();
        let mut next = 1;
        for (key, value) in index.scan(Space::State, &[kind::META]) {
            if let Some((puid, row)) = MetaRow::decode(&key, &value) {
                known.insert(row.id, (puid, row));
                next = next.max(puid.saturating_add(1));
            }
        }
        Self { known, next }
    }

    fn of(&mut self, id: LogId) -> (u32, Option<MetaRow>) {
        if let Some((puid, row)) = self.known.get(&id) {
            return (*puid, Some(*row));
        }
        self.next += 1;
        (self.next - 1, None)
    }
}

/// What the write-ahead files hold, without what was deleted.
#[derive(Default)]
struct Sorted {
    logged: BTreeMap<LogId, Vec<(u32, Bytes)>>,
    damaged: BTreeMap<LogId, Vec<Held>>,
    deleted: BTreeSet<LogId>,
}

fn sort(replayed: Vec<Replayed>) -> Sorted {
    let mut sorted = Sorted::default();
    for record in replayed {
        match record {
            Replayed::Batches { log, cuts, payload } => {
                sorted.logged.entry(log).or_default().push((cuts, payload));
            }
            Replayed::Deleted(log) => {
                sorted.deleted.insert(log);
            }
            Replayed::Damaged(DamagedRecord { file, position, held: None }) => log::error!(
                file, position;
                "a record of a write-ahead file is damaged, and whose it was can't be told: what \
                 it held is lost where no segment has it; the file is kept until an orderly stop"
            ),
            Replayed::Damaged(DamagedRecord { file, position, held: Some(held) }) => {
                log::warn!(
                    file, position, log:% = held.log;
                    "a record of a write-ahead file is damaged; its log goes offline if it lacks it"
                );
                sorted.damaged.entry(held.log).or_default().push(held);
            }
        }
    }
    sorted.logged.retain(|id, _| !sorted.deleted.contains(id));
    sorted.damaged.retain(|id, _| !sorted.deleted.contains(id));
    sorted
}

/// Logs that have a folder; removes those of deleted ones.
fn folders(shared: &Shared, deleted: &BTreeSet<LogId>) -> std::io::Result<BTreeSet<LogId>> {
    let disk = &*shared.disk;
    let topics = shared.options.dir.join("topics");
    let mut found = BTreeSet::new();
    for entry in disk.list(&topics)?.into_iter().filter(|entry| entry.is_dir) {
        let id = parse_folder(&entry.name);
        let gone = id.is_some_and(|id| deleted.contains(&id)) || entry.name.ends_with("-delete");
        if gone {
            disk.remove_dir_all(&topics.join(&entry.name))?;
        } else if let Some(id) = id {
            found.insert(id);
        } else {
            log::warn!(name = entry.name.as_str(); "a folder among the topics is none of ours");
        }
    }
    if disk.exists(&shared.options.dir.join("metadata")) {
        found.insert(LogId::METADATA);
    }
    Ok(found)
}

/// `<topic id>-<partition>`.
fn parse_folder(name: &str) -> Option<LogId> {
    let (topic_id, partition) = name.rsplit_once('-')?;
    let topic_id = Uuid::parse_str(topic_id).ok()?;
    let partition = partition.parse().ok().filter(|partition| *partition >= 0)?;
    Some(LogId { topic_id, partition })
}

fn recover_all(shared: &Shared, logs: Vec<(Log, Known)>) {
    let found =
        side_by_side(shared.parallel, logs, |(log, known)| recover_log::recover(log, &known));
    let found: Vec<Found> = found.into_iter().flatten().collect();
    // Two or three syncs each, for thousands of logs, are most of a start; one of everything is not.
    let (topics, others): (Vec<Found>, Vec<Found>) =
        found.into_iter().partition(|found| found.log.id() != LogId::METADATA);
    let count = topics.iter().filter(|found| found.must_sync).count();
    let mut all_synced = false;
    if count >= shared.options.sync_all_logs_min {
        match shared.disk.sync_all(&shared.options.dir.join("topics")) {
            Ok(()) => all_synced = true,
            Err(error) => log::warn!(error:%; "the disk could not be synced as a whole"),
        }
    }
    side_by_side(shared.parallel, topics, |found| found.finish(all_synced));
    side_by_side(shared.parallel, others, |found| found.finish(false));
}

/// Does `work` with each of `items`, on several threads where these may be used.
fn side_by_side<T: Send, R: Send>(
    parallel: bool,
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if !parallel || items.len() < 2 {
        return items.into_iter().map(work).collect();
    }
    let items: Vec<_> = items.into_iter().map(|item| Mutex::new(Some(item))).collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..RECOVERY_THREADS {
            scope.spawn(|| {
                while let Some(slot) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let taken = lock(slot).take();
                    if let Some(item) = taken {
                        let result = work(item);
                        lock(&results).push(result);
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}
