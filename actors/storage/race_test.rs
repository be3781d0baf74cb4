//! Readers whose segment is deleted or compacted while they are about to open it.

use super::store_test::{bases, fill, id, options, small_segments};
use super::*;
use crate::types::Offset;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

type Hook = Box<dyn FnOnce() + Send>;

/// A disk on which something happens right before a file is opened.
#[derive(Clone, Default)]
struct Meddling {
    disk: SimDisk,
    hook: Arc<Mutex<Option<(PathBuf, Hook)>>>,
}

impl fmt::Debug for Meddling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meddling")
    }
}

impl Meddling {
    fn before_opening(&self, path: PathBuf, hook: Hook) {
        *self.hook.lock().unwrap() = Some((path, hook));
    }
}

impl Disk for Meddling {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let taken = self.hook.lock().unwrap().take_if(|(at, _)| at == path);
        if let Some((_, hook)) = taken {
            hook();
        }
        self.disk.open(path, mode)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        self.disk.list(path)
    }

    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }
}

/// A log of several segments, none of which is open.
fn reopened(disk: &Meddling) -> (Storage, Driver, Log) {
    let index = MemoryIndex::default();
    let start = || {
        let (disk, index) = (Arc::new(disk.clone()), Arc::new(index.clone()));
        Storage::open_simulated(options(Path::new("/data")), disk, index).unwrap()
    };
    let (storage, mut driver) = start();
    let log = storage.create(id(1), small_segments());
    for _ in 0..100 {
        fill(&log, 1, 200);
        driver.commit();
    }
    drop((storage, driver));
    let (storage, driver) = start();
    let log = storage.create(id(1), small_segments());
    assert!(log.segment_count() > 3);
    (storage, driver, log)
}

/// Has the first segment deleted just before its file is opened; where the next one begins.
fn delete_first_when_opened(disk: &Meddling, log: &Log, mut driver: Driver) -> Offset {
    let segments = log.0.segments.load_full();
    let start = segments[1].base;
    let deleted = log.clone();
    disk.before_opening(
        segments[0].path().to_owned(),
        Box::new(move || {
            deleted.delete_before(start, Box::new(|| ()));
            driver.commit();
        }),
    );
    start
}

#[test]
fn a_segment_that_is_deleted_under_a_reader_is_out_of_range_and_no_fault() {
    let disk = Meddling::default();
    let (_storage, driver, log) = reopened(&disk);
    let start = delete_first_when_opened(&disk, &log, driver);

    let read = log.read_blocking(Offset::ZERO, Offset::MAX, 700, true, &mut None);

    assert!(matches!(read, Err(ReadError::OutOfRange { .. })), "{read:?}");
    assert_eq!(bases(&log, start.to_wire(), 700).first(), Some(&start.to_wire()));
}

#[test]
fn a_search_by_time_whose_segment_is_deleted_goes_on_behind_it() {
    let disk = Meddling::default();
    let (_storage, driver, log) = reopened(&disk);
    let start = delete_first_when_opened(&disk, &log, driver);

    let found = log.find_by_timestamp(0, Offset::MAX).unwrap();

    assert_eq!(found.map(|(offset, ..)| offset), Some(start));
}
