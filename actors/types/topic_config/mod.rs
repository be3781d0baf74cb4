//! Topic configs: the table, the parsed values of one topic, and what is checked before a value is
//! kept.

mod table;

use std::collections::BTreeMap;

pub use table::{TOPIC_CONFIGS, TopicConfigRow};

use crate::types::settings::{BrokerConfigs, ConfigError, ConfigType, split_list};
use crate::types::{Codec, CompressionTarget, TimestampType};

impl TopicConfigRow {
    /// The row of that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        TOPIC_CONFIGS.iter().find(|row| row.name == name)
    }

    /// Checks a value and brings it into the form in which Kafka shows it.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with Kafka's text.
    pub fn check(&self, value: &str) -> Result<String, ConfigError> {
        crate::types::settings::check(self.name, self.kind, self.bounds, value)
    }
}

/// What becomes of old records; both, or neither, are possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Whole segments go by age and size.
    pub delete: bool,
    /// Only the newest record of each key stays.
    pub compact: bool,
}

/// Codec of the batches that a log stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// As the producer sent them.
    Producer,
    /// None.
    Uncompressed,
    /// gzip.
    Gzip,
    /// snappy.
    Snappy,
    /// lz4.
    Lz4,
    /// zstd.
    Zstd,
}

/// Configuration in force for one topic. Times are milliseconds, sizes bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type`
    pub compression_type: CompressionType,
    /// `compression.gzip.level`; -1 for the codec's own choice.
    pub compression_gzip_level: i32,
    /// `compression.lz4.level`
    pub compression_lz4_level: i32,
    /// `compression.zstd.level`
    pub compression_zstd_level: i32,
    /// `delete.retention.ms`: how long tombstones stay.
    pub delete_retention_ms: i64,
    /// `flush.messages`: records after which the log is forced; 1 before each acknowledgement,
    /// `u64::MAX >> 1` never.
    pub flush_messages: u64,
    /// `flush.ms`: longest time that records lie unforced; `i64::MAX` for ever.
    pub flush_ms: i64,
    /// `max.compaction.lag.ms`
    pub max_compaction_lag_ms: i64,
    /// `max.message.bytes`: largest batch.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`
    pub message_timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`; `i64::MAX` for any.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`; `i64::MAX` for any.
    pub message_timestamp_after_max_ms: i64,
    /// `min.cleanable.dirty.ratio`, 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`
    pub min_compaction_lag_ms: i64,
    /// `min.insync.replicas`, 1 or more.
    pub min_insync_replicas: u32,
    /// `retention.bytes`; `None` for any size.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`; `None` for ever.
    pub retention_ms: Option<i64>,
    /// `segment.bytes`, 1 MiB or more.
    pub segment_bytes: u32,
    /// `segment.ms`: age at which a segment is closed.
    pub segment_ms: i64,
}

/// Text of each config of one topic: its own value or the broker's.
struct Texts<'a> {
    overrides: &'a BTreeMap<String, String>,
    broker: &'a BrokerConfigs,
}

impl Texts<'_> {
    /// The value in normal form. An override that does not fit counts as not set: it was checked
    /// when it was set, so only an older release can have let it in.
    fn text(&self, name: &str) -> String {
        let Some(row) = TopicConfigRow::find(name) else {
            return String::new();
        };
        let own = self.overrides.get(name).and_then(|value| row.check(value).ok());
        own.unwrap_or_else(|| topic_default(row, self.broker))
    }

    fn long(&self, name: &str) -> i64 {
        self.text(name).parse().unwrap_or(0)
    }

    fn size(&self, name: &str) -> u32 {
        u32::try_from(self.long(name)).unwrap_or(0)
    }

    fn level(&self, name: &str) -> i32 {
        self.text(name).parse().unwrap_or(-1)
    }
}

/// Value of a topic config where the topic itself sets none (`LogConfig.extractLogConfigMap`).
pub(crate) fn topic_default(row: &TopicConfigRow, broker: &BrokerConfigs) -> String {
    let inherited = row.synonym.and_then(|synonym| broker.inherited(synonym));
    inherited.unwrap_or_else(|| row.default.to_owned())
}

