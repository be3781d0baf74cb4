//! Configs of groups (resource type GROUP, `GroupConfig.java`).

use super::value::ConfigType::{self, Boolean, Int, String};

/// One group config.
#[derive(Clone, Copy, Debug)]
pub struct GroupConfigRow {
    /// Kafka's name.
    pub name: &'static str,
    /// Its type.
    pub kind: ConfigType,
    /// What applies when nothing is set for the group or the broker.
    pub default: &'static str,
    /// Broker setting whose value is its default.
    pub synonym: Option<&'static str>,
    /// What it does; empty for what has no effect here.
    pub doc: &'static str,
}

const fn row(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    synonym: Option<&'static str>,
) -> GroupConfigRow {
    GroupConfigRow { name, kind, default, synonym, doc: "" }
}

/// Sorted by name.
#[rustfmt::skip] // A row a config reads as a table.
pub const GROUP_CONFIGS: &[GroupConfigRow] = &[
    row("consumer.assignment.interval.ms", Int, "1000", Some("group.consumer.assignment.interval.ms")),
    row("consumer.heartbeat.interval.ms", Int, "5000", Some("group.consumer.heartbeat.interval.ms")),
    row("consumer.session.timeout.ms", Int, "45000", Some("group.consumer.session.timeout.ms")),
    row("share.assignment.interval.ms", Int, "1000", Some("group.share.assignment.interval.ms")),
    row("share.auto.offset.reset", String, "latest", None),
    row("share.delivery.count.limit", Int, "5", Some("group.share.delivery.count.limit")),
    row("share.heartbeat.interval.ms", Int, "5000", Some("group.share.heartbeat.interval.ms")),
    row("share.isolation.level", String, "read_uncommitted", None),
    row("share.partition.max.record.locks", Int, "2000", Some("group.share.partition.max.record.locks")),
    row("share.record.lock.duration.ms", Int, "30000", Some("group.share.record.lock.duration.ms")),
    row("share.renew.acknowledge.enable", Boolean, "true", None),
    row("share.session.timeout.ms", Int, "45000", Some("group.share.session.timeout.ms")),
    row("streams.assignment.interval.ms", Int, "1000", Some("group.streams.assignment.interval.ms")),
    row("streams.heartbeat.interval.ms", Int, "5000", Some("group.streams.heartbeat.interval.ms")),
    row("streams.initial.rebalance.delay.ms", Int, "3000", Some("group.streams.initial.rebalance.delay.ms")),
    row("streams.num.standby.replicas", Int, "0", Some("group.streams.num.standby.replicas")),
    row("streams.session.timeout.ms", Int, "45000", Some("group.streams.session.timeout.ms")),
];
