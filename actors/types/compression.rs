//! Codecs of record batches.

use std::fmt;

/// How the records of a batch are compressed; the numbers are those of the batch's attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(i16)]
pub enum Codec {
    /// As they are.
    #[default]
    None = 0,
    /// gzip.
    Gzip = 1,
    /// snappy, raw or in xerial frames.
    Snappy = 2,
    /// lz4 frames.
    Lz4 = 3,
    /// zstd, from Produce v7 and Fetch v10 on (KIP-110).
    Zstd = 4,
}

impl Codec {
    /// The codec of a batch's attributes (their lowest three bits); 5 to 7 are none.
    #[must_use]
    pub const fn from_attributes(attributes: i16) -> Option<Self> {
        match attributes & 0b111 {
            0 => Some(Self::None),
            1 => Some(Self::Gzip),
            2 => Some(Self::Snappy),
            3 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The codec that `compression.type` names; `producer` and unknown names are none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "uncompressed" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "snappy" => Some(Self::Snappy),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// Its number, as it stands in a batch's attributes.
    #[must_use]
    pub const fn id(self) -> i16 {
        self as i16
    }

    /// Kafka's name, as in `compression.type`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// Kafka's default level (`compression.gzip.level` and its like); 0 where there are none.
    #[must_use]
    pub const fn default_level(self) -> i32 {
        match self {
            Self::None | Self::Snappy => 0,
            Self::Gzip => -1,
            Self::Lz4 => 9,
            Self::Zstd => 3,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a topic's batches are to be compressed with, where it does not leave that to producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressionTarget {
    /// The codec.
    pub codec: Codec,
    /// Its level, in the codec's own scale (`compression.gzip.level` and its like).
    pub level: i32,
}

impl CompressionTarget {
    /// `codec` at Kafka's default level.
    #[must_use]
    pub const fn with_default_level(codec: Codec) -> Self {
        Self { codec, level: codec.default_level() }
    }
}
