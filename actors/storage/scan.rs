//! Walks the batches of a file by their headers.

use super::disk::DiskFile;
use crate::wire::{BatchHeader, HEADER_BYTES, crc_of};
use std::io;
use std::sync::Arc;

/// Read at once where only headers are wanted: many small batches, or one jump over a large one.
const HEADERS_WINDOW_BYTES: usize = 16 << 10;
/// Read at once where whole batches are wanted.
const WHOLE_WINDOW_BYTES: usize = 256 << 10;

/// What a walk looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Headers alone.
    Headers,
    /// The whole batch, and its checksum.
    Checked,
}

/// One step of a walk.
#[derive(Debug)]
pub(super) enum Step {
    /// A batch that begins at `position`.
    Batch { header: BatchHeader, position: u64 },
    /// No batch, or only a part of one.
    Bad,
    /// The end.
    End,
}

/// A walk through `file` up to byte `limit`.
pub(super) struct Walk {
    file: Arc<dyn DiskFile>,
    look: Look,
    position: u64,
    limit: u64,
    buffer: Vec<u8>,
    buffered: usize,
    buffer_at: u64,
}

impl Walk {
    /// Starts at a byte where a batch begins.
    pub(super) fn new(file: Arc<dyn DiskFile>, look: Look, position: u64, limit: u64) -> Self {
        Self { file, look, position, limit, buffer: Vec::new(), buffered: 0, buffer_at: position }
    }

    /// Where the next step looks: behind the last good batch.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The bytes of the batch whose step was just taken; whole only with [`Look::Checked`].
    pub(super) fn batch(&self, position: u64, bytes: usize) -> &[u8] {
        let from = usize::try_from(position.saturating_sub(self.buffer_at)).unwrap_or(usize::MAX);
        self.buffer.get(from..from.saturating_add(bytes)).unwrap_or_default()
    }

    /// Makes sure that `bytes` from the position on are in the buffer; fewer at the limit.
    fn fill(&mut self, bytes: usize) -> io::Result<&[u8]> {
        let left = usize::try_from(self.limit - self.position).unwrap_or(usize::MAX);
        let bytes = bytes.min(left);
        let have = (self.buffer_at + self.buffered as u64).saturating_sub(self.position);
        if self.position < self.buffer_at || have < bytes as u64 {
            let window = match self.look {
                Look::Headers => HEADERS_WINDOW_BYTES,
                Look::Checked => WHOLE_WINDOW_BYTES,
            };
            let want = bytes.max(window.min(left));
            if self.buffer.len() < want {
                self.buffer.resize(want, 0);
            }
            let into = self.buffer.get_mut(..want).unwrap_or_default();
            self.buffered = self.file.read_at(into, self.position)?;
            self.buffer_at = self.position;
        }
        let from = usize::try_from(self.position - self.buffer_at).unwrap_or(usize::MAX);
        let to = self.buffered.min(from.saturating_add(bytes));
        Ok(self.buffer.get(from..to).unwrap_or_default())
    }

    /// Takes the next step.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        if self.position >= self.limit {
            return Ok(Step::End);
        }
        let position = self.position;
        let left = self.limit - position;
        let Ok(header) = BatchHeader::parse(self.fill(HEADER_BYTES)?) else {
            return Ok(Step::Bad);
        };
        let plausible = header.size_bytes as u64 <= left
            && header.base_offset >= 0
            && header.last_offset_delta >= 0;
        if !plausible {
            return Ok(Step::Bad);
        }
        if self.look == Look::Checked {
            let batch = self.fill(header.size_bytes)?;
            if batch.len() < header.size_bytes || crc_of(batch) != header.crc {
                return Ok(Step::Bad);
            }
        }
        self.position += header.size_bytes as u64;
        Ok(Step::Batch { header, position })
    }
}
