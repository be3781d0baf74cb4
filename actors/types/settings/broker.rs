//! The settings that the broker goes by, parsed.

use std::path::PathBuf;
use std::time::Duration;

use super::configs::BrokerConfigs;
use super::listeners::{self, AdminListener, Listener};
use super::setting::Setting;
use super::value::{ConfigError, parse_bool, split_list};
use crate::types::NodeId;

/// Reads values of one set of configurations into types.
struct Reader<'a>(&'a BrokerConfigs);

impl Reader<'_> {
    fn text(&self, name: &str) -> String {
        assert!(Setting::find(name).is_some(), "{name} has no row in the table of settings");
        self.0.value(name).unwrap_or_default().to_owned()
    }

    fn int<T: TryFrom<i64>>(&self, name: &str) -> Result<T, ConfigError> {
        let text = self.text(name);
        let number = text.parse::<i64>().ok().and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| ConfigError::invalid(name, &text, "Value is out of range"))
    }

    /// A number whose negative values, or null, mean that there is no limit.
    fn limit<T: TryFrom<i64>>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        let text = self.text(name);
        if text.is_empty() || text.starts_with('-') {
            return Ok(None);
        }
        self.int(name).map(Some)
    }

    fn ms(&self, name: &str) -> Result<Duration, ConfigError> {
        self.int(name).map(Duration::from_millis)
    }

    fn flag(&self, name: &str) -> Result<bool, ConfigError> {
        Ok(parse_bool(&self.text(name)).unwrap_or(false))
    }

    /// A text; null and nothing are the same.
    fn word(&self, name: &str) -> Result<Option<String>, ConfigError> {
        Ok(Some(self.text(name)).filter(|text| !text.is_empty()))
    }
}

