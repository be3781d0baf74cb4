//! Bytes of the protocol: frames, headers, record batches, compression.
//!
//! A request comes in by [`RequestHead::parse`], which takes its head off, and [`decode`], which
//! walks its body over a table of shapes before the codec decodes it. A produced batch goes
//! through [`check_batch`], a stored one is walked by [`Records`] and written anew by
//! [`filter_batch`]; the broker's own are made by [`BatchBuilder`]. Answers leave by
//! [`encode_response`], or by [`FetchResponseWriter`], which links stored bytes.
//!
//! Promised: no bytes from outside cause a panic, nor an allocation by a length that a peer
//! announced without its having been checked. Deliberately absent: any state; everything here is
//! a function of the bytes it is given. The codec's own record module: it loses doubled headers,
//! mishandles LogAppendTime and has no limit on what comes out of compressed data.

mod batch;
mod batch_error;
mod builder;
mod compression;
mod cursor;
mod fetch_response;
mod filter;
mod frame;
mod records;
mod shape;
mod validate;

pub use batch::{
    BatchHeader, CRC_FROM, HEADER_BYTES, HeaderError, Hold, LENGTH_END, PREFIX_BYTES, StampedBatch,
    attribute, crc_of, sequence_after,
};
pub use batch_error::BatchError;
pub use builder::{BatchBuilder, NO_TIMESTAMP};
pub use compression::{CompressionError, compress, decompress};
pub use cursor::Malformed;
pub use fetch_response::{
    AbortedTransaction, FetchEndpoint, FetchHead, FetchResponseWriter, FetchedPartition,
};
pub use filter::{FilterRules, Filtered, filter_batch};
pub use frame::{
    EncodeError, FIXED_HEAD_BYTES, FrameError, RequestHead, encode_response, frame_bytes_max,
};
pub use records::{
    Header, Headers, PlacedRecord, RECORD_BYTES_MIN, Record, RecordIter, Records, RecordsError,
};
pub use shape::{DECODED_BYTES_MIN, DECODED_RATIO_MAX, DecodeError, check, decode};
pub use validate::{
    CheckedBatch, DECOMPRESSED_BYTES_MAX, DECOMPRESSED_BYTES_MIN, DECOMPRESSION_RATIO_MAX,
    ProduceRules, Refused, check_batch,
};
