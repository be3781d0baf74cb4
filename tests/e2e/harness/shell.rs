//! A folder with commands in it: the tools, run as a person at a terminal runs them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Broker, PATIENCE, Subprocess, scratch};

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A folder to write in, and commands that run there.
pub(crate) struct Shell {
    folder: TempDir,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir_in(scratch()).expect("a folder to write in") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("a file");
        self.path(name).display().to_string()
    }

    pub(crate) fn command(&self, program: &Path, words: &[&str], input: &str) -> Command {
        let mut command = Command::new(program);
        self.write("in", input);
        command.args(words).current_dir(self.folder.path());
        command.stdin(File::open(self.path("in")).expect("its input"));
        for (name, _) in std::env::vars_os() {
            if let Some("KAFKA_" | "OTTLA_") = name.to_str().and_then(|name| name.get(..6)) {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn run_program(&self, program: &Path, words: &[&str], input: &str) -> Ended {
        let mut command = self.command(program, words, input);
        command.stdout(File::create(self.path("out")).expect("a file"));
        command.stderr(File::create(self.path("err")).expect("a file"));
        let status = Subprocess::start(&mut command).wait(PATIENCE);
        let said = |name| fs::read_to_string(self.path(name)).expect("text");
        let (out, err) = (said("out"), said("err"));
        let status = status.unwrap_or_else(|| panic!("{words:?} does not end:\n{out}{err}"));
        assert!(!err.contains("panicked"), "{words:?}: {err}");
        Ended { code: status.code(), out, err }
    }

    /// `ottla` with these words, standard input and all.
    pub(crate) fn run(&self, words: &[&str], input: &str) -> Ended {
        self.run_program(Path::new(env!("CARGO_BIN_EXE_ottla")), words, input)
    }

    /// A tool against a broker, which has to succeed; what it wrote.
    pub(crate) fn ask(&self, broker: &Broker, words: &str, input: &str) -> String {
        let server = broker.address().to_string();
        let mut all: Vec<&str> = words.split(' ').collect();
        all.extend(["--bootstrap-server", &server]);
        let ended = self.run(&all, input);
        assert_eq!(ended.code, Some(0), "{words}: {}{}", ended.out, ended.err);
        ended.out
    }
}
