//! A small library between a process and the system, to make the system fail or lie.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Compiles `source`, C, into a library in `folder`; its path is what `LD_PRELOAD` takes.
pub(crate) fn preload(folder: &Path, source: &str) -> String {
    let (file, library) = (folder.join("between.c"), folder.join("between.so"));
    fs::write(&file, source).expect("a source file");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).arg("-ldl");
    assert!(compiler.status().expect("a C compiler").success(), "{compiler:?}");
    library.display().to_string()
}
