//! Writes the metrics page from the table.

use super::observe::{Observation, PartitionSeen};
use ottla_actors::dispatch::API_TABLE;
use ottla_actors::storage::DiskSpace;
use ottla_actors::types::{
    ApiMetrics, ConnectionMetrics, Counter, ErrorCode, HistogramImage, Label, Labelled, Metric,
    MetricKind, MetricUnit, Metrics,
};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What one of the library's counts is.
const NANOSECONDS: f64 = 1e9;

/// The page.
///
/// # Errors
/// None but the library's own.
pub(super) fn write(observation: Observation) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(observation)));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct Page(Observation);

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in Metric::ALL {
            let row = metric.row();
            if row.is_detailed() && !self.0.is_detailed {
                continue;
            }
            let unit = match row.unit {
                MetricUnit::Number => None,
                MetricUnit::Seconds => Some(Unit::Seconds),
                MetricUnit::Bytes => Some(Unit::Bytes),
            };
            let kind = match row.kind {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
                MetricKind::Histogram => MetricType::Histogram,
            };
            let family = encoder.encode_descriptor(row.stem(), row.doc, unit.as_ref(), kind)?;
            self.series(*metric, &mut Series { family, labels: row.labels, unit: row.unit })?;
        }
        Ok(())
    }
}

impl Page {
    /// Where each metric comes from.
    fn series(&self, metric: Metric, out: &mut Series<'_>) -> fmt::Result {
        let seen = &self.0;
        let metrics = seen.serving.broker.metrics();
        let connection = &metrics.connection;
        match metric {
            Metric::BuildInfo => self.build_info(out),
            Metric::Ready => out.gauge(&[], seen.serving.ready_after.as_secs_f64()),
            Metric::ConnectionsOpen => {
                let closed = connection.closed.value();
                out.gauge(&[], connection.opened.value().saturating_sub(closed))
            }
            Metric::ConnectionsOpened => out.counter(&[], connection.opened.value()),
            Metric::ConnectionsRefused => out.counter(&[], connection.refused.value()),
            Metric::ConnectionsDelayed => out.counter(&[], connection.delayed.value()),
            Metric::ConnectionsClosed => labelled(&connection.closed_by, out),
            Metric::ReceivedBytes => count_each_api(metrics, out, |api| &api.received_bytes),
            Metric::SentBytes => count_each_api(metrics, out, |api| &api.sent_bytes),
            Metric::Blocked => blocked(connection, out),
            Metric::BlockedTime => times(&connection.blocked, out),
            Metric::RequestMemory => out.gauge(&[], seen.serving.memory.used()),
            Metric::RequestMemoryMax => out.gauge(&[], seen.serving.memory.max()),
            Metric::AnswerMemory => out.gauge(&[], seen.serving.broker.answers.used()),
            Metric::AnswerMemoryMax => out.gauge(&[], seen.serving.broker.answers.max()),
            Metric::Requests => count_each_api(metrics, out, |api| &api.requests),
            Metric::LaneRequests => count_each_api(metrics, out, |api| &api.on_lane),
            Metric::OpenRequests => each_api(metrics, |name, api| {
                let ended = api.ended.value();
                out.gauge(&[name], api.requests.value().saturating_sub(ended))
            }),
            Metric::RequestTime => {
                each_api(metrics, |name, api| out.histogram(&[name], &api.duration.image()))
            }
            Metric::Errors => each_api(metrics, |name, api| {
                api.errors()
                    .try_for_each(|(code, count)| out.counter(&[name, &error_name(code)], count))
            }),
            Metric::Groups => self.groups_by_state(out),
            Metric::GroupMailbox => out.histogram(&[], &metrics.group_mailbox.image()),
            Metric::Rebalances => labelled(&metrics.rebalances, out),
            Metric::GroupMembers => seen
                .groups
                .iter()
                .try_for_each(|group| out.gauge(&[&group.group_id], group.members)),
            Metric::GroupCommitted => self.each_position(out, |at| at.committed),
            Metric::GroupLag => self.each_position(out, |at| at.lag),
            Metric::Topics => out.gauge(&[], seen.topics),
            Metric::Partitions => out.gauge(&[], seen.partitions),
            Metric::Throttled => labelled(&metrics.quota.throttled, out),
            Metric::ThrottleTime => times(&metrics.quota.pauses, out),
            Metric::PartitionsOffline => out.gauge(&[], seen.partitions_offline),
            Metric::PartitionMailbox => out.histogram(&[], &metrics.partition_mailbox.image()),
            Metric::Producers => out.gauge(&[], seen.producers),
            Metric::PartitionSize => self.each_partition(out, |at| at.size_bytes),
            Metric::PartitionAppended => seen.partitions_seen.iter().try_for_each(|at| {
                out.counter(&[at.topic.as_str(), &at.index.to_string()], at.appended_bytes)
            }),
            Metric::LogStart => self.each_partition(out, |at| at.log_start),
            Metric::HighWatermark => self.each_partition(out, |at| at.high_watermark),
            Metric::LogEnd => self.each_partition(out, |at| at.log_end),
            Metric::Flush => out.histogram(&[], &metrics.journal.flush.image()),
            Metric::FlushBytes => out.histogram(&[], &metrics.journal.bytes.image()),
            Metric::FlushLogs => out.histogram(&[], &metrics.journal.logs.image()),
            Metric::DiskFree => self.of_disk(out, |disk| disk.free_bytes),
            Metric::DiskSize => self.of_disk(out, |disk| disk.size_bytes),
        }
    }

