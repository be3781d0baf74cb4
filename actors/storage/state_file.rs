//! The file `log.state` in a log's folder: what of a log neither its batches nor a lost index say.
//!
//! Version byte 1 · log start i64 · cuts u32 · CRC-32C of all before. Written by DeleteRecords and
//! by truncation; before either is done, so that a rebuilt index brings nothing back.

use super::disk::Disk;
use super::index::Fields;
use crate::types::Offset;
use crc_fast::{CrcAlgorithm, checksum};
use std::io;
use std::path::Path;

const VERSION: u8 = 1;
/// Its name.
pub(super) const FILE: &str = "log.state";

/// What the file says; zeroes where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogState {
    pub(super) start: Offset,
    /// How often the log was truncated.
    pub(super) cuts: u32,
}

fn crc(bytes: &[u8]) -> u32 {
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, bytes)).unwrap_or(u32::MAX)
}

impl LogState {
    /// Reads it. A damaged one is an error: the log must not go on as if it had none.
    pub(super) fn read(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let Some(content) = disk.read_small(&dir.join(FILE))? else {
            return Ok(Self::default());
        };
        Self::decode(&content).ok_or_else(|| io::Error::other("log.state is damaged"))
    }

    fn decode(content: &[u8]) -> Option<Self> {
        let (body, sum) = content.split_last_chunk::<4>()?;
        if crc(body) != u32::from_be_bytes(*sum) {
            return None;
        }
        let mut fields = Fields(body);
        if fields.take()? != [VERSION] {
            return None;
        }
        Some(Self { start: fields.offset()?, cuts: fields.take().map(u32::from_be_bytes)? })
    }

    /// Replaces it; when this returns, it lasts.
    pub(super) fn write(self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let mut content = vec![VERSION];
        content.extend_from_slice(&self.start.to_wire().to_be_bytes());
        content.extend_from_slice(&self.cuts.to_be_bytes());
        let sum = crc(&content);
        content.extend_from_slice(&sum.to_be_bytes());
        disk.replace_small(&dir.join(FILE), &content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::RealDisk;

    #[test]
    fn the_file_reads_back_and_damage_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let state = LogState { start: Offset::clamped(77), cuts: 3 };
        state.write(&RealDisk, dir.path()).unwrap();

        assert_eq!(LogState::read(&RealDisk, dir.path()).unwrap(), state);

        let path = dir.path().join(FILE);
        let mut content = std::fs::read(&path).unwrap();
        content[3] ^= 1;
        std::fs::write(&path, content).unwrap();
        assert!(LogState::read(&RealDisk, dir.path()).is_err());
    }
}
