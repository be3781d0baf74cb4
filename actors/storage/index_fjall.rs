//! The index in one fjall database, owned by one writer thread.
//!
//! Each option guards against something that was seen to go wrong: fjall's own rotation can block
//! its only worker for ever, so memtables are rotated here; a second worker spins; the journal's
//! compression makes recovery depend on the compressor's exact output; one torn page makes the
//! database refuse to open, and then it is made anew, for all in it is derived from the logs.

use super::error::OpenError;
use super::index::{Change, FoundRow, Index, Space};
use super::segment::lock;
use arc_swap::ArcSwapOption;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use fjall::config::{BlockSizePolicy, CompressionPolicy, FilterPolicy};
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Rows are written at the latest after so long.
const COMMIT_INTERVAL: Duration = Duration::from_millis(50);
/// Rows in one batch.
const BATCH_ROWS_MAX: usize = 4096;
/// A memtable of so many bytes is rotated. Rows are few (one each 64 KiB of a log, some at a
/// topic's making and end), so larger ones would only be memory that fills for hours.
const MEMTABLE_BYTES: usize = 1 << 20;
/// Memtables that may wait to be flushed; with more, rotation waits for the next batch.
const SEALED_MAX: usize = 3;
/// After so long without a row, what the memtables hold is flushed, so that they pin no journal.
const QUIET: Duration = Duration::from_secs(300);

enum Order {
    /// Commit what was written until now, and tell when it is on disk.
    Flush(Sender<()>),
    Close,
}

#[derive(Clone)]
struct Tables {
    database: Database,
    index: Keyspace,
    state: Keyspace,
}

impl Tables {
    fn open(dir: &Path, cache_bytes: u64) -> Result<Self, fjall::Error> {
        let database = Database::builder(dir)
            .journal_compression(CompressionType::None)
            .manual_journal_persist(true)
            .worker_threads(1)
            .cache_size(cache_bytes)
            .max_journaling_size(64 << 20)
            .open()?;
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(u64::MAX)
                .data_block_compression_policy(CompressionPolicy::disabled())
                .index_block_compression_policy(CompressionPolicy::disabled())
                .filter_policy(FilterPolicy::disabled())
                .data_block_size_policy(BlockSizePolicy::all(16 << 10))
        };
        let index = database.keyspace("index", options)?;
        let state = database.keyspace("state", options)?;
        Ok(Self { database, index, state })
    }

    const fn space(&self, space: Space) -> &Keyspace {
        match space {
            Space::Index => &self.index,
            Space::State => &self.state,
        }
    }
}

/// The index in fjall.
pub(super) struct FjallIndex {
    dir: PathBuf,
    tables: Arc<ArcSwapOption<Tables>>,
    rows: Sender<Vec<Change>>,
    /// Apart from the rows, so that these wake nobody while an interval gathers them.
    orders: Sender<Order>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for FjallIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallIndex").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl FjallIndex {
    /// Opens the database; one that will not open is set aside and made anew.
    ///
    /// A new one is made by the writer thread: that takes some forty syncs, and nobody has anything
    /// to read in it yet.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, OpenError> {
        let opened = if dir.exists() { open_existing(dir, cache_bytes)? } else { None };
        let tables = Arc::new(ArcSwapOption::from_pointee(opened));
        let (rows, written) = unbounded();
        let (orders, inbox) = unbounded();
        let writer = Writer {
            dir: dir.to_owned(),
            cache_bytes,
            tables: Arc::clone(&tables),
            unrotated: [0, 0],
        };
        let thread = std::thread::Builder::new()
            .name("index".to_owned())
            .spawn(move || writer.run(&written, &inbox))
            .map_err(|error| OpenError::from_io(dir, error))?;
        let writer = Mutex::new(Some(thread));
        Ok(Self { dir: dir.to_owned(), tables, rows, orders, writer })
    }
}

