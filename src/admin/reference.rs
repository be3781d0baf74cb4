//! Prints `config/METRICS.md` from the table of metrics.

use ottla_actors::types::{Metric, MetricKind};

/// The text of `config/METRICS.md`.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for metric in Metric::ALL {
        let row = metric.row();
        let kind = match row.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<String> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        text.push_str(&format!("| `{}` | {kind} | {labels} | {} |\n", row.name, row.doc));
    }
    text
}

const HEAD: &str = "\
# Metrics

Printed from the table of metrics by `UPDATE=1 cargo test`; do not edit.

`http://127.0.0.1:9644/metrics` shows them in the text format of Prometheus; `ottla.admin.listener`
names another address, or none. `compose/prometheus.yaml` runs a broker and a Prometheus that reads
it. Metrics with a label `topic` or `group` have a series for each; `ottla.admin.topic.metrics=false`
switches them off. Internal partitions appear once they hold something, an API once it was asked.

Counters begin at 0 with the process. Times are in seconds, from 10 µs to 10 s in 18 buckets. What to
watch first:

- `ottla_group_lag_records`: how far each group is behind what it could read.
- `ottla_storage_flush_seconds`: the disk, as producers feel it; each answer waits for it.
- `ottla_connection_blocked_seconds_total`: clients are held back, and `reason` says by what.
- `ottla_dispatch_errors_total`: what clients are told, by Kafka's names.
- `ottla_partition_offline`: above 0, data is unavailable; the log of the broker says what to do.

| name | kind | labels | what it says |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_page_of_metrics_is_printed_from_the_table() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/METRICS.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }

        let written = std::fs::read_to_string(&path).unwrap_or_default();

        assert!(written == reference(), "config/METRICS.md is old: run UPDATE=1 cargo test");
    }
}
