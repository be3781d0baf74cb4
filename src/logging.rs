//! The log: one line an event on standard output, key-values before the text.

use std::io::{self, Write as _};

use env_logger::{Builder, Env, Target};
use log::kv::{Error, Key, Value, VisitSource};

/// Opens the log. It goes to standard output, where tools that wait for a container to be ready
/// look for its lines. `RUST_LOG` decides what is written; without it Kafka's variable for the level of
/// the root logger does, and without that everything from `info` on.
pub fn open() {
    let level = std::env::var("KAFKA_LOG4J_ROOT_LOGLEVEL").unwrap_or_default();
    let filter = match level.to_ascii_uppercase().as_str() {
        "OFF" => "off",
        "FATAL" | "ERROR" => "error",
        "WARN" => "warn",
        "DEBUG" => "debug",
        "TRACE" | "ALL" => "trace",
        // The index tells of each table that it writes, the HTTP server of each of its threads.
        _ => "info,fjall=warn,lsm_tree=warn,actix_server=warn",
    };
    Builder::from_env(Env::default().default_filter_or(filter))
        .target(Target::Stdout)
        .format(|out, record| {
            let style = out.default_level_style(record.level());
            write!(out, "{} {style}{:5}{style:#}", out.timestamp_millis(), record.level())?;
            write!(out, " {}", record.target())?;
            let pairs = record.key_values();
            pairs.visit(&mut Pairs(out)).map_err(io::Error::other)?;
            writeln!(out, " {}", record.args())
        })
        .init();
}

/// Writes ` key=value` for each pair.
struct Pairs<'a>(&'a mut env_logger::fmt::Formatter);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        write!(self.0, " {key}={value}")?;
        Ok(())
    }
}
