//! Walks a request over a table of its shape before the codec decodes it.
//!
//! The codec reserves what a peer announces: 17 bytes of Metadata v0 would make it ask for 128
//! GiB, which ends the process, before anyone has authenticated. So no count or length may exceed
//! the bytes that are left, and what the decoded form would take, element by element, is summed up
//! and bounded too: well-formed frames of empty elements grow 40-fold otherwise. The walk itself
//! allocates nothing. `shape/` holds the tables; their test is the codec's own encoder.

mod admin;
mod data;
mod groups;
mod security;
mod table;

use super::cursor::{Cursor, Malformed};
use bytes::Bytes;
use kafka_protocol::protocol::Request;
use std::fmt;
use table::{Field, Kind, Shape};

/// The decoded form of a request may take this many times the bytes of its body.
pub const DECODED_RATIO_MAX: usize = 8;
/// The decoded form of a request may always take this many bytes, however small its body is.
pub const DECODED_BYTES_MIN: usize = 64 * 1024;

/// Memory that the first unknown tagged field of a structure takes: a leaf of its map.
const FIRST_TAG_BYTES: usize = 512;
/// Memory that a further one takes: its share of a leaf that is half full, and of those above.
const NEXT_TAG_BYTES: usize = 128;

/// Decodes the body of a request, after a walk over its shape. Bytes behind the body are ignored,
/// as Kafka ignores them.
///
/// # Errors
/// The API is not in the tables, the version is not one that the codec decodes, or the bytes are
/// no such request. The connection is to be closed.
pub fn decode<Q: Request>(api_key: i16, version: i16, body: Bytes) -> Result<Q, DecodeError> {
    assert_eq!(api_key, Q::KEY, "a request is decoded as another API's");
    let mut body = body;
    let left = check(api_key, version, &body)?;
    if left > 0 {
        log::debug!(api_key, version, bytes = left; "bytes follow the request, ignored");
    }
    Q::decode(&mut body, version).map_err(|error| DecodeError::Codec(error.to_string()))
}

/// Walks the body of a request; gives the count of bytes behind it.
///
/// # Errors
/// As [`decode`], but for texts that are not UTF-8.
pub fn check(api_key: i16, version: i16, body: &[u8]) -> Result<usize, DecodeError> {
    let shape = shape_of(api_key).ok_or(DecodeError::UnknownApi(api_key))?;
    if !shape.has_version(version) {
        return Err(DecodeError::UnknownVersion { api_key, version });
    }
    let budget = body.len().saturating_mul(DECODED_RATIO_MAX).max(DECODED_BYTES_MIN);
    let is_flexible = shape.is_flexible(version);
    let mut walk = Walk { cursor: Cursor::new(body), version, is_flexible, budget, left: budget };
    walk.structure(shape.fields)?;
    Ok(walk.cursor.left())
}

fn shape_of(api_key: i16) -> Option<&'static Shape> {
    let tables = [data::SHAPES, groups::SHAPES, admin::SHAPES, security::SHAPES];
    tables.into_iter().flatten().find(|shape| shape.api_key == api_key)
}

/// A walk on its way.
struct Walk<'a> {
    cursor: Cursor<'a>,
    version: i16,
    is_flexible: bool,
    budget: usize,
    /// Bytes of the budget that are left.
    left: usize,
}

