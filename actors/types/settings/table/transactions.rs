//! Rows of settings: transaction coordinators and producer ids.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::Bounds;
use crate::types::settings::value::ConfigType::{Boolean, Int, Short};

/// Sorted by name.
#[rustfmt::skip] // A row a setting reads as a table.
pub(super) const ROWS: &[Setting] = &[
    Setting::fixed("add.partitions.to.txn.retry.backoff.max.ms", Int, Some("100")),
    Setting::fixed("add.partitions.to.txn.retry.backoff.ms", Int, Some("20")),
    Setting::live("producer.id.expiration.ms", Int, Some("86400000")).bounds(Bounds::AtLeast(1))
        .works("How long a partition remembers an idle producer, in milliseconds."),
    Setting::fixed("transaction.abort.timed.out.transaction.cleanup.interval.ms", Int, Some("10000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("transaction.max.timeout.ms", Int, Some("900000")).bounds(Bounds::AtLeast(1))
        .works("Longest timeout that a transaction may ask for, in milliseconds."),
    Setting::live("transaction.partition.verification.enable", Boolean, Some("true")),
    Setting::fixed("transaction.remove.expired.transaction.cleanup.interval.ms", Int, Some("3600000")),
    Setting::fixed("transaction.state.log.load.buffer.size", Int, Some("5242880")),
    Setting::fixed("transaction.state.log.min.isr", Int, Some("2")).bounds(Bounds::AtLeast(1))
        .works("Replicas of `__transaction_state` that must be in sync; at most its replicas."),
    Setting::fixed("transaction.state.log.num.partitions", Int, Some("50")).bounds(Bounds::AtLeast(1))
        .works("Partitions of `__transaction_state`; fixed once it exists."),
    Setting::fixed("transaction.state.log.replication.factor", Short, Some("3")).bounds(Bounds::AtLeast(1))
        .works("Replicas of `__transaction_state`; at most one for each live broker."),
    Setting::fixed("transaction.state.log.segment.bytes", Int, Some("104857600")).bounds(Bounds::AtLeast(1_048_576))
        .works("Segment size of `__transaction_state`, in bytes."),
    Setting::fixed("transaction.two.phase.commit.enable", Boolean, Some("false")),
    Setting::fixed("transactional.id.expiration.ms", Int, Some("604800000")).bounds(Bounds::AtLeast(1)),
];