/// Opens what is there; `None` if it would not open and was moved away.
fn open_existing(dir: &Path, cache_bytes: u64) -> Result<Option<Tables>, OpenError> {
    let opened = catch_unwind(AssertUnwindSafe(|| Tables::open(dir, cache_bytes)));
    let why = match opened {
        Ok(Ok(tables)) => return Ok(Some(tables)),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it panicked".to_owned(),
    };
    log::warn!(why = why.as_str(); "the index does not open and is made anew");
    set_aside(dir).map_err(|error| OpenError::from_io(dir, error))?;
    Ok(None)
}

/// Moves the database away, so that the next start rebuilds it; removes what was moved before.
fn set_aside(dir: &Path) -> std::io::Result<()> {
    let aside = dir.with_extension("damaged");
    if aside.exists() {
        fs::remove_dir_all(&aside)?;
    }
    if dir.exists() {
        fs::rename(dir, &aside)?;
    }
    Ok(())
}

impl Index for FjallIndex {
    fn write(&self, changes: Vec<Change>) {
        // A closed index takes nothing more; everything in it can be derived.
        drop(self.rows.send(changes));
    }

    fn flush(&self) {
        let (done, wait) = crossbeam_channel::bounded(1);
        if self.orders.send(Order::Flush(done)).is_ok() {
            wait.recv().unwrap_or_default();
        }
    }

    fn last_up_to(&self, space: Space, prefix: &[u8], key: &[u8]) -> Option<FoundRow> {
        let tables = self.tables.load_full()?;
        let last = tables.space(space).range(prefix..=key).next_back()?;
        let (key, value) = last.into_inner().ok()?;
        Some((key.to_vec(), value.to_vec()))
    }

    fn scan(&self, space: Space, prefix: &[u8]) -> Vec<FoundRow> {
        let Some(tables) = self.tables.load_full() else {
            return Vec::new();
        };
        let rows = tables.space(space).prefix(prefix);
        rows.filter_map(|row| row.into_inner().ok())
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect()
    }

    fn close(&self) {
        drop(self.orders.send(Order::Close));
        if let Some(thread) = lock(&self.writer).take() {
            drop(thread.join());
        }
    }
}

fn new_batch(tables: &Tables) -> OwnedWriteBatch {
    tables.database.batch().durability(Some(PersistMode::Buffer))
}

struct Writer {
    dir: PathBuf,
    cache_bytes: u64,
    tables: Arc<ArcSwapOption<Tables>>,
    /// Bytes since the last rotation of each space.
    unrotated: [usize; 2],
}

impl Writer {
    fn run(mut self, rows: &Receiver<Vec<Change>>, orders: &Receiver<Order>) {
        if self.tables.load().is_none() {
            self.make();
        }
        let mut changes = Vec::new();
        let mut open = true;
        while open {
            let mut quiet = false;
            let order = crossbeam_channel::select! {
                recv(orders) -> order => Some(order.unwrap_or(Order::Close)),
                recv(rows) -> more => {
                    changes = more.unwrap_or_default();
                    // One interval gathers.
                    match orders.recv_timeout(COMMIT_INTERVAL) {
                        Ok(order) => Some(order),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => Some(Order::Close),
                    }
                },
                default(QUIET) => {
                    quiet = true;
                    None
                }
            };
            // Whoever gives an order has written its rows before.
            changes.extend(rows.try_iter().flatten());
            self.round(&mut changes, order.is_some(), quiet);
            match order {
                Some(Order::Flush(done)) => done.send(()).unwrap_or_default(),
                Some(Order::Close) => open = false,
                None => {}
            }
        }
        self.tables.store(None);
    }

    fn make(&self) {
        match Tables::open(&self.dir, self.cache_bytes) {
            Ok(tables) => self.tables.store(Some(Arc::new(tables))),
            Err(error) => log::error!(
                error:%;
                "the index can't be made; reads go on without it, the next start rebuilds it"
            ),
        }
    }

    fn round(&mut self, changes: &mut Vec<Change>, durable: bool, quiet: bool) {
        let Some(tables) = self.tables.load_full() else {
            changes.clear();
            return;
        };
        let result = self.commit(&tables, changes).and_then(|()| {
            if durable {
                tables.database.persist(PersistMode::SyncAll)?;
            }
            self.rotate(&tables, quiet)
        });
        if let Err(error) = result {
            log::error!(
                error:%;
                "the index can't be written; reads go on without it, the next start rebuilds it"
            );
            self.tables.store(None);
            drop(tables);
            if let Err(error) = set_aside(&self.dir) {
                log::error!(error:%; "the damaged index could not be moved away");
            }
        }
    }

