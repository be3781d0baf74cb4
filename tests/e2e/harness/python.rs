//! The Python environment of the tests: made once under `target`, found ready ever after.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{root, scratch};

/// Returns the interpreter of an environment that holds what `requirements.txt` names.
///
/// The first test to ask makes it, with the network; those that ask meanwhile wait for it. A
/// changed `requirements.txt` leads to a new environment in the place of the old one.
pub(crate) fn environment() -> PathBuf {
    let wanted = root().join("tests/e2e/python/requirements.txt");
    let wanted_text = fs::read_to_string(&wanted).expect("the list of Python packages");
    let folder = scratch().join("python");
    let marker = folder.join("installed.txt");
    let python = folder.join("bin/python");

    let lock = File::create(scratch().join("python.lock")).expect("a lock file");
    lock.lock().expect("the lock of the Python environment");
    if fs::read_to_string(&marker).is_ok_and(|installed| installed == wanted_text) {
        return python;
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).expect("the old environment goes");
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    install(&python, &wanted);
    fs::write(&marker, wanted_text).expect("a note of what is installed");
    python
}

fn install(python: &Path, wanted: &Path) {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    run(pip.args(["--only-binary", ":all:", "--requirement"]).arg(wanted));
}

fn run(command: &mut Command) {
    let hint = "the tests need python3 with its venv module (Debian: python3-venv) and the network";
    match command.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!(
            "{command:?} ended with {}; {hint}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(problem) => panic!("{command:?}: {problem}; {hint}"),
    }
}
