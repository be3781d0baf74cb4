//! The notation of the tables: a row a field, in the order of the wire.
//!
//! `int32("timeout_ms")` is there at every version; `.from(5)`, `.until(7)` bound the versions,
//! `.nullable(1)` allows null from a version on, `.tagged(0)` puts the field among the tagged ones.
//! A list names the codec's struct, for the memory that each of its elements takes once decoded.

use kafka_protocol::protocol::{Message, Request};

/// A request's body at all its versions.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) api_key: i16,
    pub(super) fields: &'static [Field],
    /// First version with compact lengths and tagged fields.
    flexible_from: i16,
    min: i16,
    max: i16,
}

impl Shape {
    /// The shape of `Q`, flexible from a version on.
    pub(super) const fn of<Q: Request>(flexible_from: i16, fields: &'static [Field]) -> Self {
        let versions = <Q as Message>::VERSIONS;
        Self { api_key: Q::KEY, fields, flexible_from, min: versions.min, max: versions.max }
    }

    pub(super) const fn has_version(&self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    pub(super) const fn is_flexible(&self, version: i16) -> bool {
        version >= self.flexible_from
    }
}

/// A field of a structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// First version in which it may be null.
    pub(super) null_from: i16,
    pub(super) tag: Option<u32>,
    from: i16,
    until: i16,
}

/// What a field looks like on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// This many bytes.
    Fixed(usize),
    /// Length and UTF-8.
    Text,
    /// Length and bytes.
    Bytes,
    /// A structure in its place.
    Structure(&'static [Field]),
    /// A byte, and behind it a structure if the byte is 1.
    Optional(&'static [Field]),
    /// A list of numbers of this many bytes.
    Numbers(usize),
    /// A list of texts.
    Texts,
    /// A list of structures.
    Structures {
        /// What one takes once decoded, in bytes.
        decoded_bytes: usize,
        fields: &'static [Field],
    },
}

impl Field {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, null_from: i16::MAX, tag: None, from: 0, until: i16::MAX }
    }

    /// There from this version on.
    pub(super) const fn from(mut self, version: i16) -> Self {
        self.from = version;
        self
    }

    /// There up to this version, which has it still.
    pub(super) const fn until(mut self, version: i16) -> Self {
        self.until = version;
        self
    }

    /// Null is allowed from this version on.
    pub(super) const fn nullable(mut self, from: i16) -> Self {
        self.null_from = from;
        self
    }

    /// Among the tagged fields.
    pub(super) const fn tagged(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    pub(super) const fn is_in(&self, version: i16) -> bool {
        self.from <= version && version <= self.until
    }
}

pub(super) const fn boolean(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(1))
}

pub(super) const fn int8(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(1))
}

pub(super) const fn int16(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(2))
}

pub(super) const fn int32(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(4))
}

pub(super) const fn int64(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(8))
}

pub(super) const fn float64(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(8))
}

pub(super) const fn uuid(name: &'static str) -> Field {
    Field::new(name, Kind::Fixed(16))
}

pub(super) const fn text(name: &'static str) -> Field {
    Field::new(name, Kind::Text)
}

pub(super) const fn bytes(name: &'static str) -> Field {
    Field::new(name, Kind::Bytes)
}

pub(super) const fn structure(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Structure(fields))
}

pub(super) const fn optional(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Optional(fields))
}

pub(super) const fn int8s(name: &'static str) -> Field {
    Field::new(name, Kind::Numbers(1))
}

pub(super) const fn int32s(name: &'static str) -> Field {
    Field::new(name, Kind::Numbers(4))
}

pub(super) const fn int64s(name: &'static str) -> Field {
    Field::new(name, Kind::Numbers(8))
}

pub(super) const fn texts(name: &'static str) -> Field {
    Field::new(name, Kind::Texts)
}

pub(super) const fn list<T>(name: &'static str, fields: &'static [Field]) -> Field {
    Field::new(name, Kind::Structures { decoded_bytes: size_of::<T>(), fields })
}