    fn of_disk(&self, out: &mut Series<'_>, what: fn(&DiskSpace) -> u64) -> fmt::Result {
        self.0.disk.iter().try_for_each(|disk| out.gauge(&[], what(disk)))
    }

    fn build_info(&self, out: &mut Series<'_>) -> fmt::Result {
        let broker = &self.0.serving.broker;
        let node = broker.node.0.to_string();
        out.gauge(&[env!("CARGO_PKG_VERSION"), &node, &broker.cluster_id], 1_u64)
    }

    fn groups_by_state(&self, out: &mut Series<'_>) -> fmt::Result {
        let mut states = BTreeMap::<&str, u64>::new();
        for group in &self.0.groups {
            *states.entry(group.state.name()).or_default() += 1;
        }
        states.into_iter().try_for_each(|(state, count)| out.gauge(&[state], count))
    }

    fn each_partition<V: EncodeGaugeValue + Copy>(
        &self,
        out: &mut Series<'_>,
        value: impl Fn(&PartitionSeen) -> V,
    ) -> fmt::Result {
        self.0
            .partitions_seen
            .iter()
            .try_for_each(|at| out.gauge(&[at.topic.as_str(), &at.index.to_string()], value(at)))
    }

    fn each_position(
        &self,
        out: &mut Series<'_>,
        value: impl Fn(&super::observe::PositionSeen) -> i64,
    ) -> fmt::Result {
        self.0.positions.iter().try_for_each(|at| {
            out.gauge(&[&at.group, at.topic.as_str(), &at.partition.to_string()], value(at))
        })
    }
}

/// Shows every API that was asked.
fn each_api(
    metrics: &Metrics,
    mut show: impl FnMut(&str, &ApiMetrics) -> fmt::Result,
) -> fmt::Result {
    let apis = API_TABLE.iter().filter_map(|row| Some((row.name, metrics.api(row.key)?)));
    apis.filter(|(_, api)| api.requests.value() > 0).try_for_each(|(name, api)| show(name, api))
}

/// One counter of every API that was asked.
fn count_each_api(
    metrics: &Metrics,
    out: &mut Series<'_>,
    counter: fn(&ApiMetrics) -> &Counter,
) -> fmt::Result {
    each_api(metrics, |name, api| out.counter(&[name], counter(api).value()))
}