impl Walk<'_> {
    fn structure(&mut self, fields: &'static [Field]) -> Result<(), DecodeError> {
        for field in fields {
            if field.tag.is_none() && field.is_in(self.version) {
                self.field(field)?;
            }
        }
        if self.is_flexible { self.tagged_fields(fields) } else { Ok(()) }
    }

    fn field(&mut self, field: &'static Field) -> Result<(), DecodeError> {
        let at = |malformed| DecodeError::Malformed { field: field.name, malformed };
        let read = match field.kind {
            Kind::Fixed(bytes) => return self.cursor.skip(bytes).map_err(at),
            Kind::Structure(fields) => return self.structure(fields),
            Kind::Optional(fields) => {
                let [is_there] = self.cursor.array().map_err(at)?;
                return if is_there == 1 { self.structure(fields) } else { Ok(()) };
            }
            Kind::Text => self.text_length(),
            Kind::Bytes | Kind::Numbers(_) | Kind::Texts | Kind::Structures { .. } => self.length(),
        };
        let Some(count) = read.map_err(at)? else {
            let is_nullable = self.version >= field.null_from;
            return if is_nullable { Ok(()) } else { Err(DecodeError::Null { field: field.name }) };
        };
        match field.kind {
            Kind::Text | Kind::Bytes | Kind::Fixed(_) | Kind::Structure(_) | Kind::Optional(_) => {
                self.cursor.skip(count).map_err(at)
            }
            Kind::Numbers(bytes) => {
                let all = count.saturating_mul(bytes);
                self.cursor.skip(all).map_err(at)?;
                self.spend(all)
            }
            Kind::Texts => {
                self.announce(count).map_err(at)?;
                self.spend(count.saturating_mul(size_of::<Bytes>()))?;
                for _ in 0..count {
                    let length = self.text_length().map_err(at)?;
                    let length = length.ok_or(DecodeError::Null { field: field.name })?;
                    self.cursor.skip(length).map_err(at)?;
                }
                Ok(())
            }
            Kind::Structures { decoded_bytes, fields } => {
                self.announce(count).map_err(at)?;
                self.spend(count.saturating_mul(decoded_bytes))?;
                (0..count).try_for_each(|_| self.structure(fields))
            }
        }
    }

    /// The length of a text: 16 bits, or compact; none is null.
    fn text_length(&mut self) -> Result<Option<usize>, Malformed> {
        if self.is_flexible {
            return self.cursor.compact_length();
        }
        Cursor::nullable(i32::from(self.cursor.i16()?))
    }

    /// The length of bytes or the count of a list: 32 bits, or compact; none is null.
    fn length(&mut self) -> Result<Option<usize>, Malformed> {
        if self.is_flexible {
            return self.cursor.compact_length();
        }
        Cursor::nullable(self.cursor.i32()?)
    }

    /// Refuses a count of elements that cannot be there: each takes a byte at least.
    const fn announce(&self, count: usize) -> Result<(), Malformed> {
        let left = self.cursor.left();
        if count > left {
            return Err(Malformed::Beyond { announced: count, left });
        }
        Ok(())
    }

    /// Adds to what the decoded form takes.
    fn spend(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let too_large = DecodeError::TooLarge { bytes_max: self.budget };
        self.left = self.left.checked_sub(bytes).ok_or(too_large)?;
        Ok(())
    }

    /// The tagged fields at the end of a structure: known ones are read as the codec reads them,
    /// which takes their size on trust; unknown ones are kept in a map.
    fn tagged_fields(&mut self, fields: &'static [Field]) -> Result<(), DecodeError> {
        let at = |malformed| DecodeError::Malformed { field: "tagged fields", malformed };
        let mut unknown_bytes = FIRST_TAG_BYTES;
        for _ in 0..self.cursor.unsigned_varint().map_err(at)? {
            let tag = self.cursor.unsigned_varint().map_err(at)?;
            let size = self.cursor.unsigned_varint().map_err(at)?;
            if let Some(field) = fields.iter().find(|field| field.tag == Some(tag)) {
                if !field.is_in(self.version) {
                    return Err(DecodeError::Tag { tag, version: self.version });
                }
                self.field(field)?;
                continue;
            }
            self.spend(unknown_bytes)?;
            unknown_bytes = NEXT_TAG_BYTES;
            self.cursor.skip(usize::try_from(size).unwrap_or(usize::MAX)).map_err(at)?;
        }
        Ok(())
    }
}

/// Why bytes are no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// An API that is not in the tables.
    UnknownApi(i16),
    /// A version that the codec does not know.
    UnknownVersion {
        /// Which API.
        api_key: i16,
        /// The version asked for.
        version: i16,
    },
    /// A length or count that cannot be.
    Malformed {
        /// Where.
        field: &'static str,
        /// What is wrong.
        malformed: Malformed,
    },
    /// Null where the version has none.
    Null {
        /// Where.
        field: &'static str,
    },
    /// A tagged field that the version does not have.
    Tag {
        /// Its tag.
        tag: u32,
        /// The request's version.
        version: i16,
    },
    /// Its decoded form would take too much memory.
    TooLarge {
        /// Most bytes that it may take.
        bytes_max: usize,
    },
    /// What the codec says, of texts that are not UTF-8.
    Codec(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApi(api_key) => write!(f, "unknown API key {api_key}"),
            Self::UnknownVersion { api_key, version } => {
                write!(f, "API key {api_key} has no version {version}")
            }
            Self::Malformed { field, malformed } => write!(f, "field {field}: {malformed}"),
            Self::Null { field } => write!(f, "field {field} may not be null"),
            Self::Tag { tag, version } => write!(f, "tag {tag} is not valid in version {version}"),
            Self::TooLarge { bytes_max } => {
                write!(f, "request would take more than {bytes_max} bytes once decoded")
            }
            Self::Codec(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
#[path = "shape_test.rs"]
mod tests;
