//! Rows of settings: quotas, metrics, purgatories, plug-ins.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::Bounds;
use crate::types::settings::value::ConfigType::{Class, Int, List, Long, String};

/// Sorted by name.
#[rustfmt::skip] // A row a setting reads as a table.
pub(super) const ROWS: &[Setting] = &[
    Setting::fixed("client.quota.callback.class", Class, None),
    Setting::live("config.providers", List, Some("")),
    Setting::fixed("delete.records.purgatory.purge.interval.requests", Int, Some("1")),
    Setting::fixed("fetch.purgatory.purge.interval.requests", Int, Some("1000")),
    Setting::fixed("kafka.metrics.polling.interval.secs", Int, Some("10")),
    Setting::fixed("kafka.metrics.reporters", List, Some("")),
    Setting::live("metric.reporters", List, Some("org.apache.kafka.common.metrics.JmxReporter")),
    Setting::fixed("metrics.num.samples", Int, Some("2")),
    Setting::fixed("metrics.recording.level", String, Some("INFO")),
    Setting::fixed("metrics.sample.window.ms", Long, Some("30000")),
    Setting::fixed("producer.purgatory.purge.interval.requests", Int, Some("1000")),
    Setting::fixed("quota.window.num", Int, Some("11")).bounds(Bounds::AtLeast(1))
        .works("Windows that usage is measured over for client quotas, the one that is not over included; two at least, 1 counts as 2."),
    Setting::fixed("quota.window.size.seconds", Int, Some("1")).bounds(Bounds::AtLeast(1))
        .works("Length of such a window, in seconds."),
    Setting::fixed("telemetry.max.bytes", Int, Some("1048576")),
];
