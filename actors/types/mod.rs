//! The broker's vocabulary: one newtype for each Kafka noun, errors, time, settings, metrics.
//!
//! Everything above speaks in these words. Deliberately absent: any behaviour beyond checks that a
//! value makes sense by itself.

mod compression;
mod ids;
mod metrics;
mod security;
mod settings;
mod time;
mod topic_config;

pub use compression::{Codec, CompressionTarget};
pub use ids::{
    LeaderEpoch, LogId, NameError, NodeId, Offset, ProducerEpoch, ProducerId, TopicName, Uuid,
};
pub use metrics::{
    ApiMetrics, BlockReason, CloseReason, ConnectionMetrics, Counter, Histogram, HistogramImage,
    JournalMetrics, Label, Labelled, Metric, MetricKind, MetricRow, MetricUnit, Metrics,
    QuotaMetrics, RebalanceReason, ThrottleReason,
};
pub use security::{KafkaPrincipal, SaslMechanism, ScramMechanism, Secret};
pub(crate) use settings::shown_broker_value;
pub use settings::{
    AdminListener, Bounds, BrokerConfigs, BrokerSettings, ConfigEntry, ConfigError, ConfigSource,
    ConfigSynonym, ConfigType, Effect, Endpoint, GROUP_CONFIGS, Given, GroupConfigRow, JaasError,
    Listener, LoginModule, SaslLogin, SaslSettings, SecurityProtocol, Setting, as_setting,
    broker_config_type, broker_synonyms, listener_base, login_modules, sections,
};
pub use time::{MonoTime, Now, Timestamp, TimestampType};
pub use topic_config::{
    CleanupPolicy, CompressionType, ListChange, TOPIC_CONFIGS, TopicConfig, TopicConfigRow,
};

/// Error code of the Kafka protocol.
pub type ErrorCode = kafka_protocol::ResponseError;
