//! Rows of settings: this node and the others of its cluster.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::Bounds;
use crate::types::settings::value::ConfigType::{Boolean, Class, Int, List, Long, String};

/// Sorted by name.
#[rustfmt::skip] // A row a setting reads as a table.
pub(super) const ROWS: &[Setting] = &[
    Setting::fixed("alter.config.policy.class.name", Class, None),
    Setting::fixed("alter.log.dirs.replication.quota.window.num", Int, Some("11")),
    Setting::fixed("alter.log.dirs.replication.quota.window.size.seconds", Int, Some("1")),
    Setting::fixed("auto.leader.rebalance.enable", Boolean, Some("true"))
        .accepted("Of no consequence with one broker."),
    Setting::fixed("broker.heartbeat.interval.ms", Int, Some("2000")),
    Setting::fixed("broker.id", Int, Some("-1"))
        .works("Old name of `node.id`, used where that is not set."),
    Setting::fixed("broker.rack", String, None)
        .works("Rack of this broker, told to clients in Metadata."),
    Setting::fixed("broker.session.timeout.ms", Int, Some("9000")),
    Setting::fixed("controlled.shutdown.enable", Boolean, Some("true")),
    Setting::fixed("controller.listener.names", List, Some("CONTROLLER")).kafka("null")
        .accepted("Listeners of this list are not opened: a single node asks itself."),
    Setting::fixed("controller.quorum.append.linger.ms", Int, Some("25")),
    Setting::fixed("controller.quorum.auto.join.enable", Boolean, Some("false")),
    Setting::fixed("controller.quorum.bootstrap.servers", List, Some(""))
        .accepted("A single node is its own quorum."),
    Setting::fixed("controller.quorum.election.backoff.max.ms", Int, Some("1000")),
    Setting::fixed("controller.quorum.election.timeout.ms", Int, Some("1000")),
    Setting::fixed("controller.quorum.fetch.max.bytes", Int, Some("1048576")),
    Setting::fixed("controller.quorum.fetch.snapshot.max.bytes", Int, Some("1048576")),
    Setting::fixed("controller.quorum.fetch.timeout.ms", Int, Some("2000")),
    Setting::fixed("controller.quorum.request.timeout.ms", Int, Some("2000")),
    Setting::fixed("controller.quorum.retry.backoff.ms", Int, Some("20")),
    Setting::fixed("controller.quorum.voters", List, Some(""))
        .accepted("A single node is its own quorum."),
    Setting::fixed("controller.quota.window.num", Int, Some("11")).bounds(Bounds::AtLeast(1))
        .works("Windows for which a client may save up its quota of partitions made and deleted."),
    Setting::fixed("controller.quota.window.size.seconds", Int, Some("1")).bounds(Bounds::AtLeast(1))
        .works("Length of such a window, in seconds."),
    Setting::fixed("controller.socket.timeout.ms", Int, Some("30000")),
    Setting::fixed("initial.broker.registration.timeout.ms", Int, Some("60000")),
    Setting::fixed("leader.imbalance.check.interval.seconds", Long, Some("300")),
    Setting::fixed("metadata.log.dir", String, None),
    Setting::fixed("metadata.log.max.record.bytes.between.snapshots", Long, Some("20971520")),
    Setting::fixed("metadata.log.max.snapshot.interval.ms", Long, Some("3600000")),
    Setting::fixed("metadata.log.segment.bytes", Int, Some("1073741824")),
    Setting::fixed("metadata.log.segment.ms", Long, Some("604800000")),
    Setting::fixed("metadata.max.idle.interval.ms", Int, Some("500")),
    Setting::fixed("metadata.max.retention.bytes", Long, Some("104857600")),
    Setting::fixed("metadata.max.retention.ms", Long, Some("604800000")),
    Setting::fixed("node.id", Int, Some("1")).kafka("null").bounds(Bounds::AtLeast(0))
        .works("This node's number in its cluster."),
    Setting::fixed("num.replica.alter.log.dirs.threads", Int, None),
    Setting::live("num.replica.fetchers", Int, Some("1")),
    Setting::fixed("process.roles", List, Some("broker,controller")).kafka("null").bounds(Bounds::OneOf(&["broker", "controller"]))
        .accepted("One process is broker and controller at once; both words are taken."),
    Setting::fixed("replica.fetch.backoff.ms", Int, Some("1000")),
    Setting::fixed("replica.fetch.max.bytes", Int, Some("1048576")),
    Setting::fixed("replica.fetch.min.bytes", Int, Some("1")),
    Setting::fixed("replica.fetch.response.max.bytes", Int, Some("10485760")),
    Setting::fixed("replica.fetch.wait.max.ms", Int, Some("500")),
    Setting::fixed("replica.high.watermark.checkpoint.interval.ms", Long, Some("5000")),
    Setting::fixed("replica.lag.time.max.ms", Long, Some("30000")),
    Setting::fixed("replica.selector.class", String, None),
    Setting::fixed("replica.socket.receive.buffer.bytes", Int, Some("65536")),
    Setting::fixed("replica.socket.timeout.ms", Int, Some("30000")),
    Setting::fixed("replication.quota.window.num", Int, Some("11")),
    Setting::fixed("replication.quota.window.size.seconds", Int, Some("1")),
    Setting::live("unclean.leader.election.enable", Boolean, Some("false"))
        .accepted("Of no consequence with one replica of each partition."),
];