macro_rules! broker_settings {
    ($($(#[doc = $doc:literal])+ $field:ident: $kind:ty = $read:ident($name:literal);)+) => {
        /// The settings that the broker goes by. Durations are read from the unit in the name,
        /// sizes are bytes.
        #[derive(Clone, Debug, PartialEq)]
        pub struct BrokerSettings {
            /// `node.id`, else `broker.id`.
            pub node_id: NodeId,
            /// Where clients may connect, from `listeners` and its companions; at least one.
            pub listeners: Vec<Listener>,
            /// Where health and metrics are served, from `ottla.admin.listener`.
            pub admin_listener: Option<AdminListener>,
            /// Where the data lies, from `log.dirs`, else `log.dir`.
            pub data_dir: PathBuf,
            /// `max.connections.per.ip.overrides`: host and its limit.
            pub max_connections_per_ip_overrides: Vec<(String, u32)>,
            $($(#[doc = $doc])+ pub $field: $kind,)+
        }

        impl BrokerSettings {
            /// Settings that a field of their own is read from.
            pub const NAMES: &[&str] = &[$($name),+];
        }

        impl BrokerConfigs {
            /// Parses what is in force.
            ///
            /// # Errors
            /// The first setting that contradicts another one, or that asks for what is not here.
            pub fn settings(&self) -> Result<BrokerSettings, ConfigError> {
                check_together(self)?;
                check_alone(self)?;
                let reader = Reader(self);
                Ok(BrokerSettings {
                    node_id: node_id(self)?,
                    listeners: listeners::parse(self)?,
                    admin_listener: admin_listener(self)?,
                    data_dir: data_dir(self)?,
                    max_connections_per_ip_overrides: per_ip_overrides(self)?,
                    $($field: reader.$read($name)?,)+
                })
            }
        }
    };
}

broker_settings! {
    /// `ottla.admin.topic.metrics`
    admin_topic_metrics: bool = flag("ottla.admin.topic.metrics");
    /// `ottla.cluster.id`; `None` for one made at the first start.
    cluster_id: Option<String> = word("ottla.cluster.id");
    /// `broker.rack`
    broker_rack: Option<String> = word("broker.rack");
    /// `num.network.threads`; 0 goes by the cores.
    num_network_threads: usize = int("num.network.threads");
    /// `queued.max.request.bytes`; `None` where the broker may choose.
    queued_max_request_bytes: Option<u64> = limit("queued.max.request.bytes");
    /// `ottla.queued.max.response.bytes`
    queued_max_response_bytes: u64 = int("ottla.queued.max.response.bytes");
    /// `ottla.request.receive.timeout.ms`
    request_receive_timeout: Duration = ms("ottla.request.receive.timeout.ms");
    /// `socket.request.max.bytes`: largest request.
    socket_request_max_bytes: u32 = int("socket.request.max.bytes");
    /// `socket.send.buffer.bytes`; `None` leaves it to the system.
    socket_send_buffer_bytes: Option<u32> = limit("socket.send.buffer.bytes");
    /// `socket.receive.buffer.bytes`; `None` leaves it to the system.
    socket_receive_buffer_bytes: Option<u32> = limit("socket.receive.buffer.bytes");
    /// `socket.listen.backlog.size`
    socket_listen_backlog_size: u32 = int("socket.listen.backlog.size");
    /// `connections.max.idle.ms` in milliseconds; `None` for ever.
    connections_max_idle_ms: Option<u64> = limit("connections.max.idle.ms");
    /// `connection.failed.authentication.delay.ms`
    connection_failed_authentication_delay: Duration = ms("connection.failed.authentication.delay.ms");
    /// `sasl.server.max.receive.size`: largest request before a client has authenticated.
    sasl_server_max_receive_size: u32 = int("sasl.server.max.receive.size");
    /// `auto.create.topics.enable`
    auto_create_topics_enable: bool = flag("auto.create.topics.enable");
    /// `num.partitions`: 1 or more.
    num_partitions: i32 = int("num.partitions");
    /// `default.replication.factor`: 1 or more.
    default_replication_factor: i16 = int("default.replication.factor");
    /// `delete.topic.enable`
    delete_topic_enable: bool = flag("delete.topic.enable");
    /// `max.request.partition.size.limit`
    max_request_partition_size_limit: usize = int("max.request.partition.size.limit");
    /// `min.insync.replicas`
    min_insync_replicas: u32 = int("min.insync.replicas");
    /// `quota.window.num`: 1 or more.
    quota_window_num: u32 = int("quota.window.num");
    /// `quota.window.size.seconds` in seconds: 1 or more.
    quota_window_size_seconds: u64 = int("quota.window.size.seconds");
    /// `controller.quota.window.num`: 1 or more.
    controller_quota_window_num: u32 = int("controller.quota.window.num");
    /// `controller.quota.window.size.seconds` in seconds: 1 or more.
    controller_quota_window_size_seconds: u64 = int("controller.quota.window.size.seconds");
    /// `message.max.bytes`
    message_max_bytes: u32 = int("message.max.bytes");
    /// `fetch.max.bytes`
    fetch_max_bytes: u32 = int("fetch.max.bytes");
    /// `max.incremental.fetch.session.cache.slots`
    max_incremental_fetch_session_cache_slots: usize = int("max.incremental.fetch.session.cache.slots");
    /// `log.retention.check.interval.ms`
    log_retention_check_interval: Duration = ms("log.retention.check.interval.ms");
    /// `log.cleaner.enable`
    log_cleaner_enable: bool = flag("log.cleaner.enable");
    /// `log.cleaner.backoff.ms`
    log_cleaner_backoff: Duration = ms("log.cleaner.backoff.ms");
    /// `log.cleaner.dedupe.buffer.size`
    log_cleaner_dedupe_buffer_size: u64 = int("log.cleaner.dedupe.buffer.size");
    /// `group.initial.rebalance.delay.ms`
    group_initial_rebalance_delay: Duration = ms("group.initial.rebalance.delay.ms");
    /// `group.min.session.timeout.ms`
    group_min_session_timeout: Duration = ms("group.min.session.timeout.ms");
    /// `group.max.session.timeout.ms`
    group_max_session_timeout: Duration = ms("group.max.session.timeout.ms");
    /// `ottla.group.members.max.bytes`
    group_members_max_bytes: u64 = int("ottla.group.members.max.bytes");
    /// `group.max.size`
    group_max_size: usize = int("group.max.size");
    /// `offsets.topic.num.partitions`
    offsets_topic_num_partitions: i32 = int("offsets.topic.num.partitions");
    /// `offsets.topic.replication.factor`
    offsets_topic_replication_factor: i16 = int("offsets.topic.replication.factor");
    /// `offsets.topic.segment.bytes`
    offsets_topic_segment_bytes: u32 = int("offsets.topic.segment.bytes");
    /// `offsets.retention.minutes` in minutes.
    offsets_retention_minutes: u64 = int("offsets.retention.minutes");
    /// `offsets.retention.check.interval.ms`
    offsets_retention_check_interval: Duration = ms("offsets.retention.check.interval.ms");
    /// `offset.metadata.max.bytes`
    offset_metadata_max_bytes: u32 = int("offset.metadata.max.bytes");
    /// `transaction.state.log.num.partitions`
    transaction_state_log_num_partitions: i32 = int("transaction.state.log.num.partitions");
    /// `transaction.state.log.replication.factor`
    transaction_state_log_replication_factor: i16 = int("transaction.state.log.replication.factor");
    /// `transaction.state.log.min.isr`
    transaction_state_log_min_isr: u32 = int("transaction.state.log.min.isr");
    /// `transaction.state.log.segment.bytes`
    transaction_state_log_segment_bytes: u32 = int("transaction.state.log.segment.bytes");
    /// `transaction.max.timeout.ms`
    transaction_max_timeout: Duration = ms("transaction.max.timeout.ms");
    /// `producer.id.expiration.ms`
    producer_id_expiration: Duration = ms("producer.id.expiration.ms");
}

fn node_id(configs: &BrokerConfigs) -> Result<NodeId, ConfigError> {
    let number = |name: &str| configs.set(name).and_then(|text| text.parse::<i32>().ok());
    let (node, broker) = (number("node.id"), number("broker.id"));
    match (node, broker) {
        (Some(node), Some(broker)) if node != broker => Err(ConfigError::Conflict(format!(
            "You must set `node.id` to the same value as `broker.id`: they are {node} and {broker}"
        ))),
        (Some(node), _) | (None, Some(node)) if node >= 0 => Ok(NodeId(node)),
        _ => Reader(configs).int("node.id").map(NodeId),
    }
}

fn admin_listener(configs: &BrokerConfigs) -> Result<Option<AdminListener>, ConfigError> {
    const SETTING: &str = "ottla.admin.listener";
    let text = configs.value(SETTING).unwrap_or_default().trim();
    if text.is_empty() {
        return Ok(None);
    }
    let bind = listeners::address(text)
        .ok_or_else(|| ConfigError::invalid(SETTING, text, "expected host:port, or nothing"))?;
    Ok(Some(AdminListener { bind, is_chosen: configs.set(SETTING).is_some() }))
}

fn data_dir(configs: &BrokerConfigs) -> Result<PathBuf, ConfigError> {
    let (name, text) = match configs.value("log.dirs") {
        Some(text) if !text.is_empty() => ("log.dirs", text),
        _ => ("log.dir", configs.value("log.dir").unwrap_or_default()),
    };
    match split_list(text).as_slice() {
        [dir] if !dir.is_empty() => Ok(PathBuf::from(dir)),
        _ => Err(ConfigError::invalid(name, text, "expected one folder")),
    }
}

fn per_ip_overrides(configs: &BrokerConfigs) -> Result<Vec<(String, u32)>, ConfigError> {
    const SETTING: &str = "max.connections.per.ip.overrides";
    let text = configs.value(SETTING).unwrap_or_default();
    let pair = |entry: &String| {
        let (host, count) = entry.rsplit_once(':')?;
        Some((host.trim().to_owned(), count.trim().parse().ok()?))
    };
    let pairs: Option<Vec<_>> = split_list(text).iter().map(pair).collect();
    pairs.ok_or_else(|| ConfigError::invalid(SETTING, text, "expected host:count pairs"))
}

/// Rules between settings (`KafkaConfig.validateValues`).
fn check_together(configs: &BrokerConfigs) -> Result<(), ConfigError> {
    let long = |name: &str| configs.value(name).and_then(|text| text.parse::<i64>().ok());
    for name in ["log.retention.ms", "log.retention.minutes", "log.retention.hours"] {
        if long(name).is_some_and(|value| value == 0 || value < -1) {
            let value = configs.value(name).unwrap_or_default();
            let reason = format!("{name} must be unlimited (-1) or, equal or greater than 1");
            return Err(ConfigError::invalid(name, value, reason));
        }
    }
    let ordered = [
        ("group.min.session.timeout.ms", "group.max.session.timeout.ms"),
        ("group.consumer.min.session.timeout.ms", "group.consumer.session.timeout.ms"),
        ("group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
        ("group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms"),
        ("group.consumer.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
        ("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"),
    ];
    for (less, more) in ordered {
        if let (Some(least), Some(most)) = (long(less), long(more))
            && least > most
        {
            return Err(ConfigError::Conflict(format!(
                "{less} ({least}) must be less than or equal to {more} ({most})"
            )));
        }
    }
    Ok(())
}

/// A node that runs alone must not look like one of several: what its file says of the others would
/// not come true.
fn check_alone(configs: &BrokerConfigs) -> Result<(), ConfigError> {
    let text = |name| configs.value(name).unwrap_or_default();
    let roles = split_list(text("process.roles"));
    for role in ["broker", "controller"] {
        if !roles.iter().any(|given| given == role) {
            let reason = "every node is broker and controller at once: give both, or nothing";
            return Err(ConfigError::invalid("process.roles", text("process.roles"), reason));
        }
    }
    let refuse = |reason: String| {
        let name = "controller.quorum.voters";
        Err(ConfigError::invalid(name, text(name), reason))
    };
    let NodeId(own) = node_id(configs)?;
    match split_list(text("controller.quorum.voters")).as_slice() {
        [] => Ok(()),
        [voter] => match voter.split_once('@').and_then(|(id, _)| id.trim().parse::<i32>().ok()) {
            Some(id) if id == own => Ok(()),
            Some(id) => refuse(format!(
                "the voter is node {id}, and this is node {own}: node.id must be among the voters"
            )),
            None => refuse("expected id@host:port".to_owned()),
        },
        several => refuse(format!(
            "{} nodes are named, and a node runs alone in this release: name this node only",
            several.len()
        )),
    }
}
