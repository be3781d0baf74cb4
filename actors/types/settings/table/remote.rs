//! Rows of settings: segments in a remote store.

use crate::types::settings::setting::Setting;
use crate::types::settings::value::ConfigType::{Boolean, Int, Long, String};

/// Sorted by name.
#[rustfmt::skip] // A row a setting reads as a table.
pub(super) const ROWS: &[Setting] = &[
    Setting::live("follower.fetch.last.tiered.offset.enable", Boolean, Some("false")),
    Setting::live("log.local.retention.bytes", Long, Some("-2")),
    Setting::live("log.local.retention.ms", Long, Some("-2")),
    Setting::live("remote.fetch.max.wait.ms", Int, Some("500")),
    Setting::live("remote.list.offsets.request.timeout.ms", Long, Some("30000")),
    Setting::live("remote.log.index.file.cache.total.size.bytes", Long, Some("1073741824")),
    Setting::live("remote.log.manager.copier.thread.pool.size", Int, Some("10")),
    Setting::live("remote.log.manager.copy.max.bytes.per.second", Long, Some("9223372036854775807")),
    Setting::fixed("remote.log.manager.copy.quota.window.num", Int, Some("11")),
    Setting::fixed("remote.log.manager.copy.quota.window.size.seconds", Int, Some("1")),
    Setting::live("remote.log.manager.expiration.thread.pool.size", Int, Some("10")),
    Setting::live("remote.log.manager.fetch.max.bytes.per.second", Long, Some("9223372036854775807")),
    Setting::fixed("remote.log.manager.fetch.quota.window.num", Int, Some("11")),
    Setting::fixed("remote.log.manager.fetch.quota.window.size.seconds", Int, Some("1")),
    Setting::live("remote.log.manager.follower.thread.pool.size", Int, Some("2")),
    Setting::fixed("remote.log.manager.task.interval.ms", Long, Some("30000")),
    Setting::fixed("remote.log.manager.thread.pool.size", Int, Some("2")),
    Setting::fixed("remote.log.metadata.custom.metadata.max.bytes", Int, Some("128")),
    Setting::fixed("remote.log.metadata.manager.class.name", String, Some("org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager")),
    Setting::fixed("remote.log.metadata.manager.class.path", String, None),
    Setting::fixed("remote.log.metadata.manager.impl.prefix", String, Some("rlmm.config.")),
    Setting::fixed("remote.log.metadata.manager.listener.name", String, None),
    Setting::fixed("remote.log.reader.max.pending.tasks", Int, Some("100")),
    Setting::live("remote.log.reader.threads", Int, Some("10")),
    Setting::fixed("remote.log.storage.manager.class.name", String, None),
    Setting::fixed("remote.log.storage.manager.class.path", String, None),
    Setting::fixed("remote.log.storage.manager.impl.prefix", String, Some("rsm.config.")),
    Setting::fixed("remote.log.storage.system.enable", Boolean, Some("false")),
];
