//! Logs on disk: the only folder that touches it. What was acknowledged is on disk.
//!
//! ```text
//! data/
//!   meta.properties, .lock           whose folder it is, and that it is in use
//!   metadata/                        the controller's log: same format and code as a partition's
//!   topics/<topic id>-<partition>/   <base offset, 20 digits>.log: batches as Kafka stores them
//!                                    log.state: log start by DeleteRecords, count of truncations
//!   wal/<n>.wal                      what was acknowledged before its segment was synced
//!   index/                           one fjall database, derived from the logs, rebuilt when lost
//! ```
//!
//! One journal thread changes all files, in the order in which it was asked to. Readers never wait
//! for it. What a crash can leave: a torn last segment of any log, a torn last group of the newest
//! write-ahead file, an index that is behind, older than both, or gone; `recover_log` makes one
//! log of that, and refuses what it can't explain instead of cutting it away.
//!
//! Deliberately absent: high watermarks, producers' rules, anything that decides what may be
//! written or read. That is the partition's.

mod cleaned_file;
mod compaction;
#[cfg(test)]
mod damage_test;
mod disk;
mod epochs;
mod error;
mod index;
mod index_fjall;
mod index_memory;
mod journal;
mod load;
mod log;
mod maintenance;
mod meta;
mod news;
mod offset_map;
mod open;
mod options;
mod producers;
mod queue;
#[cfg(test)]
mod race_test;
mod read;
mod readers;
mod recover_log;
mod reshape;
#[cfg(test)]
mod reshape_test;
mod retention;
mod scan;
mod segment;
mod shared;
mod sim_disk;
mod state_file;
mod store;
#[cfg(test)]
mod store_test;
mod syncers;
mod tail;
mod threads;
mod times;
mod trouble;
mod wal;
mod wal_read;
mod writer;

pub use disk::{DirEntry, Disk, DiskFile, OpenMode, RealDisk};
pub use error::{AppendError, OpenError, ReadError};
pub use index::{Change, FoundRow, Index, Space};
pub use index_memory::MemoryIndex;
pub use log::Log;
pub use meta::MetaProperties;
pub use news::{LogListener, LogNews};
pub use options::{
    ClockSource, FLUSH_MESSAGES_NEVER, FatalHook, LogPolicy, StorageOptions, end_process,
};
pub use producers::{PRODUCER_BATCHES_MAX, ProducerBatch, ProducerEntry, RecoveredState};
pub use read::{Chunk, Cursor, READ_BYTES_MAX, TryRead};
pub use readers::Readers;
pub use shared::Done;
pub use sim_disk::{Dice, SimDisk};
pub use store::{DiskSpace, Driver, Storage};
pub use times::FoundRecord;
