//! Records of a batch: a walk that borrows, and allocates nothing by what a peer announced.
//!
//! | field | |
//! |---|---|
//! | varint | length of the record, in bytes after this field |
//! | i8 | attributes, unused |
//! | varlong | timestamp, from the batch's base timestamp on, ms |
//! | varint | offset, from the batch's base offset on |
//! | varint, bytes | key; length -1 is null |
//! | varint, bytes | value; length -1 is null |
//! | varint | count of headers; each: varint, key; varint, value (-1 is null) |

use super::batch::{BatchHeader, HEADER_BYTES, HeaderError};
use super::compression::{CompressionError, decompress};
use super::cursor::{Cursor, Malformed};
use crate::types::Codec;
use std::borrow::Cow;
use std::fmt;

/// Fewest bytes of a record: length, attributes, two deltas, key, value, count of headers.
pub const RECORD_BYTES_MIN: usize = 7;

/// One record, as it stands in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Offset, from the batch's base offset on.
    pub offset_delta: i32,
    /// Timestamp, from the batch's base timestamp on, in ms.
    pub timestamp_delta: i64,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value; none is a tombstone in a compacted topic.
    pub value: Option<&'a [u8]>,
    header_count: i32,
    headers: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads the record at the front of `rest`, headers included, and leaves what follows it.
    fn read(rest: &mut Cursor<'a>) -> Result<Self, RecordsError> {
        let start = rest.rest();
        let length = rest.varint().map_err(RecordsError::Record)?;
        let length = usize::try_from(length)
            .map_err(|_| RecordsError::Record(Malformed::Negative(length)))?;
        let body = rest.take(length).map_err(|_| RecordsError::EarlyEnd)?;
        let raw = start.get(..start.len() - rest.left()).unwrap_or_default();
        Self::read_body(body, raw).map_err(RecordsError::Record)
    }

    fn read_body(body: &'a [u8], raw: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Cursor::new(body);
        body.skip(1)?;
        let timestamp_delta = body.varlong()?;
        let offset_delta = body.varint()?;
        let key = nullable_bytes(&mut body)?;
        let value = nullable_bytes(&mut body)?;
        let header_count = body.varint()?;
        if header_count < 0 {
            return Err(Malformed::Negative(header_count));
        }
        let headers = body.rest();
        for _ in 0..header_count {
            read_header(&mut body)?;
        }
        if body.left() > 0 {
            return Err(Malformed::Beyond { announced: raw.len(), left: body.left() });
        }
        Ok(Self { offset_delta, timestamp_delta, key, value, header_count, headers, raw })
    }

    /// Its headers in order, doubles included.
    #[must_use]
    pub const fn headers(&self) -> Headers<'a> {
        Headers { left: self.header_count, rest: Cursor::new(self.headers) }
    }

    /// All its bytes, length included.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }
}

fn nullable_bytes<'a>(from: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match Cursor::nullable(from.varint()?)? {
        None => Ok(None),
        Some(length) => from.take(length).map(Some),
    }
}

fn read_header<'a>(from: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let length = from.varint()?;
    let length = usize::try_from(length).map_err(|_| Malformed::Negative(length))?;
    let key = from.take(length)?;
    let value = nullable_bytes(from)?;
    Ok(Header { key, value })
}

/// A header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name; UTF-8 by the protocol, which nobody checks.
    pub key: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// Headers of one record.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    left: i32,
    rest: Cursor<'a>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.left <= 0 {
            return None;
        }
        self.left -= 1;
        // The record was read before, so its headers can be.
        read_header(&mut self.rest).ok()
    }
}

/// A batch whose records can be walked, decompressed where it was compressed.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    /// The batch's header.
    pub header: BatchHeader,
    bytes: Cow<'a, [u8]>,
}

