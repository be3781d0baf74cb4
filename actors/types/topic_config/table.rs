//! The table of topic configs (`TopicConfig.java`, `LogConfig.java`).

use crate::types::settings::Bounds;
use crate::types::settings::ConfigType::{self, Boolean, Double, Int, List, Long, String};

/// One topic config.
#[derive(Clone, Copy, Debug)]
pub struct TopicConfigRow {
    /// Kafka's name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// What applies when nothing is set for the topic or the broker.
    pub default: &'static str,
    /// Broker setting whose value is its default; that one's own synonyms, like
    /// `log.retention.hours` after `log.retention.ms`, are in
    /// [`broker_synonyms`](crate::types::settings::broker_synonyms).
    pub synonym: Option<&'static str>,
    /// What values will do.
    pub bounds: Bounds,
    /// Whether it does something here.
    pub effect: bool,
    /// What it does.
    pub doc: &'static str,
}

const fn row(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    synonym: Option<&'static str>,
) -> TopicConfigRow {
    TopicConfigRow { name, kind, default, synonym, bounds: Bounds::Any, effect: false, doc: "" }
}

impl TopicConfigRow {
    const fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    const fn works(self, doc: &'static str) -> Self {
        Self { effect: true, doc, ..self }
    }

    const fn taken(self, doc: &'static str) -> Self {
        Self { doc, ..self }
    }
}

