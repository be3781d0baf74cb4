//! The table of metrics: the page and `config/METRICS.md` are made from it.

/// How a metric's values behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Rises until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Values, counted by size.
    Histogram,
}

/// What a metric's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricUnit {
    /// Things that are counted.
    Number,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricRow {
    /// `ottla_<folder>_<what>_<unit>`, with `_total` behind it if it is a counter.
    pub name: &'static str,
    /// How its values behave.
    pub kind: MetricKind,
    /// What its values are.
    pub unit: MetricUnit,
    /// What tells its series apart.
    pub labels: &'static [&'static str],
    /// What it says.
    pub doc: &'static str,
}

impl MetricRow {
    /// Whether there is a series for each topic or group, as many as clients make.
    #[must_use]
    pub fn is_detailed(&self) -> bool {
        self.labels.iter().any(|label| matches!(*label, "topic" | "group"))
    }

    /// The name without unit and `_total`.
    #[must_use]
    pub fn stem(&self) -> &'static str {
        let name = self.name.strip_suffix("_total").unwrap_or(self.name);
        match self.unit {
            MetricUnit::Number => name,
            MetricUnit::Seconds => name.strip_suffix("_seconds").unwrap_or(name),
            MetricUnit::Bytes => name.strip_suffix("_bytes").unwrap_or(name),
        }
    }
}

macro_rules! metrics {
    ($($metric:ident $name:literal $kind:ident $unit:ident [$($label:literal),*] $doc:literal;)+) => {
        /// Every metric there is. Whoever writes the page has to say where each comes from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $(#[doc = $doc] $metric,)+
        }

        impl Metric {
            /// All, in the order of the page.
            pub const ALL: &'static [Self] = &[$(Self::$metric),+];

            /// Its row.
            #[must_use]
            pub const fn row(self) -> MetricRow {
                match self {
                    $(Self::$metric => MetricRow {
                        name: $name,
                        kind: MetricKind::$kind,
                        unit: MetricUnit::$unit,
                        labels: &[$($label),*],
                        doc: $doc,
                    },)+
                }
            }
        }
    };
}

