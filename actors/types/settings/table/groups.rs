//! Rows of settings: group coordinators and committed offsets.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::Bounds;
use crate::types::settings::value::ConfigType::{Int, List, Long, Short, String};

/// Sorted by name.
#[rustfmt::skip] // A row a setting reads as a table.
pub(super) const ROWS: &[Setting] = &[
    Setting::live("group.consumer.assignment.interval.ms", Int, Some("1000")),
    Setting::fixed("group.consumer.assignors", List, Some("uniform,range")),
    Setting::fixed("group.consumer.heartbeat.interval.ms", Int, Some("5000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("group.consumer.max.assignment.interval.ms", Int, Some("15000")),
    Setting::fixed("group.consumer.max.heartbeat.interval.ms", Int, Some("15000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("group.consumer.max.session.timeout.ms", Int, Some("60000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("group.consumer.max.size", Int, Some("2147483647")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("group.consumer.migration.policy", String, Some("bidirectional")).bounds(Bounds::OneOf(&["bidirectional", "upgrade", "downgrade", "disabled"])),
    Setting::fixed("group.consumer.min.assignment.interval.ms", Int, Some("0")),
    Setting::fixed("group.consumer.min.heartbeat.interval.ms", Int, Some("5000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("group.consumer.min.session.timeout.ms", Int, Some("45000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("group.consumer.session.timeout.ms", Int, Some("45000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("group.coordinator.append.linger.ms", Int, Some("-1")),
    Setting::fixed("group.coordinator.background.threads", Int, Some("2")),
    Setting::live("group.coordinator.cached.buffer.max.bytes", Int, Some("1048588")),
    Setting::fixed("group.coordinator.rebalance.protocols", List, Some("classic,consumer,streams")).bounds(Bounds::OneOf(&["classic", "consumer", "streams", "share"])),
    Setting::fixed("group.coordinator.threads", Int, Some("4")),
    Setting::fixed("group.initial.rebalance.delay.ms", Int, Some("0")).kafka("3000").bounds(Bounds::AtLeast(0))
        .works("How long a new group waits for more members before its first rebalance, in milliseconds."),
    Setting::fixed("group.max.session.timeout.ms", Int, Some("1800000"))
        .works("Longest session timeout that a member may ask for, in milliseconds."),
    Setting::fixed("group.max.size", Int, Some("2147483647")).bounds(Bounds::AtLeast(1))
        .works("Members of a group."),
    Setting::fixed("group.min.session.timeout.ms", Int, Some("6000"))
        .works("Shortest session timeout that a member may ask for, in milliseconds."),
    Setting::live("group.share.assignment.interval.ms", Int, Some("1000")),
    Setting::fixed("group.share.assignors", List, Some("simple")),
    Setting::fixed("group.share.delivery.count.limit", Int, Some("5")),
    Setting::fixed("group.share.heartbeat.interval.ms", Int, Some("5000")),
    Setting::fixed("group.share.max.assignment.interval.ms", Int, Some("15000")),
    Setting::fixed("group.share.max.delivery.count.limit", Int, Some("10")),
    Setting::fixed("group.share.max.heartbeat.interval.ms", Int, Some("15000")),
    Setting::fixed("group.share.max.partition.max.record.locks", Int, Some("4000")),
    Setting::fixed("group.share.max.record.lock.duration.ms", Int, Some("60000")),
    Setting::fixed("group.share.max.session.timeout.ms", Int, Some("60000")),
    Setting::fixed("group.share.max.share.sessions", Int, Some("2000")),
    Setting::fixed("group.share.max.size", Int, Some("200")),
    Setting::fixed("group.share.min.assignment.interval.ms", Int, Some("0")),
    Setting::fixed("group.share.min.delivery.count.limit", Int, Some("2")),
    Setting::fixed("group.share.min.heartbeat.interval.ms", Int, Some("5000")),
    Setting::fixed("group.share.min.partition.max.record.locks", Int, Some("100")),
    Setting::fixed("group.share.min.record.lock.duration.ms", Int, Some("15000")),
    Setting::fixed("group.share.min.session.timeout.ms", Int, Some("45000")),
    Setting::fixed("group.share.partition.max.record.locks", Int, Some("2000")),
    Setting::fixed("group.share.record.lock.duration.ms", Int, Some("30000")),
    Setting::fixed("group.share.session.timeout.ms", Int, Some("45000")),
    Setting::live("group.streams.assignment.interval.ms", Int, Some("1000")),
    Setting::fixed("group.streams.heartbeat.interval.ms", Int, Some("5000")),
    Setting::fixed("group.streams.initial.rebalance.delay.ms", Int, Some("3000")),
    Setting::fixed("group.streams.max.assignment.interval.ms", Int, Some("15000")),
    Setting::fixed("group.streams.max.heartbeat.interval.ms", Int, Some("15000")),
    Setting::fixed("group.streams.max.session.timeout.ms", Int, Some("60000")),
    Setting::fixed("group.streams.max.size", Int, Some("2147483647")),
    Setting::fixed("group.streams.max.standby.replicas", Int, Some("2")),
    Setting::fixed("group.streams.min.assignment.interval.ms", Int, Some("0")),
    Setting::fixed("group.streams.min.heartbeat.interval.ms", Int, Some("5000")),
    Setting::fixed("group.streams.min.session.timeout.ms", Int, Some("45000")),
    Setting::fixed("group.streams.num.standby.replicas", Int, Some("0")),
    Setting::fixed("group.streams.session.timeout.ms", Int, Some("45000")),
    Setting::fixed("offset.metadata.max.bytes", Int, Some("4096"))
        .works("Longest metadata of a committed offset, in bytes."),
    Setting::fixed("offsets.commit.timeout.ms", Int, Some("5000")).bounds(Bounds::AtLeast(1)),
    Setting::fixed("offsets.load.buffer.size", Int, Some("5242880")),
    Setting::fixed("offsets.retention.check.interval.ms", Long, Some("600000")).bounds(Bounds::AtLeast(1))
        .works("How often expired offsets are looked for, in milliseconds."),
    Setting::fixed("offsets.retention.minutes", Int, Some("10080")).bounds(Bounds::AtLeast(1))
        .works("How long the offsets of an empty group are kept, in minutes."),
    Setting::fixed("offsets.topic.compression.codec", Int, Some("0"))
        .accepted("Offsets are stored uncompressed."),
    Setting::fixed("offsets.topic.num.partitions", Int, Some("50")).bounds(Bounds::AtLeast(1))
        .works("Partitions of `__consumer_offsets`; fixed once it exists."),
    Setting::fixed("offsets.topic.replication.factor", Short, Some("3")).bounds(Bounds::AtLeast(1))
        .works("Replicas of `__consumer_offsets`; at most one for each live broker."),
    Setting::fixed("offsets.topic.segment.bytes", Int, Some("104857600")).bounds(Bounds::AtLeast(1_048_576))
        .works("Segment size of `__consumer_offsets`, in bytes."),
    Setting::fixed("share.coordinator.append.linger.ms", Int, Some("-1")),
    Setting::live("share.coordinator.cached.buffer.max.bytes", Int, Some("1048588")),
    Setting::fixed("share.coordinator.load.buffer.size", Int, Some("5242880")),
    Setting::fixed("share.coordinator.snapshot.update.records.per.snapshot", Int, Some("500")),
    Setting::fixed("share.coordinator.state.topic.compression.codec", Int, Some("0")),
    Setting::fixed("share.coordinator.state.topic.min.isr", Short, Some("2")).bounds(Bounds::AtLeast(1))
        .accepted("For share groups, which are not offered; every compose file sets it."),
    Setting::fixed("share.coordinator.state.topic.num.partitions", Int, Some("50")).bounds(Bounds::AtLeast(1))
        .accepted("For share groups, which are not offered; every compose file sets it."),
    Setting::fixed("share.coordinator.state.topic.replication.factor", Short, Some("3")).bounds(Bounds::AtLeast(1))
        .accepted("For share groups, which are not offered; every compose file sets it."),
    Setting::fixed("share.coordinator.state.topic.segment.bytes", Int, Some("104857600")),
    Setting::fixed("share.coordinator.threads", Int, Some("1")),
    Setting::fixed("share.coordinator.write.timeout.ms", Int, Some("5000")),
    Setting::fixed("share.fetch.purgatory.purge.interval.requests", Int, Some("1000")),
];