impl TopicConfig {
    /// The configuration of a topic with these overrides on this broker.
    #[must_use]
    pub fn resolve(overrides: &BTreeMap<String, String>, broker: &BrokerConfigs) -> Self {
        let texts = Texts { overrides, broker };
        let policy = split_list(&texts.text("cleanup.policy"));
        Self {
            cleanup_policy: CleanupPolicy {
                delete: policy.iter().any(|word| word == "delete"),
                compact: policy.iter().any(|word| word == "compact"),
            },
            compression_type: match texts.text("compression.type").as_str() {
                "uncompressed" => CompressionType::Uncompressed,
                "gzip" => CompressionType::Gzip,
                "snappy" => CompressionType::Snappy,
                "lz4" => CompressionType::Lz4,
                "zstd" => CompressionType::Zstd,
                _ => CompressionType::Producer,
            },
            compression_gzip_level: texts.level("compression.gzip.level"),
            compression_lz4_level: texts.level("compression.lz4.level"),
            compression_zstd_level: texts.level("compression.zstd.level"),
            delete_retention_ms: texts.long("delete.retention.ms"),
            flush_messages: u64::try_from(texts.long("flush.messages")).unwrap_or(1),
            flush_ms: texts.long("flush.ms"),
            max_compaction_lag_ms: texts.long("max.compaction.lag.ms"),
            max_message_bytes: texts.size("max.message.bytes"),
            message_timestamp_type: match texts.text("message.timestamp.type").as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            message_timestamp_before_max_ms: texts.long("message.timestamp.before.max.ms"),
            message_timestamp_after_max_ms: texts.long("message.timestamp.after.max.ms"),
            min_cleanable_dirty_ratio: texts
                .text("min.cleanable.dirty.ratio")
                .parse()
                .unwrap_or(0.5),
            min_compaction_lag_ms: texts.long("min.compaction.lag.ms"),
            min_insync_replicas: texts.size("min.insync.replicas"),
            retention_bytes: u64::try_from(texts.long("retention.bytes")).ok(),
            retention_ms: Some(texts.long("retention.ms")).filter(|ms| *ms >= 0),
            segment_bytes: texts.size("segment.bytes"),
            segment_ms: texts.long("segment.ms"),
        }
    }

    /// The codec that batches are to be stored in; none where producers choose.
    #[must_use]
    pub const fn compression_target(&self) -> Option<CompressionTarget> {
        let (codec, level) = match self.compression_type {
            CompressionType::Producer => return None,
            CompressionType::Uncompressed => (Codec::None, 0),
            CompressionType::Gzip => (Codec::Gzip, self.compression_gzip_level),
            CompressionType::Snappy => (Codec::Snappy, 0),
            CompressionType::Lz4 => (Codec::Lz4, self.compression_lz4_level),
            CompressionType::Zstd => (Codec::Zstd, self.compression_zstd_level),
        };
        Some(CompressionTarget { codec, level })
    }

    /// Checks all overrides of a topic, as CreateTopics and AlterConfigs give them, before they are
    /// kept (`LogConfig.validate`).
    ///
    /// # Errors
    /// The first name or value, in the order of names, that Kafka would refuse.
    pub fn check(
        overrides: &BTreeMap<String, String>,
        broker: &BrokerConfigs,
    ) -> Result<(), ConfigError> {
        for (name, value) in overrides {
            Self::check_one(name, Some(value))?;
        }
        let config = Self::resolve(overrides, broker);
        if config.min_compaction_lag_ms > config.max_compaction_lag_ms {
            return Err(ConfigError::Conflict(format!(
                "conflict topic config setting min.compaction.lag.ms ({}) > max.compaction.lag.ms ({})",
                config.min_compaction_lag_ms, config.max_compaction_lag_ms
            )));
        }
        Ok(())
    }

    /// Checks one config of a topic and returns its value in the form in which Kafka shows it.
    ///
    /// # Errors
    /// An unknown name, a null value, a value that is not of the type or out of bounds.
    pub fn check_one(name: &str, value: Option<&str>) -> Result<String, ConfigError> {
        let row = TopicConfigRow::find(name)
            .ok_or_else(|| ConfigError::UnknownTopicConfig(name.to_owned()))?;
        let value = value.ok_or_else(|| ConfigError::NullTopicConfig(name.to_owned()))?;
        row.check(value)
    }
}

/// What IncrementalAlterConfigs does to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListChange {
    /// Adds what is not in it yet.
    Append,
    /// Takes out what is in it.
    Subtract,
}

impl ListChange {
    /// The list after the change. `current` is the value set so far, or, where none is set, the
    /// value in force (`ConfigurationControlManager.incrementalAlterConfigResource`).
    ///
    /// # Errors
    /// [`ConfigError::NotAList`] unless `kind` is [`ConfigType::List`].
    pub fn apply(
        self,
        name: &str,
        kind: ConfigType,
        current: &str,
        change: &str,
    ) -> Result<String, ConfigError> {
        if kind != ConfigType::List {
            let operation = match self {
                Self::Append => "APPEND",
                Self::Subtract => "SUBTRACT",
            };
            return Err(ConfigError::NotAList { name: name.to_owned(), operation });
        }
        let mut entries = split_list(current);
        for entry in split_list(change) {
            match self {
                Self::Append if !entries.contains(&entry) => entries.push(entry),
                Self::Append => {}
                Self::Subtract => entries.retain(|kept| *kept != entry),
            }
        }
        Ok(entries.join(","))
    }

    /// The value of a topic's list after the change.
    ///
    /// # Errors
    /// An unknown name, or one that is no list.
    pub fn apply_to_topic(
        self,
        name: &str,
        overrides: &BTreeMap<String, String>,
        broker: &BrokerConfigs,
        change: &str,
    ) -> Result<String, ConfigError> {
        let row = TopicConfigRow::find(name)
            .ok_or_else(|| ConfigError::UnknownTopicConfig(name.to_owned()))?;
        let current = overrides.get(name).cloned().unwrap_or_else(|| topic_default(row, broker));
        self.apply(name, row.kind, &current, change)
    }
}

#[cfg(test)]
mod topic_config_test;