    fn commit(&mut self, tables: &Tables, changes: &mut Vec<Change>) -> fjall::Result<()> {
        // Of a row that says where a log stands there may be hundreds: the last one counts.
        let mut puts = BTreeMap::new();
        for change in changes.drain(..) {
            match change {
                Change::Put(space, key, value) => {
                    puts.insert((space, key), value);
                }
                Change::RemoveRange(space, from, to) => {
                    // What was put before must be seen.
                    self.put(tables, std::mem::take(&mut puts))?;
                    let mut batch = new_batch(tables);
                    for row in tables.space(space).range(from..to) {
                        let key = row.key()?;
                        self.count(space, key.len());
                        batch.remove(tables.space(space), key);
                    }
                    batch.commit()?;
                }
            }
        }
        self.put(tables, puts)
    }

    fn put(
        &mut self,
        tables: &Tables,
        rows: BTreeMap<(Space, Vec<u8>), Vec<u8>>,
    ) -> fjall::Result<()> {
        let mut batch = new_batch(tables);
        for ((space, key), value) in rows {
            self.count(space, key.len() + value.len());
            batch.insert(tables.space(space), key, value);
            if batch.len() >= BATCH_ROWS_MAX {
                std::mem::replace(&mut batch, new_batch(tables)).commit()?;
            }
        }
        batch.commit()
    }

    const fn count(&mut self, space: Space, bytes: usize) {
        // A row in a memtable weighs about so much more than its bytes.
        const OVERHEAD_BYTES: usize = 128;
        let [index, state] = &mut self.unrotated;
        match space {
            Space::Index => *index += bytes + OVERHEAD_BYTES,
            Space::State => *state += bytes + OVERHEAD_BYTES,
        }
    }

    fn rotate(&mut self, tables: &Tables, quiet: bool) -> fjall::Result<()> {
        for (table, unrotated) in
            [&tables.index, &tables.state].into_iter().zip(&mut self.unrotated)
        {
            let due = *unrotated >= MEMTABLE_BYTES || (quiet && *unrotated > 0);
            if due && table.sealed_memtable_count() < SEALED_MAX {
                table.rotate_memtable()?;
                *unrotated = 0;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &[u8], value: &[u8]) -> Change {
        Change::Put(Space::State, key.to_vec(), value.to_vec())
    }

    #[test]
    fn rows_last_over_a_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        let index = FjallIndex::open(&path, 1 << 20).unwrap();
        index.write(vec![put(b"a1", b"x"), put(b"a2", b"y"), put(b"b1", b"z")]);
        index.close();

        let index = FjallIndex::open(&path, 1 << 20).unwrap();

        assert_eq!(index.scan(Space::State, b"a").len(), 2);
        let last = index.last_up_to(Space::State, b"a", b"a9");
        assert_eq!(last, Some((b"a2".to_vec(), b"y".to_vec())));
        index.close();
    }

    #[test]
    fn a_removed_range_takes_rows_put_just_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let index = FjallIndex::open(&dir.path().join("index"), 1 << 20).unwrap();

        index.write(vec![
            put(b"a1", b"x"),
            put(b"a2", b"y"),
            Change::RemoveRange(Space::State, b"a1".to_vec(), b"a2".to_vec()),
        ]);
        index.flush();

        assert_eq!(index.scan(Space::State, b"a"), [(b"a2".to_vec(), b"y".to_vec())]);
        index.close();
    }

    #[test]
    fn a_database_that_will_not_open_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("version"), b"nonsense").unwrap();

        let index = FjallIndex::open(&path, 1 << 20).unwrap();

        index.write(vec![put(b"a1", b"x")]);
        index.flush();
        assert_eq!(index.scan(Space::State, b"a").len(), 1);
        index.close();
    }
}
