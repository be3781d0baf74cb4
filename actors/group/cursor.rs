//! Reads and writes the primitives that records of `__consumer_offsets` are made of.

use bytes::{BufMut, Bytes};
use std::fmt;

/// Bytes of the longest string that an i16 length can tell.
const STRING_MAX: usize = 32_767;

/// Why bytes are no record of `__consumer_offsets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// They end within a field, or a length is below zero.
    Short,
    /// A string is not UTF-8.
    Text,
    /// A value's version is not known.
    Version(i16),
    /// A name that no topic can have.
    Topic(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "record ends within a field"),
            Self::Text => write!(f, "record has a string that is not UTF-8"),
            Self::Version(version) => write!(f, "record has a value of version {version}"),
            Self::Topic(name) => write!(f, "record names a topic '{name}'"),
        }
    }
}

impl std::error::Error for RecordError {}

/// A position in a record's bytes. No length is believed before the bytes are there.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(RecordError::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(RecordError::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn i16(&mut self) -> Result<i16, RecordError> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, RecordError> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, RecordError> {
        self.array().map(i64::from_be_bytes)
    }

    fn unsigned_varint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::Short)
    }

    /// A length as the flexible versions write it; `None` for null.
    fn compact_length(&mut self) -> Result<Option<usize>, RecordError> {
        let raw = self.unsigned_varint()?;
        Ok(raw.checked_sub(1).map(|length| usize::try_from(length).unwrap_or(usize::MAX)))
    }

    pub(super) fn nullable(&mut self, flexible: bool) -> Result<Option<String>, RecordError> {
        let length = if flexible {
            self.compact_length()?
        } else {
            match self.i16()? {
                -1 => None,
                length => Some(usize::try_from(length).map_err(|_| RecordError::Short)?),
            }
        };
        let Some(length) = length else { return Ok(None) };
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| RecordError::Text)?;
        Ok(Some(text.to_owned()))
    }

    pub(super) fn string(&mut self, flexible: bool) -> Result<String, RecordError> {
        self.nullable(flexible)?.ok_or(RecordError::Short)
    }

    /// The number of elements of an array. Whether they are there shows when they are read.
    pub(super) fn count(&mut self, flexible: bool) -> Result<usize, RecordError> {
        if flexible {
            return self.compact_length()?.ok_or(RecordError::Short);
        }
        usize::try_from(self.i32()?).map_err(|_| RecordError::Short)
    }

    pub(super) fn bytes(&mut self, flexible: bool) -> Result<Bytes, RecordError> {
        let length = self.count(flexible)?;
        self.take(length).map(Bytes::copy_from_slice)
    }

    pub(super) fn skip_tags(&mut self) -> Result<(), RecordError> {
        for _ in 0..self.unsigned_varint()? {
            self.unsigned_varint()?;
            let length = self.unsigned_varint()?;
            self.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }
}

/// A string: i16 length, UTF-8. Longer ones are cut; Kafka's own codec refuses them on the wire.
pub(super) fn put_string(to: &mut Vec<u8>, text: &str) {
    let (text, _) = text.split_at(text.floor_char_boundary(STRING_MAX));
    to.put_i16(i16::try_from(text.len()).unwrap_or(i16::MAX));
    to.put_slice(text.as_bytes());
}

pub(super) fn put_nullable(to: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_string(to, text),
        None => to.put_i16(-1),
    }
}

pub(super) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
    to.put_slice(bytes);
}
