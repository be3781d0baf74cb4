//! Codecs of record batches, with a bound on what may come out.

use crate::types::Codec;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use std::fmt;
use std::io::{self, Read, Write};

/// What xerial's framing begins with, before its version and the oldest version that reads it.
const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\0";
/// Magic and two versions of four bytes.
const XERIAL_HEADER_BYTES: usize = 16;
/// Bytes of a block before compression, as snappy-java writes them.
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;

/// Least memory taken before the first byte has come out.
const FIRST_BYTES_MIN: usize = 1024;
/// Most memory taken before the first byte has come out; four times the input lies between.
const FIRST_BYTES_MAX: usize = 256 * 1024;

/// Why bytes cannot be decompressed or compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompressionError {
    /// The data is not what the codec writes.
    Damaged(Codec, String),
    /// More would come out than is allowed.
    TooLarge {
        /// The codec.
        codec: Codec,
        /// Most bytes that were allowed.
        budget_bytes: usize,
    },
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(codec, why) => write!(f, "damaged {codec} data: {why}"),
            Self::TooLarge { codec, budget_bytes } => {
                write!(f, "{codec} data holds more than {budget_bytes} bytes")
            }
        }
    }
}

impl std::error::Error for CompressionError {}

/// Decompresses `input`, as long as no more than `budget_bytes` come out. Snappy is read in both
/// forms: xerial's frames (Java, kafka-python) and raw (librdkafka).
///
/// # Errors
/// Damaged data, or more than the budget.
pub fn decompress(
    codec: Codec,
    input: &[u8],
    budget_bytes: usize,
) -> Result<Vec<u8>, CompressionError> {
    match codec {
        Codec::None if input.len() > budget_bytes => {
            Err(CompressionError::TooLarge { codec, budget_bytes })
        }
        Codec::None => Ok(input.to_vec()),
        Codec::Gzip => read_all(codec, MultiGzDecoder::new(input), input.len(), budget_bytes),
        Codec::Lz4 => read_all(codec, FrameDecoder::new(input), input.len(), budget_bytes),
        Codec::Snappy => decompress_snappy(input, budget_bytes),
        Codec::Zstd => {
            // A frame may name a window of up to 128 MiB, the library's limit and Kafka's; what
            // is not written of it costs address space alone.
            let decoder = zstd::Decoder::with_buffer(input).map_err(|e| damaged(codec, &e))?;
            read_all(codec, decoder, input.len(), budget_bytes)
        }
    }
}

fn damaged(codec: Codec, why: &impl fmt::Display) -> CompressionError {
    CompressionError::Damaged(codec, why.to_string())
}

fn read_all(
    codec: Codec,
    mut decoder: impl Read,
    input_bytes: usize,
    budget_bytes: usize,
) -> Result<Vec<u8>, CompressionError> {
    // One byte more tells "just enough" from "too much".
    let limit = budget_bytes.saturating_add(1);
    let first = input_bytes.saturating_mul(4).clamp(FIRST_BYTES_MIN, FIRST_BYTES_MAX).min(limit);
    let mut output = vec![0; first];
    let mut filled = 0;
    loop {
        if filled == output.len() {
            if filled == limit {
                return Err(CompressionError::TooLarge { codec, budget_bytes });
            }
            // Doubled, but never beyond the budget, which `read_to_end` would not keep to.
            let size = filled.saturating_mul(2).min(limit);
            output.reserve_exact(size - filled);
            output.resize(size, 0);
        }
        let target = output.get_mut(filled..).unwrap_or_default();
        match decoder.read(target) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(damaged(codec, &error)),
        }
    }
    output.truncate(filled);
    Ok(output)
}

fn decompress_snappy(input: &[u8], budget_bytes: usize) -> Result<Vec<u8>, CompressionError> {
    let mut output = Vec::new();
    if !input.starts_with(XERIAL_MAGIC) {
        unpack_snappy(input, &mut output, budget_bytes)?;
        return Ok(output);
    }
    let short = || CompressionError::Damaged(Codec::Snappy, "xerial frame ends early".into());
    let mut rest = input.get(XERIAL_HEADER_BYTES..).ok_or_else(short)?;
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk().ok_or_else(short)?;
        let length = usize::try_from(i32::from_be_bytes(*length)).map_err(|_| short())?;
        let (block, after) = after.split_at_checked(length).ok_or_else(short)?;
        unpack_snappy(block, &mut output, budget_bytes)?;
        rest = after;
    }
    Ok(output)
}

/// Appends one raw snappy block, whose announced size is checked before any memory is taken.
fn unpack_snappy(
    block: &[u8],
    output: &mut Vec<u8>,
    budget_bytes: usize,
) -> Result<(), CompressionError> {
    let codec = Codec::Snappy;
    let announced = snap::raw::decompress_len(block).map_err(|error| damaged(codec, &error))?;
    let start = output.len();
    if announced > budget_bytes.saturating_sub(start) {
        return Err(CompressionError::TooLarge { codec, budget_bytes });
    }
    // Two bytes of input make at most 64 of output, so a larger size is a lie.
    if announced > block.len().saturating_mul(32).saturating_add(64) {
        return Err(CompressionError::Damaged(codec, format!("block claims {announced} bytes")));
    }
    output.resize(start + announced, 0);
    let target = output.get_mut(start..).unwrap_or_default();
    let written = snap::raw::Decoder::new()
        .decompress(block, target)
        .map_err(|error| damaged(codec, &error))?;
    output.truncate(start + written);
    Ok(())
}

/// Compresses `input` at `level`, in the codec's own scale as Kafka's settings have it: gzip -1
/// (default) or 1 to 9, zstd -131072 to 22. Levels of lz4 are taken and make no difference: this
/// encoder has one. Snappy is written in xerial's frames, as Java's broker does.
///
/// # Errors
/// The codec fails, which none does for want of good input.
pub fn compress(codec: Codec, level: i32, input: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let written = match codec {
        Codec::None => Ok(input.to_vec()),
        Codec::Gzip => compress_gzip(level, input),
        Codec::Snappy => compress_snappy(input),
        Codec::Lz4 => compress_lz4(input),
        Codec::Zstd => zstd::encode_all(input, level),
    };
    written.map_err(|error| damaged(codec, &error))
}

fn compress_gzip(level: i32, input: &[u8]) -> io::Result<Vec<u8>> {
    let level = u32::try_from(level).map_or_else(|_| Compression::default(), Compression::new);
    let mut encoder = GzEncoder::new(Vec::with_capacity(input.len() / 2), level);
    encoder.write_all(input)?;
    encoder.finish()
}

fn compress_lz4(input: &[u8]) -> io::Result<Vec<u8>> {
    // Kafka's reader knows independent blocks alone.
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(input.len() / 2));
    encoder.write_all(input)?;
    encoder.finish().map_err(io::Error::other)
}

fn compress_snappy(input: &[u8]) -> io::Result<Vec<u8>> {
    let mut output = Vec::with_capacity(XERIAL_HEADER_BYTES + input.len() / 2);
    output.extend_from_slice(XERIAL_MAGIC);
    output.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
    let mut encoder = snap::raw::Encoder::new();
    for block in input.chunks(XERIAL_BLOCK_BYTES) {
        let packed = encoder.compress_vec(block).map_err(io::Error::other)?;
        let length = i32::try_from(packed.len()).map_err(io::Error::other)?;
        output.extend_from_slice(&length.to_be_bytes());
        output.extend_from_slice(&packed);
    }
    Ok(output)
}

#[cfg(test)]
#[path = "compression_test.rs"]
mod tests;
