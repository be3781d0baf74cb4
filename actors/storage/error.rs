//! Why storage refuses: to open a folder, to take a batch, to read.

use crate::types::{LogId, NodeId, Offset};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a data folder does not open. Nothing in it was changed.
#[derive(Debug)]
pub enum OpenError {
    /// It belongs to another cluster.
    OtherCluster {
        /// The folder.
        dir: PathBuf,
        /// What `meta.properties` says.
        found: String,
        /// What the settings say.
        expected: String,
    },
    /// It belongs to another node.
    OtherNode {
        /// The folder.
        dir: PathBuf,
        /// What `meta.properties` says.
        found: NodeId,
        /// What the settings say.
        expected: NodeId,
    },
    /// Another process uses it.
    Locked(PathBuf),
    /// A newer release wrote it.
    NewerFormat {
        /// The folder.
        dir: PathBuf,
        /// The format it has.
        found: u32,
        /// The newest format this release reads.
        known: u32,
    },
    /// `meta.properties` can't be understood.
    Meta {
        /// The folder.
        dir: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The path is there and is no folder.
    NotADirectory(PathBuf),
    /// The file system is mounted read-only.
    ReadOnly(PathBuf),
    /// The user may not write there.
    NoPermission(PathBuf),
    /// Any other failure of the disk.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl OpenError {
    /// Sorts a failure of the system by what its reader can do about it.
    pub(super) fn from_io(path: impl Into<PathBuf>, error: io::Error) -> Self {
        let path = path.into();
        match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::ROFS) => Self::ReadOnly(path),
            Some(rustix::io::Errno::ACCESS | rustix::io::Errno::PERM) => Self::NoPermission(path),
            Some(rustix::io::Errno::NOTDIR | rustix::io::Errno::EXIST) => Self::NotADirectory(path),
            _ => Self::Io { path, error },
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherCluster { dir, found, expected } => write!(
                f,
                "data folder {} belongs to cluster '{found}', not '{expected}': point log.dirs at \
                 the right folder or correct the cluster id",
                dir.display()
            ),
            Self::OtherNode { dir, found, expected } => write!(
                f,
                "data folder {} belongs to node.id {}, not {}: point log.dirs at the right folder \
                 or correct node.id",
                dir.display(),
                found.0,
                expected.0
            ),
            Self::Locked(dir) => {
                write!(f, "data folder {} is in use by another process", dir.display())
            }
            Self::NewerFormat { dir, found, known } => write!(
                f,
                "data folder {} has format {found}, written by a newer release; this one reads up \
                 to {known}",
                dir.display()
            ),
            Self::Meta { dir, what } => {
                write!(f, "meta.properties in {} is damaged: {what}", dir.display())
            }
            Self::NotADirectory(dir) => {
                write!(f, "data folder {} is a file, not a folder", dir.display())
            }
            Self::ReadOnly(path) => {
                write!(f, "{} is on a file system that is mounted read-only", path.display())
            }
            Self::NoPermission(path) => {
                write!(
                    f,
                    "no permission to write {}: check the owner of the volume",
                    path.display()
                )
            }
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {}

/// Why batches were not taken. Nothing of what was refused is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendError {
    /// No room; it will be tried again with the next append. Kafka's KAFKA_STORAGE_ERROR.
    DiskFull,
    /// The write failed.
    Io,
    /// The batches do not continue the log, because some before them were refused.
    OutOfOrder,
    /// The log, or the whole storage, does not take part any more.
    Offline,
}

impl fmt::Display for AppendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DiskFull => "the disk is full",
            Self::Io => "the write failed",
            Self::OutOfOrder => "batches before these were refused",
            Self::Offline => "the log is offline",
        })
    }
}

impl std::error::Error for AppendError {}

/// Why a read gives nothing.
#[derive(Debug)]
pub enum ReadError {
    /// Before the log start, or beyond the log end.
    OutOfRange {
        /// What was asked for.
        asked: Offset,
        /// The log's first offset.
        start: Offset,
        /// The offset after its last.
        end: Offset,
    },
    /// The bytes at this place are no batch.
    Corrupt {
        /// The log.
        log: LogId,
        /// Base offset of the segment.
        segment: Offset,
        /// Byte in it.
        position: u64,
    },
    /// The log is offline, for this reason.
    Offline(String),
    /// The disk failed.
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { asked, start, end } => {
                write!(f, "offset {asked} is not within {start} to {end}")
            }
            Self::Corrupt { log, segment, position } => {
                write!(f, "no record batch at byte {position} of segment {segment} of log {log}")
            }
            Self::Offline(why) => write!(f, "the log is offline: {why}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}
