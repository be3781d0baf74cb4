//! A whole log, batch by batch: what a coordinator or the controller begins with.

use super::error::ReadError;
use super::log::Log;
use crate::types::Offset;
use crate::wire::BatchHeader;
use bytes::{Bytes, BytesMut};
use std::io;

/// Bytes read at a time.
const LOAD_BYTES: usize = 4 * 1024 * 1024;

impl Log {
    /// Hands every batch to `take`, oldest first, up to the end that the log has at the start.
    /// Blocks.
    ///
    /// # Errors
    /// Offline, damage, the disk, or what `take` says of a batch.
    pub fn load<E: From<ReadError>>(
        &self,
        mut take: impl FnMut(&BatchHeader, Bytes) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut from, end) = (self.log_start_offset(), self.log_end_offset());
        let mut cursor = None;
        while from < end {
            let chunk = self.read_blocking(from, Offset::MAX, LOAD_BYTES, true, &mut cursor)?;
            if chunk.bytes == 0 {
                let nothing = format!("nothing to read at offset {from} of {end}");
                return Err(ReadError::Io(io::Error::other(nothing)).into());
            }
            let mut bytes = BytesMut::with_capacity(chunk.bytes);
            chunk.parts.iter().for_each(|part| bytes.extend_from_slice(part));
            let mut bytes = bytes.freeze();
            while !bytes.is_empty() {
                let header = BatchHeader::parse(&bytes)
                    .map_err(|error| ReadError::Io(io::Error::other(error)))?;
                take(&header, bytes.split_to(header.size_bytes.min(bytes.len())))?;
            }
            from = chunk.next_offset;
        }
        Ok(())
    }
}
