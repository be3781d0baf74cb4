//! What the broker has: memory, files, threads, processor time, disk; one line a sample.

use std::fs;
use std::path::Path;

use hdrhistogram::Histogram;

use super::probe::Times;
use crate::broker::Broker;
use crate::disk::allocated_bytes;

/// One minute.
pub(super) struct Sample {
    minute: u32,
    pub(super) resident_mib: f64,
    /// Without what is mapped from files.
    pub(super) anonymous_mib: f64,
    /// Not known of a broker that was started elsewhere.
    pub(super) sizes: Option<Sizes>,
    pub(super) handles: usize,
    threads: f64,
    /// Of one core.
    cpu_percent: f64,
    records_in: u64,
    records_out: u64,
    times: Times,
}

/// What the broker's folder takes on the disk.
pub(super) struct Sizes {
    pub(super) disk_mib: f64,
    index_mib: f64,
    pub(super) metadata_mib: f64,
}

impl Sample {
    pub(super) const HEADER: &'static str = "minute,resident_mib,anonymous_mib,disk_mib,index_mib,\
        metadata_mib,handles,threads,cpu_percent,records_in,records_out,ack_p50_ms,ack_p99_ms,\
        ack_p999_ms,ack_max_ms,end_p50_ms,end_p99_ms,end_p999_ms,end_max_ms";

    pub(super) fn line(&self) -> String {
        format!(
            "{},{:.1},{:.1},{},{},{},{:.1},{},{},{},{}",
            self.minute,
            self.resident_mib,
            self.anonymous_mib,
            self.sizes.as_ref().map_or_else(|| String::from(",,"), Sizes::cells),
            self.handles,
            self.threads,
            self.cpu_percent,
            self.records_in,
            self.records_out,
            quantiles(&self.times.acknowledged),
            quantiles(&self.times.end_to_end)
        )
    }

    /// p99.9 to the acknowledgement.
    pub(super) fn ack_p999_ms(&self) -> f64 {
        milliseconds(self.times.acknowledged.value_at_quantile(0.999))
    }
}

impl Sizes {
    fn of(folder: &Path) -> Self {
        Self {
            disk_mib: mebibytes(folder),
            index_mib: mebibytes(&folder.join("index")),
            metadata_mib: mebibytes(&folder.join("metadata")),
        }
    }

    fn cells(&self) -> String {
        format!("{:.1},{:.1},{:.2}", self.disk_mib, self.index_mib, self.metadata_mib)
    }
}

fn quantiles(times: &Histogram<u64>) -> String {
    let at = |quantile| milliseconds(times.value_at_quantile(quantile));
    format!("{:.2},{:.2},{:.2},{:.2}", at(0.5), at(0.99), at(0.999), milliseconds(times.max()))
}

#[expect(clippy::cast_precision_loss, reason = "times are shown with few digits")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

/// Takes samples; what is counted is counted since the last one.
pub(super) struct Vitals<'a> {
    broker: &'a Broker,
    cpu_seconds: f64,
    records: (u64, u64),
}

impl<'a> Vitals<'a> {
    pub(super) fn new(broker: &'a Broker) -> Self {
        Self { broker, cpu_seconds: broker.cpu_seconds(), records: (0, 0) }
    }

    /// A sample of the minute that ends; `records` in and out since the start.
    pub(super) fn sample(&mut self, minute: u32, records: (u64, u64), times: Times) -> Sample {
        let cpu_seconds = self.broker.cpu_seconds();
        let process = Path::new("/proc").join(self.broker.pid().to_string());
        let sample = Sample {
            minute,
            resident_mib: self.broker.status("VmRSS:") / 1024.0,
            anonymous_mib: self.broker.status("RssAnon:") / 1024.0,
            sizes: self.broker.folder().map(Sizes::of),
            handles: fs::read_dir(process.join("fd")).expect("open files").count(),
            threads: self.broker.status("Threads:"),
            cpu_percent: (cpu_seconds - self.cpu_seconds) * 100.0 / 60.0,
            records_in: records.0 - self.records.0,
            records_out: records.1 - self.records.1,
            times,
        };
        (self.cpu_seconds, self.records) = (cpu_seconds, records);
        sample
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are shown with few digits")]
fn mebibytes(folder: &Path) -> f64 {
    allocated_bytes(folder) as f64 / f64::from(1 << 20)
}