metrics! {
    BuildInfo "ottla_service_build_info" Gauge Number ["version", "node_id", "cluster_id"]
        "Always 1; its labels say what runs";
    Ready "ottla_service_ready_seconds" Gauge Seconds []
        "Time from the start of the process until clients were accepted";

    ConnectionsOpen "ottla_connection_open" Gauge Number []
        "Connections of clients that are open";
    ConnectionsOpened "ottla_connection_opened_total" Counter Number []
        "Connections accepted";
    ConnectionsRefused "ottla_connection_refused_total" Counter Number []
        "Connections closed at once, because of max.connections or max.connections.per.ip";
    ConnectionsDelayed "ottla_connection_delayed_total" Counter Number []
        "Connections that were kept waiting before they were accepted, because of max.connection.creation.rate";
    ConnectionsClosed "ottla_connection_closed_total" Counter Number ["reason"]
        "Connections that the broker ended: for a frame or a request that cannot be, for idleness, for slowness while others wait";
    ReceivedBytes "ottla_connection_received_bytes_total" Counter Bytes ["api"]
        "Bytes of requests";
    SentBytes "ottla_connection_sent_bytes_total" Counter Bytes ["api"]
        "Bytes of answers";
    Blocked "ottla_connection_blocked" Gauge Number ["reason"]
        "Connections that are not read at the moment, because a limit is reached";
    BlockedTime "ottla_connection_blocked_seconds_total" Counter Seconds ["reason"]
        "Time that connections were not read, because a limit was reached; counted when it ends";
    RequestMemory "ottla_connection_request_memory_bytes" Gauge Bytes []
        "Memory that large requests take";
    RequestMemoryMax "ottla_connection_request_memory_max_bytes" Gauge Bytes []
        "Memory that large requests may take: queued.max.request.bytes";

    AnswerMemory "ottla_connection_answer_memory_bytes" Gauge Bytes []
        "Memory that large answers take until they are sent";
    AnswerMemoryMax "ottla_connection_answer_memory_max_bytes" Gauge Bytes []
        "Memory that large answers may take: ottla.queued.max.response.bytes";

    Requests "ottla_dispatch_requests_total" Counter Number ["api"]
        "Requests begun";
    LaneRequests "ottla_dispatch_side_lane_total" Counter Number ["api"]
        "Requests that took long, or were large, and were worked on by a thread of their own";
    OpenRequests "ottla_dispatch_open_requests" Gauge Number ["api"]
        "Requests that wait for their answer: fetches for data, joins for other members, the rest for their turn or the disk";
    RequestTime "ottla_dispatch_request_seconds" Histogram Seconds ["api"]
        "Time from a request being read to its answer being handed to the socket; a fetch may be told to wait";
    Errors "ottla_dispatch_errors_total" Counter Number ["api", "error"]
        "Errors in answers, one for each topic, partition or group that an answer refuses";

    Groups "ottla_group_groups" Gauge Number ["state"]
        "Consumer groups by their state";
    GroupMailbox "ottla_group_mailbox_seconds" Histogram Seconds []
        "Time that requests wait until their group takes them";
    Rebalances "ottla_group_rebalances_total" Counter Number ["reason"]
        "Rebalances begun";
    GroupMembers "ottla_group_members" Gauge Number ["group"]
        "Members of a group";
    GroupCommitted "ottla_group_committed_offset" Gauge Number ["group", "topic", "partition"]
        "Position that a group has committed";
    GroupLag "ottla_group_lag_records" Gauge Number ["group", "topic", "partition"]
        "Offsets between a group's position and the high watermark";

    Topics "ottla_registry_topics" Gauge Number []
        "Topics, internal ones included";
    Partitions "ottla_registry_partitions" Gauge Number []
        "Partitions of all topics";

    Throttled "ottla_quota_throttled_total" Counter Number ["quota"]
        "Requests, and connections of an address, that went beyond a client quota";
    ThrottleTime "ottla_quota_throttle_seconds_total" Counter Seconds ["quota"]
        "Time that clients had to pause for it";

    PartitionsOffline "ottla_partition_offline" Gauge Number []
        "Partitions that are out of service, because their log is damaged";
    PartitionMailbox "ottla_partition_mailbox_seconds" Histogram Seconds []
        "Time that batches wait until their partition takes them";
    Producers "ottla_partition_open_producers" Gauge Number []
        "Idempotent producers that partitions remember; one counts in each partition it writes to";
    PartitionSize "ottla_partition_size_bytes" Gauge Bytes ["topic", "partition"]
        "Bytes of a partition's log";
    PartitionAppended "ottla_partition_appended_bytes_total" Counter Bytes ["topic", "partition"]
        "Bytes of batches committed since the start";
    LogStart "ottla_partition_log_start_offset" Gauge Number ["topic", "partition"]
        "First offset of a partition's log";
    HighWatermark "ottla_partition_high_watermark" Gauge Number ["topic", "partition"]
        "Offset up to which consumers may read";
    LogEnd "ottla_partition_log_end_offset" Gauge Number ["topic", "partition"]
        "Offset that the next record gets";

    Flush "ottla_storage_flush_seconds" Histogram Seconds []
        "Time until a group of batches, of all partitions at once, was on disk";
    FlushBytes "ottla_storage_flush_bytes" Histogram Bytes []
        "Bytes of such a group";
    FlushLogs "ottla_storage_flush_logs" Histogram Number []
        "Partitions that such a group has batches of";
    DiskFree "ottla_storage_free_bytes" Gauge Bytes []
        "Room that is left on the disk of the data folder";
    DiskSize "ottla_storage_disk_bytes" Gauge Bytes []
        "Size of that disk";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_name_says_its_kind_and_its_unit() {
        for metric in Metric::ALL {
            let row = metric.row();
            let name = row.name.strip_suffix("_total").unwrap_or(row.name);
            let unit = match row.unit {
                MetricUnit::Number => "",
                MetricUnit::Seconds => "_seconds",
                MetricUnit::Bytes => "_bytes",
            };

            assert!(row.name.starts_with("ottla_"), "{row:?}");
            assert_eq!(row.name.ends_with("_total"), row.kind == MetricKind::Counter, "{row:?}");
            assert_eq!(name, format!("{}{unit}", row.stem()), "{row:?}");
            let is_counted = !name.ends_with("_seconds") && !name.ends_with("_bytes");
            assert_eq!(is_counted, row.unit == MetricUnit::Number, "{row:?}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.row().name).collect();

        assert_eq!(names.len(), Metric::ALL.len());
    }
}