/// Sorted by name.
#[rustfmt::skip] // A row a config reads as a table.
pub const TOPIC_CONFIGS: &[TopicConfigRow] = &[
    row("cleanup.policy", List, "delete", Some("log.cleanup.policy")).bounds(Bounds::OneOf(&["compact", "delete"]))
        .works("What becomes of old records: `delete` by age and size, `compact` by key, both or, left empty, neither."),
    row("compression.gzip.level", Int, "-1", Some("compression.gzip.level")).bounds(Bounds::LevelOrDefault(1, 9))
        .works("Level for gzip, -1 for its default."),
    row("compression.lz4.level", Int, "9", Some("compression.lz4.level")).bounds(Bounds::Between(1, 17))
        .works("Level for lz4."),
    row("compression.type", String, "producer", Some("compression.type")).bounds(Bounds::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
        .works("Codec of stored batches; `producer` keeps what came."),
    row("compression.zstd.level", Int, "3", Some("compression.zstd.level")).bounds(Bounds::Between(-131_072, 22))
        .works("Level for zstd."),
    row("delete.retention.ms", Long, "86400000", Some("log.cleaner.delete.retention.ms")).bounds(Bounds::AtLeast(0))
        .works("How long tombstones stay in a compacted log, in milliseconds."),
    row("file.delete.delay.ms", Long, "60000", Some("log.segment.delete.delay.ms")).bounds(Bounds::AtLeast(0))
        .taken("Taken; files are deleted once nobody reads them."),
    row("flush.messages", Long, "1", Some("log.flush.interval.messages")).bounds(Bounds::AtLeast(1))
        .works("Records after which the log is forced to disk. 1: acknowledged means on disk; 9223372036854775807: acknowledged means in the page cache, synced in the background."),
    row("flush.ms", Long, "9223372036854775807", Some("log.flush.interval.ms")).bounds(Bounds::AtLeast(0))
        .works("Longest time that records may lie unforced, in milliseconds."),
    row("follower.replication.throttled.replicas", List, "", None).bounds(Bounds::ThrottledReplicas)
        .taken("Taken; there are no followers to hold back."),
    row("index.interval.bytes", Int, "4096", Some("log.index.interval.bytes")).bounds(Bounds::AtLeast(0))
        .taken("Taken; the index has its own interval."),
    row("leader.replication.throttled.replicas", List, "", None).bounds(Bounds::ThrottledReplicas)
        .taken("Taken; there are no followers to hold back."),
    row("local.retention.bytes", Long, "-2", Some("log.local.retention.bytes")).bounds(Bounds::AtLeast(-2))
        .taken("Taken; all data is local."),
    row("local.retention.ms", Long, "-2", Some("log.local.retention.ms")).bounds(Bounds::AtLeast(-2))
        .taken("Taken; all data is local."),
    row("max.compaction.lag.ms", Long, "9223372036854775807", Some("log.cleaner.max.compaction.lag.ms")).bounds(Bounds::AtLeast(1))
        .works("Records older than this are compacted whatever the ratio, in milliseconds."),
    row("max.message.bytes", Int, "1048588", Some("message.max.bytes")).bounds(Bounds::AtLeast(0))
        .works("Largest record batch, in bytes."),
    row("message.timestamp.after.max.ms", Long, "3600000", Some("log.message.timestamp.after.max.ms")).bounds(Bounds::AtLeast(0))
        .works("How far a record's time may lie in the future, in milliseconds."),
    row("message.timestamp.before.max.ms", Long, "9223372036854775807", Some("log.message.timestamp.before.max.ms")).bounds(Bounds::AtLeast(0))
        .works("How far a record's time may lie in the past, in milliseconds."),
    row("message.timestamp.type", String, "CreateTime", Some("log.message.timestamp.type")).bounds(Bounds::OneOf(&["CreateTime", "LogAppendTime"]))
        .works("Whose time a record bears: the producer's (`CreateTime`) or the broker's (`LogAppendTime`)."),
    row("min.cleanable.dirty.ratio", Double, "0.5", Some("log.cleaner.min.cleanable.ratio")).bounds(Bounds::Fraction(0.0, 1.0))
        .works("Share of uncleaned bytes from which on the log is compacted."),
    row("min.compaction.lag.ms", Long, "0", Some("log.cleaner.min.compaction.lag.ms")).bounds(Bounds::AtLeast(0))
        .works("Records younger than this are not compacted, in milliseconds."),
    row("min.insync.replicas", Int, "1", Some("min.insync.replicas")).bounds(Bounds::AtLeast(1))
        .works("Replicas that must be in sync for `acks=all`."),
    row("preallocate", Boolean, "false", Some("log.preallocate"))
        .taken("Taken; segments grow as they are written."),
    row("remote.log.copy.disable", Boolean, "false", None).bounds(Bounds::Only("false"))
        .taken("Taken; there is no remote store."),
    row("remote.log.delete.on.disable", Boolean, "false", None).bounds(Bounds::Only("false"))
        .taken("Taken; there is no remote store."),
    row("remote.storage.enable", Boolean, "false", None).bounds(Bounds::Only("false"))
        .taken("Only `false`; there is no remote store."),
    row("retention.bytes", Long, "-1", Some("log.retention.bytes"))
        .works("Size that a partition may keep, in bytes; -1 for any."),
    row("retention.ms", Long, "604800000", Some("log.retention.ms")).bounds(Bounds::AtLeast(-1))
        .works("Age at which records are deleted, in milliseconds; -1 for never."),
    row("segment.bytes", Int, "1073741824", Some("log.segment.bytes")).bounds(Bounds::AtLeast(1_048_576))
        .works("Size at which a segment of the log is closed, in bytes."),
    row("segment.index.bytes", Int, "10485760", Some("log.index.size.max.bytes")).bounds(Bounds::AtLeast(4))
        .taken("Taken; the index grows as it needs."),
    row("segment.jitter.ms", Long, "0", Some("log.roll.jitter.ms")).bounds(Bounds::AtLeast(0))
        .taken("Taken; segments are closed at their age, without a random part."),
    row("segment.ms", Long, "604800000", Some("log.roll.ms")).bounds(Bounds::AtLeast(1))
        .works("Age at which a segment is closed, in milliseconds."),
    row("unclean.leader.election.enable", Boolean, "false", Some("unclean.leader.election.enable"))
        .taken("Taken; of no consequence with one replica of each partition."),
];
