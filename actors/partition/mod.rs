//! One partition: its log, its high watermark and those who wait for either.
//!
//! `machine` decides on offsets, idempotence and answers; `actor` carries out; `view` is what
//! connections read without a message; `handle` is what everyone above holds.
//!
//! Deliberately absent: checks of a batch that need no state (`wire` does them on the connection's
//! thread), reads (they go from the connection to the log, past the mailbox), files.

mod actor;
#[cfg(test)]
mod actor_test;
mod error;
mod handle;
mod machine;
#[cfg(test)]
mod machine_test;
mod producers;
mod view;

pub use actor::{Close, DescribeProducers, PartitionActor, Produce, WaitForData};
pub use error::ProduceError;
pub use handle::{Partition, PartitionStart};
pub use machine::{Effect, Input, Origin, PartitionMachine, PartitionSettings};
pub use producers::{ActiveProducer, ProducerTable};
pub use view::{FetchWait, PartitionView};

/// Where a batch is, as the produce answer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// The broker's timestamp in ms, or -1; for a duplicate the largest timestamp of the first.
    pub log_append_time_ms: i64,
    /// Where the log begins.
    pub log_start_offset: i64,
}
