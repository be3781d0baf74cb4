//! Whose a data folder is: its lock, `meta.properties` and the mark of an orderly stop.

use super::disk::Disk;
use super::error::OpenError;
use super::options::StorageOptions;
use crate::types::{NodeId, Uuid};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Newest format that this release reads and writes.
const FORMAT_VERSION: u32 = 1;
const META_FILE: &str = "meta.properties";
const LOCK_FILE: &str = ".lock";
const CLEAN_FILE: &str = ".clean-shutdown";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Who a data folder belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaProperties {
    /// Cluster id, 22 characters where it was made here.
    pub cluster_id: String,
    /// `node.id`.
    pub node_id: NodeId,
    /// This folder's own id.
    pub directory_id: Uuid,
    /// How often it was opened, this time included.
    pub boot_count: u64,
    /// Format of the folder.
    pub format_version: u32,
}

/// A UUID as Kafka writes it: 22 characters of unpadded URL-safe base64.
#[must_use]
pub(super) fn kafka_uuid(id: Uuid) -> String {
    let raw = id.as_u128();
    // 128 bits in 22 digits of 6, the last with 4 bits of padding.
    (0..22_u32)
        .map(|digit| {
            let bits = if digit == 21 { raw << 4 } else { raw >> (122 - 6 * digit) };
            let at = usize::try_from(bits & 63).unwrap_or(0);
            char::from(ALPHABET.get(at).copied().unwrap_or(b'A'))
        })
        .collect()
}

fn parse_kafka_uuid(text: &str) -> Option<Uuid> {
    if text.len() != 22 {
        return None;
    }
    let mut raw: u128 = 0;
    for (at, digit) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|letter| *letter == digit)?;
        let value = u128::try_from(value).ok()?;
        raw = if at == 21 { raw << 2 | value >> 4 } else { raw << 6 | value };
    }
    Some(Uuid::from_u128(raw))
}

/// Makes the folder and takes its lock, which lasts as long as the file is open.
pub(super) fn lock_dir(dir: &Path) -> Result<File, OpenError> {
    if dir.exists() && !dir.is_dir() {
        return Err(OpenError::NotADirectory(dir.to_owned()));
    }
    std::fs::create_dir_all(dir).map_err(|error| OpenError::from_io(dir, error))?;
    let path = dir.join(LOCK_FILE);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| OpenError::from_io(dir, error))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Locked(dir.to_owned())),
        Err(error) => Err(OpenError::from_io(dir, error.into())),
    }
}

/// What the folder said of itself, before this start was noted.
pub(super) struct Identity {
    pub(super) meta: MetaProperties,
    /// It was closed in order.
    pub(super) clean: bool,
}

/// Reads and checks `meta.properties`, or makes it; notes this start; takes the clean mark away.
pub(super) fn identify(disk: &dyn Disk, options: &StorageOptions) -> Result<Identity, OpenError> {
    let dir = &options.dir;
    let in_dir = |error| OpenError::from_io(dir, error);
    let path = dir.join(META_FILE);
    let meta = match disk.read_small(&path).map_err(in_dir)? {
        Some(content) => parse(&content, dir)?,
        None => fresh(options),
    };
    if let Some(expected) = options.cluster_id.clone().filter(|id| *id != meta.cluster_id) {
        let found = meta.cluster_id;
        return Err(OpenError::OtherCluster { dir: dir.clone(), found, expected });
    }
    if meta.node_id != options.node_id {
        let (found, expected) = (meta.node_id, options.node_id);
        return Err(OpenError::OtherNode { dir: dir.clone(), found, expected });
    }
    let clean_path = dir.join(CLEAN_FILE);
    let clean = disk.exists(&clean_path);
    let meta = MetaProperties { boot_count: meta.boot_count + 1, ..meta };
    if clean {
        disk.remove_file(&clean_path).map_err(in_dir)?;
    }
    match disk.replace_small(&path, print(&meta).as_bytes()) {
        // A full disk must not keep anyone from reading; only the count of starts is behind.
        Err(error) if error.kind() == io::ErrorKind::StorageFull && meta.boot_count > 1 => {}
        result => result.map_err(in_dir)?,
    }
    Ok(Identity { meta, clean })
}

/// Says that the folder was closed in order.
pub(super) fn mark_clean(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    disk.replace_small(&dir.join(CLEAN_FILE), b"\n")
}

fn fresh(options: &StorageOptions) -> MetaProperties {
    MetaProperties {
        cluster_id: options.cluster_id.clone().unwrap_or_else(|| kafka_uuid(Uuid::new_v4())),
        node_id: options.node_id,
        directory_id: Uuid::new_v4(),
        boot_count: 0,
        format_version: FORMAT_VERSION,
    }
}

fn parse(content: &[u8], dir: &Path) -> Result<MetaProperties, OpenError> {
    let text = String::from_utf8_lossy(content);
    let rows: BTreeMap<&str, &str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim()))
        .collect();
    let damaged = |what: String| OpenError::Meta { dir: dir.to_owned(), what };
    let row =
        |name: &str| rows.get(name).copied().ok_or_else(|| damaged(format!("{name} is missing")));
    let number = |name: &str| {
        let value = row(name)?;
        value.parse::<i64>().map_err(|_| damaged(format!("{name} is '{value}'")))
    };
    let format_version = u32::try_from(number("format.version")?).unwrap_or(u32::MAX);
    if format_version > FORMAT_VERSION {
        let (found, known) = (format_version, FORMAT_VERSION);
        return Err(OpenError::NewerFormat { dir: dir.to_owned(), found, known });
    }
    let node_id = i32::try_from(number("node.id")?)
        .map_err(|_| damaged("node.id is out of range".to_owned()))?;
    let directory_id = parse_kafka_uuid(row("directory.id")?)
        .ok_or_else(|| damaged("directory.id is no id".to_owned()))?;
    Ok(MetaProperties {
        cluster_id: row("cluster.id")?.to_owned(),
        node_id: NodeId(node_id),
        directory_id,
        boot_count: u64::try_from(number("boot.count")?).unwrap_or(0),
        format_version,
    })
}

fn print(meta: &MetaProperties) -> String {
    let MetaProperties { cluster_id, node_id, directory_id, boot_count, format_version } = meta;
    format!(
        "version=1\ncluster.id={cluster_id}\nnode.id={}\ndirectory.id={}\n\
         format.version={format_version}\nboot.count={boot_count}\n",
        node_id.0,
        kafka_uuid(*directory_id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_they_were_printed() {
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);

        assert_eq!(kafka_uuid(id), "ASNFZ4mrze_-3LqYdlQyEA");
        assert_eq!(parse_kafka_uuid("ASNFZ4mrze_-3LqYdlQyEA"), Some(id));
    }
}
