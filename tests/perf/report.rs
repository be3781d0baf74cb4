//! What a workload found out: a line a figure, for people and for `compare` alike.

/// Prints one figure under its name, with as many digits as tell something.
pub(crate) fn figure(name: &str, value: f64) {
    let digits = match value.abs() {
        large if large >= 1000.0 => 0,
        middle if middle >= 10.0 => 1,
        _ => 3,
    };
    println!("{name:<32} {value:.digits$}");
}

/// The same in milliseconds, for a time in seconds.
pub(crate) fn milliseconds(name: &str, seconds: f64) {
    figure(&format!("{name}_ms"), seconds * 1000.0);
}
