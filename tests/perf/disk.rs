//! What a folder takes of its disk.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes allocated to the files below `folder`. Files that go away meanwhile count nothing.
pub(crate) fn allocated_bytes(folder: &Path) -> u64 {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return 0,
        Err(error) => unreachable!("{} cannot be read: {error}", folder.display()),
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => {
            metadata.blocks() * 512 + allocated_bytes(&entry.path())
        }
        Ok(metadata) => metadata.blocks() * 512,
        Err(_) => 0,
    };
    entries.filter_map(Result::ok).map(size).sum()
}
