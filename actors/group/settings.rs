//! Settings of the group coordinator, with Ottla's defaults.

use std::time::Duration;

/// What groups are held to. Names in the docs are Kafka's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.initial.rebalance.delay.ms`: how long an empty group waits for further members.
    /// 0 here, 3 s in Kafka: each restart of a lone consumer pays it.
    pub initial_rebalance_delay: Duration,
    /// `group.min.session.timeout.ms`.
    pub min_session_timeout: Duration,
    /// `group.max.session.timeout.ms`.
    pub max_session_timeout: Duration,
    /// `group.max.size`: members of one group.
    pub max_size: usize,
    /// `ottla.group.members.max.bytes`: what the members of all groups may take.
    pub members_bytes_max: usize,
    /// How long a new member may wait in its first join. A client that has gone cannot be told
    /// from one that waits, so that many would pile up otherwise. No setting in Kafka either.
    pub new_member_join_timeout: Duration,
    /// `offset.metadata.max.bytes`, counted in UTF-16 units as Kafka does.
    pub offset_metadata_max: usize,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`: pause between two sweeps of a group.
    pub offsets_check_interval: Duration,
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            initial_rebalance_delay: Duration::ZERO,
            min_session_timeout: Duration::from_secs(6),
            max_session_timeout: Duration::from_secs(30 * 60),
            max_size: 2_147_483_647,
            members_bytes_max: 256 << 20,
            new_member_join_timeout: Duration::from_secs(5 * 60),
            offset_metadata_max: 4096,
            offsets_retention: Duration::from_secs(7 * 24 * 60 * 60),
            offsets_check_interval: Duration::from_secs(10 * 60),
        }
    }
}
