//! Checks what the compiler does not: which folder may use which, and how long a file may grow.
#![expect(clippy::expect_used, reason = "a test may stop")]

use std::fs;
use std::path::{Path, PathBuf};

/// Folders of `actors/`, top to bottom. Read it as the map of the broker: a request falls through
/// it downwards, each folder uses those below it alone, and nothing below knows what lies above.
/// `group` and `controller` stand side by side: neither may use the other.
const LAYERS: &[&[&str]] = &[
    &["connection"],
    &["dispatch"],
    &["group", "controller"],
    &["registry"],
    &["partition"],
    &["quota"],
    &["runtime"],
    &["storage"],
    &["wire"],
    &["machine"],
    &["sasl"],
    &["types"],
];

/// What a state machine must not touch, for else no simulation can replay it.
const IMPURE: &[&str] = &[
    "actix",
    "tokio",
    "fjall",
    "std::fs",
    "std::net",
    "std::thread",
    "Instant",
    "SystemTime",
    "HashMap",
];

const FILE_LINES_MAX: usize = 500;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The part before the tests.
    fn logic(&self) -> &str {
        self.text.split("#[cfg(test)]").next().unwrap_or_default()
    }
    fn folder(&self) -> &str {
        self.path.iter().nth(1).and_then(|part| part.to_str()).unwrap_or_default()
    }
}

fn sources(root: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(root).expect("a folder of the workspace") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            sources(path.to_str().expect("UTF-8"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            found.push(Source { path, text });
        }
    }
}

/// How far down a folder lies.
fn layer_of(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&folder))
}

fn complaints(source: &Source) -> Vec<String> {
    let path = source.path.display();
    let mut found = Vec::new();
    if !source.text.starts_with("//!") {
        found.push(format!("{path}: say in a `//!` line what this file is for"));
    }
    let lines = source.logic().lines().count();
    if lines > FILE_LINES_MAX {
        found.push(format!("{path}: {lines} lines; split it at {FILE_LINES_MAX}"));
    }
    let Some(layer) = layer_of(source.folder()) else {
        return found;
    };
    for (number, line) in source.logic().lines().enumerate() {
        for (at, word) in line.match_indices("crate::") {
            let used = &line[at + word.len()..];
            let module: String =
                used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            let is_own = module == source.folder();
            if !is_own && layer_of(&module).is_some_and(|below| below <= layer) {
                found.push(format!(
                    "{path}:{}: {} may not use {module}",
                    number + 1,
                    source.folder()
                ));
            }
        }
        let pure = source.path.iter().any(|part| part == "machine" || part == "machine.rs");
        if pure && !line.trim_start().starts_with("//") {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                found.push(format!("{path}:{}: a state machine may not use {word}", number + 1));
            }
        }
    }
    found
}

#[test]
fn every_folder_has_its_layer() {
    for entry in fs::read_dir("actors").expect("a folder of the workspace") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
        // Benchmarks stand outside and use all of them.
        if path.is_dir() && name != "benches" {
            assert!(layer_of(name).is_some(), "give actors/{name} its place in LAYERS");
        }
    }
}

#[test]
fn the_tree_is_tidy() {
    assert!(Path::new("actors/lib.rs").exists(), "run from the repository's root");
    let mut found = Vec::new();
    sources("actors", &mut found);
    sources("src", &mut found);
    let complaints: Vec<String> = found.iter().flat_map(complaints).collect();
    if !complaints.is_empty() {
        panic!("\n{}", complaints.join("\n"));
    }
}