impl<'a> Records<'a> {
    /// Opens the batch at the front of `batch`. Decompresses at most `budget_bytes`; the CRC is
    /// not looked at.
    ///
    /// # Errors
    /// No whole batch, an unknown codec, damaged or too much compressed data.
    pub fn open(batch: &'a [u8], budget_bytes: usize) -> Result<Self, RecordsError> {
        let header = BatchHeader::parse(batch)?;
        let records = batch.get(HEADER_BYTES..header.size_bytes).ok_or(RecordsError::EarlyEnd)?;
        let codec = Codec::from_attributes(header.attributes)
            .ok_or_else(|| RecordsError::UnknownCodec(header.codec()))?;
        let bytes = match codec {
            Codec::None => Cow::Borrowed(records),
            Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => {
                Cow::Owned(decompress(codec, records, budget_bytes)?)
            }
        };
        Ok(Self { header, bytes })
    }

    /// The records in order; after the first error no more.
    #[must_use]
    pub fn iter(&self) -> RecordIter<'_> {
        RecordIter {
            header: self.header,
            left: self.header.record_count,
            rest: Cursor::new(&self.bytes),
            failed: false,
        }
    }

    /// The records' bytes, decompressed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A record with its place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlacedRecord<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Timestamp in ms; -1 is none. With LogAppendTime the batch's max timestamp.
    pub timestamp: i64,
    /// The record.
    pub record: Record<'a>,
}

/// Walks the records of a batch, exactly as many as it says it has.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: BatchHeader,
    left: i32,
    rest: Cursor<'a>,
    failed: bool,
}

impl<'a> RecordIter<'a> {
    fn read(&mut self) -> Result<PlacedRecord<'a>, RecordsError> {
        if self.rest.left() == 0 {
            return Err(RecordsError::EarlyEnd);
        }
        let record = Record::read(&mut self.rest)?;
        if self.left == 0 && self.rest.left() > 0 {
            return Err(RecordsError::BytesLeft(self.rest.left()));
        }
        let offset = self
            .header
            .base_offset
            .checked_add(i64::from(record.offset_delta))
            .ok_or(RecordsError::Overflow)?;
        let timestamp = if self.header.is_log_append_time() {
            self.header.max_timestamp
        } else {
            self.header
                .base_timestamp
                .checked_add(record.timestamp_delta)
                .ok_or(RecordsError::Overflow)?
        };
        Ok(PlacedRecord { offset, timestamp, record })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<PlacedRecord<'a>, RecordsError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 || self.failed {
            return None;
        }
        self.left -= 1;
        let read = self.read();
        self.failed = read.is_err();
        Some(read)
    }
}

/// Why the records of a batch cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordsError {
    /// No batch header.
    Header(HeaderError),
    /// Codec 5, 6 or 7.
    UnknownCodec(i16),
    /// The compressed data is damaged or too much.
    Compression(CompressionError),
    /// Fewer records, or bytes, than the batch says.
    EarlyEnd,
    /// Bytes behind the last record.
    BytesLeft(usize),
    /// A record's own lengths do not fit.
    Record(Malformed),
    /// An offset or timestamp beyond 64 bits.
    Overflow,
}

impl From<HeaderError> for RecordsError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<CompressionError> for RecordsError {
    fn from(error: CompressionError) -> Self {
        Self::Compression(error)
    }
}

impl fmt::Display for RecordsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => error.fmt(f),
            Self::UnknownCodec(codec) => write!(f, "unknown compression codec {codec}"),
            Self::Compression(error) => error.fmt(f),
            Self::EarlyEnd => write!(f, "batch ends before its last record"),
            Self::BytesLeft(count) => write!(f, "{count} bytes follow the batch's last record"),
            Self::Record(malformed) => write!(f, "malformed record: {malformed}"),
            Self::Overflow => write!(f, "offset or timestamp of a record is beyond 64 bits"),
        }
    }
}

impl std::error::Error for RecordsError {}

#[cfg(test)]
#[path = "records_test.rs"]
mod tests;
