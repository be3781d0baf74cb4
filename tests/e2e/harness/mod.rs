//! What every test stands on: a broker process, a Python environment, scripts that drive the two.

mod broker;
mod client;
mod page;
mod preload;
mod python;
mod script;
mod shell;
mod subprocess;

pub(crate) use broker::{Broker, PATIENCE, free_port, run_to_end, serve};
pub(crate) use client::{Client, answer_of, connect, frame_of, read_frame, sized, text};
pub(crate) use page::{broker_with_page, get, samples, value};
pub(crate) use preload::preload;
pub(crate) use python::environment;
pub(crate) use script::{functions, run};
pub(crate) use shell::Shell;
pub(crate) use subprocess::Subprocess;

use std::path::PathBuf;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Where tests may write: a folder under `target`.
pub(crate) fn scratch() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}
