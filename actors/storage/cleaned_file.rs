//! The cleaned copy of segments while it is being written.

use super::disk::{DiskFile, OpenMode};
use super::index::{PlaceRow, SegmentRow};
use super::log::Log;
use super::recover_log::take;
use super::segment::{Segment, file_name};
use crate::types::Offset;
use crate::wire::BatchHeader;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

/// Written at once.
const BUFFER_BYTES: usize = 1 << 20;

pub(super) struct CleanedFile {
    log: Log,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    buffer: Vec<u8>,
    written: u64,
    row: SegmentRow,
    places: Vec<PlaceRow>,
    place_at: u64,
}

impl CleanedFile {
    /// Begins the copy that will be the segment at `base`.
    pub(super) fn create(log: &Log, base: Offset) -> io::Result<Self> {
        let path = log.0.dir.join(format!("{}.cleaned", file_name(base)));
        let file = log.0.shared.disk.open(&path, OpenMode::Create)?;
        file.truncate(0)?;
        let row = Segment::new(&log.0.dir, base).row();
        Ok(Self {
            log: log.clone(),
            path,
            file,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            written: 0,
            row,
            places: Vec::new(),
            place_at: 0,
        })
    }

    /// Adds a batch.
    pub(super) fn push(&mut self, header: &BatchHeader, batch: &[u8]) -> io::Result<()> {
        let position = self.written + self.buffer.len() as u64;
        if position >= self.place_at {
            self.places.push(PlaceRow {
                offset: Offset::clamped(header.base_offset),
                segment: self.row.base,
                position,
                max_timestamp_before: self.row.max_timestamp,
            });
            self.place_at = position + u64::from(self.log.0.shared.options.index_interval_bytes);
        }
        take(&mut self.row, header, position);
        self.buffer.extend_from_slice(batch);
        if self.buffer.len() >= BUFFER_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all_at(&mut [IoSlice::new(&self.buffer)], self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Nothing has changed: the copy is not needed.
    pub(super) fn discard(self) -> io::Result<()> {
        self.log.0.shared.disk.remove_file(&self.path)
    }

    /// Syncs it; the segment it will be, where its file lies, and its places.
    pub(super) fn finish(
        mut self,
        end: Offset,
        modified_ms: i64,
    ) -> io::Result<(Arc<Segment>, PathBuf, Vec<PlaceRow>)> {
        self.write()?;
        self.file.sync()?;
        let segment = Arc::new(Segment::new(&self.log.0.dir, self.row.base));
        segment.describe(&SegmentRow { end, ..self.row });
        segment.set_modified(modified_ms);
        Ok((segment, self.path, self.places))
    }
}
