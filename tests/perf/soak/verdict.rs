//! What must hold at the end, said line by line; the program fails if anything does not.

use super::vitals::Sample;

/// Lines said, and whether all of them hold.
#[derive(Default)]
pub(super) struct Verdict {
    wrong: Vec<String>,
}

impl Verdict {
    pub(super) fn say(&mut self, what: &str, holds: bool, detail: impl AsRef<str>) {
        let detail = detail.as_ref();
        println!("{}: {what}: {detail}", if holds { "ok" } else { "NOT SO" });
        if !holds {
            self.wrong.push(format!("{what}: {detail}"));
        }
    }

    /// Ends the program with an error if anything did not hold.
    pub(super) fn finish(self) {
        assert!(self.wrong.is_empty(), "the soak found faults: {:#?}", self.wrong);
    }
}

/// Memory and handles flat, disk bounded; latency is said, and judged by who knows what else ran.
pub(super) fn judge_samples(samples: &[Sample], allowed_bytes: u64, verdict: &mut Verdict) {
    let allowed_mib = f64::from(u32::try_from(allowed_bytes >> 20).expect("less than a petabyte"));
    match samples.iter().filter_map(disk_mib).reduce(f64::max) {
        Some(largest) => {
            let detail = format!("{largest:.0} MiB at most, {allowed_mib:.0} allowed");
            verdict.say("disk is bounded", largest <= allowed_mib, detail);
        }
        None => println!("not judged: the disk, for the broker was started elsewhere"),
    }
    // Caches fill and first segments expire in the first third.
    let settled = &samples[samples.len() / 3..];
    if settled.len() < 6 {
        println!("too few minutes to tell what is flat");
        return;
    }
    let flat = |what: &str, of: fn(&Sample) -> Option<f64>, slack: f64, verdict: &mut Verdict| {
        let values: Vec<f64> = settled.iter().filter_map(of).collect();
        if values.is_empty() {
            return;
        }
        let half = values.len() / 2;
        let (before, after) = (median(&values[..half]), median(&values[half..]));
        let slope = slope(&values) * 60.0;
        let detail = format!("median {before:.1}, then {after:.1}; {slope:+.2} an hour");
        verdict.say(what, after <= before * 1.05 + slack, detail);
    };
    flat("resident MiB are flat", |sample| Some(sample.resident_mib), 1.0, verdict);
    flat("anonymous MiB are flat", |sample| Some(sample.anonymous_mib), 1.0, verdict);
    flat("MiB on disk are flat", disk_mib, 16.0, verdict);
    flat("MiB of metadata are flat", metadata_mib, 0.5, verdict);
    flat("open files are flat", |sample| Some(handles(sample)), 20.0, verdict);
    // A minute's p99.9 is a handful of records, and one of a machine's own pauses may be among them.
    flat(
        "p99.9 to the acknowledgement is flat, ms",
        |sample| Some(sample.ack_p999_ms()),
        5.0,
        verdict,
    );
}

fn disk_mib(sample: &Sample) -> Option<f64> {
    sample.sizes.as_ref().map(|sizes| sizes.disk_mib)
}

fn metadata_mib(sample: &Sample) -> Option<f64> {
    sample.sizes.as_ref().map(|sizes| sizes.metadata_mib)
}

fn handles(sample: &Sample) -> f64 {
    f64::from(u32::try_from(sample.handles).expect("open files"))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Least squares: by how much a value grows from one sample to the next.
fn slope(values: &[f64]) -> f64 {
    let count = f64::from(u32::try_from(values.len()).expect("a few"));
    let at = (0_u32..).map(f64::from);
    let (mean_at, mean) = ((count - 1.0) / 2.0, values.iter().sum::<f64>() / count);
    let pairs = at.zip(values);
    let (over, under) = pairs.fold((0.0, 0.0), |(over, under), (at, value)| {
        let off = at - mean_at;
        (off.mul_add(value - mean, over), off.mul_add(off, under))
    });
    over / under
}
