//! Rows of settings: topics, retention, compaction, flushing and fetching.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::Bounds;
use crate::types::settings::value::ConfigType::{Boolean, Class, Double, Int, List, Long, String};

/// Sorted by name.
#[rustfmt::skip] // A row a setting reads as a table.
pub(super) const ROWS: &[Setting] = &[
    Setting::fixed("auto.create.topics.enable", Boolean, Some("true"))
        .works("Whether a topic comes into being when a client asks for it."),
    Setting::live("compression.gzip.level", Int, Some("-1")).bounds(Bounds::LevelOrDefault(1, 9))
        .works("Level for gzip, -1 for its default."),
    Setting::live("compression.lz4.level", Int, Some("9")).bounds(Bounds::Between(1, 17))
        .works("Level for lz4."),
    Setting::live("compression.type", String, Some("producer")).bounds(Bounds::OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]))
        .works("Codec of stored batches; `producer` keeps what came."),
    Setting::live("compression.zstd.level", Int, Some("3")).bounds(Bounds::Between(-131_072, 22))
        .works("Level for zstd."),
    Setting::live("cordoned.log.dirs", List, Some("")),
    Setting::fixed("create.topic.policy.class.name", Class, None),
    Setting::fixed("default.replication.factor", Int, Some("1")).bounds(Bounds::AtLeast(1))
        .works("Replicas of a topic that is created without a count; at most one for each live broker."),
    Setting::fixed("delete.topic.enable", Boolean, Some("true"))
        .works("Whether topics may be deleted."),
    Setting::fixed("fetch.max.bytes", Int, Some("57671680")).bounds(Bounds::AtLeast(1024))
        .works("Largest answer to a fetch, in bytes; a first batch that is larger goes out all the same. What does not wait for more than 2 MiB has 4 MiB at most."),
    Setting::live("log.cleaner.backoff.ms", Long, Some("15000")).bounds(Bounds::AtLeast(0))
        .works("How long the cleaner rests when there is nothing to do, in milliseconds."),
    Setting::live("log.cleaner.dedupe.buffer.size", Long, Some("134217728"))
        .works("Memory for the cleaner's map of keys, in bytes."),
    Setting::live("log.cleaner.delete.retention.ms", Long, Some("86400000")).bounds(Bounds::AtLeast(0))
        .works("How long tombstones stay, in milliseconds."),
    Setting::fixed("log.cleaner.enable", Boolean, Some("true"))
        .works("Whether logs with the policy `compact` are compacted."),
    Setting::live("log.cleaner.io.buffer.load.factor", Double, Some("0.9")),
    Setting::live("log.cleaner.io.buffer.size", Int, Some("524288")),
    Setting::live("log.cleaner.io.max.bytes.per.second", Double, Some("1.7976931348623157E308")),
    Setting::live("log.cleaner.max.compaction.lag.ms", Long, Some("9223372036854775807")).bounds(Bounds::AtLeast(1))
        .works("Records older than this are compacted whatever the ratio, in milliseconds."),
    Setting::live("log.cleaner.min.cleanable.ratio", Double, Some("0.5")).bounds(Bounds::Fraction(0.0, 1.0))
        .works("Share of uncleaned bytes from which on a log is compacted."),
    Setting::live("log.cleaner.min.compaction.lag.ms", Long, Some("0")).bounds(Bounds::AtLeast(0))
        .works("Records younger than this are not compacted, in milliseconds."),
    Setting::live("log.cleaner.threads", Int, Some("1")).bounds(Bounds::AtLeast(0)),
    Setting::live("log.cleanup.policy", List, Some("delete")).bounds(Bounds::OneOf(&["compact", "delete"]))
        .works("What becomes of old records: `delete`, `compact`, both or, left empty, neither."),
    Setting::fixed("log.dir", List, Some("./data")).kafka("/tmp/kafka-logs")
        .works("Folder of the data, used where `log.dirs` is not set."),
    Setting::fixed("log.dir.failure.timeout.ms", Long, Some("30000")),
    Setting::fixed("log.dirs", List, None)
        .works("Folder of the data; one folder is what works."),
    Setting::live("log.flush.interval.messages", Long, Some("1")).kafka("9223372036854775807").bounds(Bounds::AtLeast(1))
        .works("Records after which the log is forced to disk. 1: acknowledged means on disk; 9223372036854775807: acknowledged means in the page cache, synced in the background."),
    Setting::live("log.flush.interval.ms", Long, None)
        .works("Longest time that records may lie unforced, in milliseconds."),
    Setting::fixed("log.flush.offset.checkpoint.interval.ms", Int, Some("60000")).bounds(Bounds::AtLeast(0))
        .accepted("Recovery points are kept with each commit."),
    Setting::fixed("log.flush.scheduler.interval.ms", Long, Some("9223372036854775807"))
        .works("Stands for `log.flush.interval.ms` where that is not set."),
    Setting::fixed("log.flush.start.offset.checkpoint.interval.ms", Int, Some("60000")).bounds(Bounds::AtLeast(0))
        .accepted("Log start offsets are kept with each commit."),
    Setting::live("log.index.interval.bytes", Int, Some("4096")).bounds(Bounds::AtLeast(0))
        .accepted("The index has its own interval."),
    Setting::live("log.index.size.max.bytes", Int, Some("10485760")).bounds(Bounds::AtLeast(4))
        .accepted("The index grows as it needs."),
    Setting::live("log.message.timestamp.after.max.ms", Long, Some("3600000")).bounds(Bounds::AtLeast(0))
        .works("How far a record's time may lie in the future, in milliseconds."),
    Setting::live("log.message.timestamp.before.max.ms", Long, Some("9223372036854775807")).bounds(Bounds::AtLeast(0))
        .works("How far a record's time may lie in the past, in milliseconds."),
    Setting::live("log.message.timestamp.type", String, Some("CreateTime")).bounds(Bounds::OneOf(&["CreateTime", "LogAppendTime"]))
        .works("Whose time a record bears: the producer's (`CreateTime`) or the broker's (`LogAppendTime`)."),
    Setting::live("log.preallocate", Boolean, Some("false"))
        .accepted("Segments grow as they are written."),
    Setting::live("log.retention.bytes", Long, Some("-1"))
        .works("Size that a partition may keep, in bytes; -1 for any."),
    Setting::fixed("log.retention.check.interval.ms", Long, Some("300000")).bounds(Bounds::AtLeast(1))
        .works("How often retention is looked at, in milliseconds."),
    Setting::fixed("log.retention.hours", Int, Some("168"))
        .works("Age at which records are deleted, in hours."),
    Setting::fixed("log.retention.minutes", Int, None)
        .works("Age at which records are deleted, in minutes; before hours."),
    Setting::live("log.retention.ms", Long, None)
        .works("Age at which records are deleted, in milliseconds, -1 for never; before minutes and hours."),
    Setting::fixed("log.roll.hours", Int, Some("168")).bounds(Bounds::AtLeast(1))
        .works("Age at which a segment is closed, in hours."),
    Setting::fixed("log.roll.jitter.hours", Int, Some("0")).bounds(Bounds::AtLeast(0))
        .accepted("Segments are closed at their age, without a random part."),
    Setting::live("log.roll.jitter.ms", Long, None).bounds(Bounds::AtLeast(0))
        .accepted("Segments are closed at their age, without a random part."),
    Setting::live("log.roll.ms", Long, None).bounds(Bounds::AtLeast(1))
        .works("Age at which a segment is closed, in milliseconds; before `log.roll.hours`."),
    Setting::live("log.segment.bytes", Int, Some("1073741824")).bounds(Bounds::AtLeast(1_048_576))
        .works("Size at which a segment of a log is closed, in bytes."),
    Setting::live("log.segment.delete.delay.ms", Long, Some("60000")).bounds(Bounds::AtLeast(0))
        .accepted("Files are deleted once nobody reads them."),
    Setting::fixed("max.incremental.fetch.session.cache.slots", Int, Some("1000")).bounds(Bounds::AtLeast(0))
        .works("Fetch sessions that are kept; one of more than 1,000 partitions counts once for each thousand."),
    Setting::fixed("max.request.partition.size.limit", Int, Some("2000")).bounds(Bounds::AtLeast(1))
        .works("Partitions in one answer to DescribeTopicPartitions."),
    Setting::live("message.max.bytes", Int, Some("1048588")).bounds(Bounds::AtLeast(0))
        .works("Largest record batch, in bytes."),
    Setting::live("min.insync.replicas", Int, Some("1")).bounds(Bounds::AtLeast(1))
        .works("Replicas that must be in sync for `acks=all`."),
    Setting::fixed("num.partitions", Int, Some("1")).bounds(Bounds::AtLeast(1))
        .works("Partitions of a topic that is created without a count."),
    Setting::live("num.recovery.threads.per.data.dir", Int, Some("2")),
];