/// Connections that are not read now, by the limit that they are at.
fn blocked(connection: &ConnectionMetrics, out: &mut Series<'_>) -> fmt::Result {
    connection.blocks_ended.all().try_for_each(|(reason, ended)| {
        let ended = ended.value();
        let begun = connection.blocks_begun.of(reason).value();
        out.gauge(&[reason.name()], begun.saturating_sub(ended))
    })
}

fn labelled<L: Label>(counters: &Labelled<L>, out: &mut Series<'_>) -> fmt::Result {
    counters.all().try_for_each(|(label, counter)| out.counter(&[label.name()], counter.value()))
}

/// Counters of nanoseconds.
fn times<L: Label>(counters: &Labelled<L>, out: &mut Series<'_>) -> fmt::Result {
    counters.all().try_for_each(|(label, time)| {
        out.counter(&[label.name()], Duration::from_nanos(time.value()).as_secs_f64())
    })
}

/// Kafka's name of an error: `NotLeaderOrFollower` is NOT_LEADER_OR_FOLLOWER.
fn error_name(code: i16) -> String {
    let Some(error) = ErrorCode::try_from_code(code) else { return code.to_string() };
    let mut name = String::new();
    for letter in format!("{error:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// The series of one metric.
struct Series<'a> {
    family: MetricEncoder<'a>,
    labels: &'static [&'static str],
    unit: MetricUnit,
}

impl Series<'_> {
    fn gauge(&mut self, labels: &[&str], value: impl EncodeGaugeValue + Copy) -> fmt::Result {
        self.with(labels, |series| series.encode_gauge(&value))
    }

    fn counter(&mut self, labels: &[&str], value: impl EncodeCounterValue + Copy) -> fmt::Result {
        self.with(labels, |series| series.encode_counter::<NoLabelSet, _, u64>(&value, None))
    }

    fn histogram(&mut self, labels: &[&str], image: &HistogramImage) -> fmt::Result {
        let scale = match self.unit {
            MetricUnit::Number | MetricUnit::Bytes => 1.0,
            MetricUnit::Seconds => NANOSECONDS,
        };
        let value = |count: u64| float(count) / scale;
        // The library takes the largest number for infinity.
        let bucket = |&(bound, count): &(Option<u64>, u64)| (bound.map_or(f64::MAX, value), count);
        let buckets: Vec<(f64, u64)> = image.buckets.iter().map(bucket).collect();
        let (sum, count) = (value(image.sum), image.count());
        self.with(labels, |series| {
            series.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
        })
    }

    fn with(
        &mut self,
        labels: &[&str],
        encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        assert!(labels.len() == self.labels.len(), "{:?} are not {labels:?}", self.labels);
        if labels.is_empty() {
            return encode(&mut self.family);
        }
        let values = labels.iter().copied().map(escaped);
        let pairs: Vec<(&str, Cow<'_, str>)> = self.labels.iter().copied().zip(values).collect();
        encode(&mut self.family.encode_family(&pairs)?)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a scraper reads floats, whatever is written")]
fn float(count: u64) -> f64 {
    count as f64
}

/// A label's value as the format wants it; the library writes it as it is. Clients choose the names
/// of groups, quotation marks and line breaks included.
fn escaped(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_names_that_kafka_gives_them() {
        let names = [-1, 3, 6, 7, 27, 79].map(error_name);

        let expected = [
            "UNKNOWN_SERVER_ERROR",
            "UNKNOWN_TOPIC_OR_PARTITION",
            "NOT_LEADER_OR_FOLLOWER",
            "REQUEST_TIMED_OUT",
            "REBALANCE_IN_PROGRESS",
            "MEMBER_ID_REQUIRED",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn no_group_can_forge_a_line() {
        assert_eq!(escaped("a\"} 1\nottla_x{b=\"\\"), r#"a\"} 1\nottla_x{b=\"\\"#);
        assert_eq!(escaped("plain"), "plain");
    }
}
