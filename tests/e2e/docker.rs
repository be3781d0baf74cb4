//! The image and the compose files on a real Docker engine (see `tests/docker`).

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{environment, root};

/// What the script says where no engine runs and none can be started.
const SKIPPED: i32 = 77;

/// The binary that goes into the image: the one under test, or that of a release, which is what
/// users get.
fn binary() -> PathBuf {
    match std::env::var_os("OTTLA_IMAGE_BINARY") {
        Some(path) => root().join(path),
        None => PathBuf::from(env!("CARGO_BIN_EXE_ottla")),
    }
}

#[test]
fn the_image_does_what_users_of_kafkas_image_expect() {
    let script = root().join("tests/docker/run.sh");
    let mut command = Command::new("bash");
    command.arg(script).arg(binary()).arg(environment()).env("PYTHONDONTWRITEBYTECODE", "1");

    let output = command.output().expect("bash");

    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIPPED) {
        // Past the capture of libtest: nobody shall believe that the image was tried.
        let loud =
            format!("\n{said}THE IMAGE AND THE COMPOSE FILES WERE NOT TRIED\n{complained}\n");
        io::stderr().write_all(loud.as_bytes()).expect("standard error");
        return;
    }
    assert!(output.status.success(), "{}\n{said}\n{complained}", output.status);
}
