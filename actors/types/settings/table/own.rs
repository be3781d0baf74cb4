//! Rows of settings that Kafka has no name for.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::Bounds;
use crate::types::settings::value::ConfigType::{Boolean, Long, String};

/// Sorted by name.
pub(super) const ROWS: &[Setting] = &[
    Setting::fixed("ottla.admin.listener", String, Some("127.0.0.1:9644")).works(
        "Where health and metrics are served over HTTP, as host:port; empty for nowhere. Where nobody set it and the port is taken, by another broker on this machine perhaps, the broker says so and goes on without.",
    ),
    Setting::fixed("ottla.admin.topic.metrics", Boolean, Some("true")).works(
        "Whether the metrics have series for each partition, and for each group with what it reads. There are some six for a partition.",
    ),
    Setting::fixed("ottla.cluster.id", String, None).works(
        "Identity of the cluster, by custom 22 letters of base64; `CLUSTER_ID` sets it as well. Without it one is made at the first start.",
    ),
    Setting::fixed("ottla.group.members.max.bytes", Long, Some("268435456")).bounds(Bounds::AtLeast(0)).works(
        "Memory that the members of all consumer groups may take, in bytes. Who joins while nothing is left is told to try again.",
    ),
    Setting::fixed("ottla.queued.max.response.bytes", Long, Some("268435456")).bounds(Bounds::AtLeast(0)).works(
        "Memory that answers may take until clients have read them, in bytes. Where little is left a fetch brings less, at least one batch.",
    ),
    Setting::fixed("ottla.request.receive.timeout.ms", Long, Some("10000")).bounds(Bounds::AtLeast(1)).works(
        "While requests wait for the memory of `queued.max.request.bytes`, one that has taken of it and does not arrive within this time is closed, in milliseconds.",
    ),
];
