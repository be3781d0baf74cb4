//! The `ottla` process.
fn main() {}
