//! The disk as storage sees it: a trait, so that the simulator can bring one that loses what was
//! not synced, and the real one.

use rustix::io::{Errno, ReadWriteFlags};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

/// Slices in one `pwritev`; the system takes no more.
const IO_SLICES_MAX: usize = 1024;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Must be there; for reading and writing.
    Existing,
    /// Made when absent; its entry lasts once the folder is synced.
    Create,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name; names that are not UTF-8 are left out, none of ours is.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Its size in bytes; 0 for a folder.
    pub bytes: u64,
    /// When it was changed last, in ms since 1970.
    pub modified_ms: i64,
}

/// An open file. Safe to use from several threads at once: every access names its position.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Writes all of `slices`, one after the other, from byte `at`. After an error any part of it
    /// may be there.
    ///
    /// # Errors
    /// What the system said; `StorageFull` for a full disk.
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], at: u64) -> io::Result<()>;

    /// Reads from byte `at` into `buffer`; fewer bytes than asked for only at the file's end.
    ///
    /// # Errors
    /// What the system said.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Like `read_at`, but gives only what is in memory; `WouldBlock` where that is nothing.
    ///
    /// # Errors
    /// What the system said.
    fn read_cached_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Makes the content, and the length, last.
    ///
    /// # Errors
    /// What the system said; what was written before is in doubt then.
    fn sync(&self) -> io::Result<()>;

    /// Cuts or extends the file to `bytes`.
    ///
    /// # Errors
    /// What the system said.
    fn truncate(&self, bytes: u64) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// What the system said.
    fn bytes(&self) -> io::Result<u64>;
}

/// Files and folders.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file.
    ///
    /// # Errors
    /// What the system said.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes a folder and those above it; no error where it is there.
    ///
    /// # Errors
    /// What the system said.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the entries of a folder last.
    ///
    /// # Errors
    /// What the system said.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes everything last that was written to the file system of a folder: files and names.
    ///
    /// # Errors
    /// What the system said.
    fn sync_all(&self, path: &Path) -> io::Result<()>;

    /// Renames a file or folder, replacing a file.
    ///
    /// # Errors
    /// What the system said.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// What the system said.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder with all that is in it.
    ///
    /// # Errors
    /// What the system said.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// What a folder holds, by name; empty where there is no such folder.
    ///
    /// # Errors
    /// What the system said.
    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>>;

    /// Whether something is there.
    fn exists(&self, path: &Path) -> bool;

    /// The whole of a small file; `None` where there is none.
    ///
    /// # Errors
    /// What the system said.
    fn read_small(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        let file = match self.open(path, OpenMode::Existing) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = usize::try_from(file.bytes()?).unwrap_or(usize::MAX).min(1 << 20);
        let mut content = vec![0; bytes];
        let read = file.read_at(&mut content, 0)?;
        content.truncate(read);
        Ok(Some(content))
    }

    /// Replaces a small file: after a crash it is the old one or the new one.
    ///
    /// # Errors
    /// What the system said.
    fn replace_small(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let next = path.with_extension("tmp");
        let file = self.open(&next, OpenMode::Create)?;
        file.truncate(0)?;
        file.write_all_at(&mut [IoSlice::new(content)], 0)?;
        file.sync()?;
        self.rename(&next, path)?;
        match path.parent() {
            Some(dir) => self.sync_dir(dir),
            None => Ok(()),
        }
    }
}

/// The operating system's.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let create = mode == OpenMode::Create;
        let options = OpenOptions::new().read(true).write(true).create(create).clone();
        let file = options.open(path)?;
        Ok(Arc::new(RealFile { file, cached_reads: AtomicBool::new(true) }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_all(&self, path: &Path) -> io::Result<()> {
        rustix::fs::syncfs(File::open(path)?).map_err(io::Error::from)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let meta = entry.metadata()?;
            let bytes = if meta.is_dir() { 0 } else { meta.len() };
            let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let modified_ms = i64::try_from(modified.as_millis()).unwrap_or(i64::MAX);
            found.push(DirEntry { name, is_dir: meta.is_dir(), bytes, modified_ms });
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }
}

#[derive(Debug)]
struct RealFile {
    file: File,
    /// Cleared where the file system has no `RWF_NOWAIT`.
    cached_reads: AtomicBool,
}

impl DiskFile for RealFile {
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], mut at: u64) -> io::Result<()> {
        let mut left = slices;
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            let group = left.get(..IO_SLICES_MAX.min(left.len())).unwrap_or_default();
            let written = match rustix::io::pwritev(&self.file, group, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            at += written as u64;
            IoSlice::advance_slices(&mut left, written);
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            // Through the C library, where a test can make it fail.
            match self.file.read_at(rest, at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn read_cached_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        if !self.cached_reads.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut slices = [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.file, &mut slices, at, ReadWriteFlags::NOWAIT) {
            Ok(read) => Ok(read),
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS) => {
                self.cached_reads.store(false, Ordering::Relaxed);
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        // Through the C library, where a test can make it fail.
        self.file.sync_data()
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}
