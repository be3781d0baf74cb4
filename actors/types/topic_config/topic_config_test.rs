//! What the parsed topic configs and their checks promise.

use super::*;
use crate::types::Given;
use crate::types::settings::Setting;

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn broker(pairs: &[(&str, &str)]) -> BrokerConfigs {
    let given = |(name, value): (String, String)| (name, Given { value, origin: String::new() });
    BrokerConfigs::new(texts(pairs).into_iter().map(given).collect()).unwrap()
}

fn resolve(overrides: &[(&str, &str)], settings: &[(&str, &str)]) -> TopicConfig {
    TopicConfig::resolve(&texts(overrides), &broker(settings))
}

#[test]
fn the_table_holds_kafkas_names_and_defaults_that_fit() {
    assert_eq!(TOPIC_CONFIGS.len(), 33);
    assert!(TOPIC_CONFIGS.is_sorted_by_key(|row| row.name));
    for row in TOPIC_CONFIGS {
        assert_eq!(row.check(row.default).as_deref(), Ok(row.default), "{}", row.name);
        let Some(synonym) = row.synonym else { continue };
        let setting = Setting::find(synonym).unwrap();
        assert_eq!(setting.kind, row.kind, "{}", row.name);
        assert!(setting.dynamic, "{synonym} must be one that AlterConfigs may change");
        assert_eq!(topic_default(row, &broker(&[])), row.default, "{}", row.name);
    }
}

#[test]
fn a_topic_without_overrides_has_the_defaults() {
    let config = resolve(&[], &[]);

    assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: false });
    assert_eq!(config.compression_type, CompressionType::Producer);
    assert_eq!(config.flush_messages, 1);
    assert_eq!(config.flush_ms, i64::MAX);
    assert_eq!(config.max_message_bytes, 1_048_588);
    assert_eq!(config.retention_ms, Some(604_800_000));
    assert_eq!(config.retention_bytes, None);
    assert_eq!(config.segment_bytes, 1_073_741_824);
    assert_eq!(config.segment_ms, 604_800_000);
    assert_eq!(config.min_insync_replicas, 1);
}

#[test]
fn overrides_win_over_the_broker_and_the_broker_over_the_defaults() {
    let settings = [("log.retention.bytes", "5000"), ("log.cleanup.policy", "")];

    let inherited = resolve(&[], &settings);
    let own = resolve(
        &[
            ("retention.bytes", "-1"),
            ("retention.ms", "-1"),
            ("cleanup.policy", "compact , delete"),
            ("message.timestamp.type", "LogAppendTime"),
            ("compression.type", "zstd"),
            ("min.cleanable.dirty.ratio", "0.1"),
        ],
        &settings,
    );

    assert_eq!(inherited.retention_bytes, Some(5000));
    assert_eq!(inherited.cleanup_policy, CleanupPolicy { delete: false, compact: false });
    assert_eq!(own.retention_bytes, None);
    assert_eq!(own.retention_ms, None);
    assert_eq!(own.cleanup_policy, CleanupPolicy { delete: true, compact: true });
    assert_eq!(own.message_timestamp_type, TimestampType::LogAppendTime);
    assert_eq!(own.compression_type, CompressionType::Zstd);
    assert!((own.min_cleanable_dirty_ratio - 0.1).abs() < f64::EPSILON);
}

#[test]
fn finer_units_win_over_coarser_ones() {
    let age = |settings: &[(&str, &str)]| resolve(&[], settings).retention_ms;

    assert_eq!(age(&[("log.retention.hours", "2")]), Some(7_200_000));
    assert_eq!(age(&[("log.retention.hours", "-1")]), None);
    assert_eq!(age(&[("log.retention.hours", "2"), ("log.retention.minutes", "3")]), Some(180_000));
    assert_eq!(age(&[("log.retention.minutes", "3"), ("log.retention.ms", "4")]), Some(4));
    assert_eq!(resolve(&[], &[("log.roll.hours", "1")]).segment_ms, 3_600_000);
    assert_eq!(resolve(&[], &[("log.flush.scheduler.interval.ms", "9")]).flush_ms, 9);
}

#[test]
fn a_change_at_the_broker_reaches_its_topics() {
    let dynamic = broker(&[("log.retention.ms", "5")]);
    let dynamic = dynamic.with_dynamic(&texts(&[("log.retention.ms", "7")]), &texts(&[]));

    let config = TopicConfig::resolve(&texts(&[]), &dynamic);

    assert_eq!(config.retention_ms, Some(7));
}

#[test]
fn what_kafka_refuses_is_refused() {
    let cases = [
        ("no.such.config", Some("1"), "Unknown topic config name: no.such.config"),
        (
            "retention.ms",
            Some("abc"),
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
        (
            "min.insync.replicas",
            Some("0"),
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
        ),
        (
            "cleanup.policy",
            Some("shred"),
            "Invalid value shred for configuration cleanup.policy: String must be one of: compact, \
             delete",
        ),
        ("retention.ms", None, "Null value not supported for topic configs: retention.ms"),
        (
            "segment.bytes",
            Some("1048575"),
            "Invalid value 1048575 for configuration segment.bytes: Value must be at least 1048576",
        ),
        (
            "remote.storage.enable",
            Some("true"),
            "Invalid value true for configuration remote.storage.enable: only false is supported \
             by this broker",
        ),
    ];
    for (name, value, text) in cases {
        let error = TopicConfig::check_one(name, value).unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.code(), crate::types::ErrorCode::InvalidConfig);
    }
    assert_eq!(TopicConfig::check_one("retention.ms", Some(" 1000")).as_deref(), Ok("1000"));
}

#[test]
fn lags_that_cross_are_refused_together() {
    let lags = |least, most| {
        let lags = [("min.compaction.lag.ms", least), ("max.compaction.lag.ms", most)];
        TopicConfig::check(&texts(&lags), &broker(&[]))
    };

    assert!(lags("5", "5").is_ok());
    assert!(lags("6", "5").unwrap_err().to_string().contains("min.compaction.lag.ms (6)"));
}

#[test]
fn lists_grow_and_shrink_by_entries() {
    let broker = broker(&[]);
    let append = |overrides: &[(&str, &str)], change| {
        ListChange::Append.apply_to_topic("cleanup.policy", &texts(overrides), &broker, change)
    };
    let own = [("cleanup.policy", "delete,compact")];

    assert_eq!(append(&[], "compact").as_deref(), Ok("delete,compact"));
    assert_eq!(append(&own, "compact,delete").as_deref(), Ok("delete,compact"));
    let less =
        ListChange::Subtract.apply_to_topic("cleanup.policy", &texts(&own), &broker, "compact");
    assert_eq!(less.as_deref(), Ok("delete"));
    let number = ListChange::Append.apply_to_topic("retention.ms", &texts(&[]), &broker, "1");
    assert_eq!(
        number.unwrap_err().to_string(),
        "Can't APPEND to key retention.ms because its type is not LIST."
    );
}
