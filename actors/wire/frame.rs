//! Frames: the header of a request, and an answer with its size in front.
//!
//! | request | header v1 | header v2 (flexible) |
//! |---|---|---|
//! | 0 i32 | size of what follows; taken off before this file sees the frame | |
//! | 4 i16, 6 i16 | API key, version | |
//! | 8 i32 | correlation id | |
//! | 12 nullable string | client id; not compact in v2 either | |
//! | | - | tagged fields |
//! | | body | body |
//!
//! An answer is size, correlation id, tagged fields (header v1, none for ApiVersions), body.

use super::cursor::{Cursor, Malformed};
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ResponseHeader};
use kafka_protocol::protocol::{Encodable, HeaderVersion, StrBytes};
use std::fmt;

/// Bytes of a request before the client id: enough to know its limit and to answer it.
pub const FIXED_HEAD_BYTES: usize = 8;

/// Bytes of a frame's size.
const SIZE_BYTES: usize = 4;

/// Most bytes of requests that carry no records: lists of topics, partitions, configs.
const FRAME_BYTES_LISTS: usize = 8 * 1024 * 1024;

/// Most bytes of requests that name one group and one member.
const FRAME_BYTES_SMALL: usize = 1024 * 1024;

/// Most bytes, without the size field, that a frame of this API may have.
/// `socket_request_max_bytes` is the setting `socket.request.max.bytes`, an upper bound for all.
#[must_use]
pub fn frame_bytes_max(api_key: i16, socket_request_max_bytes: usize) -> usize {
    let max = match ApiKey::try_from(api_key) {
        Ok(ApiKey::Produce) => socket_request_max_bytes,
        // Members' subscriptions and assignments: a group's leader sends those of all.
        Ok(
            ApiKey::JoinGroup
            | ApiKey::SyncGroup
            | ApiKey::Fetch
            | ApiKey::ListOffsets
            | ApiKey::Metadata
            | ApiKey::OffsetCommit
            | ApiKey::OffsetFetch
            | ApiKey::CreateTopics
            | ApiKey::DeleteTopics
            | ApiKey::CreatePartitions
            | ApiKey::OffsetForLeaderEpoch
            | ApiKey::DescribeConfigs
            | ApiKey::IncrementalAlterConfigs
            | ApiKey::AlterConfigs
            | ApiKey::DeleteRecords
            | ApiKey::DescribeGroups
            | ApiKey::DeleteGroups
            | ApiKey::DescribeLogDirs
            | ApiKey::DescribeTopicPartitions
            | ApiKey::ElectLeaders
            | ApiKey::OffsetDelete
            | ApiKey::LeaveGroup
            | ApiKey::TxnOffsetCommit
            | ApiKey::AddPartitionsToTxn
            | ApiKey::WriteTxnMarkers
            | ApiKey::ListPartitionReassignments
            | ApiKey::AlterPartitionReassignments,
        ) => FRAME_BYTES_LISTS,
        Ok(_) | Err(()) => FRAME_BYTES_SMALL,
    };
    max.min(socket_request_max_bytes)
}

/// What stands in front of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// Which API.
    pub api_key: i16,
    /// Its version, which decides how the body reads.
    pub api_version: i16,
    /// Chosen by the client; its answer carries it back.
    pub correlation_id: i32,
    /// What the client calls itself. Keeps the whole frame in memory.
    pub client_id: Option<StrBytes>,
}

impl RequestHead {
    /// API key, version and correlation id, as soon as the frame's first 8 bytes are there; for
    /// limits that apply before the rest is read.
    #[must_use]
    pub fn peek(frame: &[u8]) -> Option<(i16, i16, i32)> {
        let head: &[u8; FIXED_HEAD_BYTES] = frame.first_chunk()?;
        let [k0, k1, v0, v1, c0, c1, c2, c3] = *head;
        Some((
            i16::from_be_bytes([k0, k1]),
            i16::from_be_bytes([v0, v1]),
            i32::from_be_bytes([c0, c1, c2, c3]),
        ))
    }

    /// Takes a frame (without its size) apart into head and body. Keys that Kafka does not know
    /// read as header v1, so that a log line can name their sender.
    ///
    /// # Errors
    /// The frame ends within its header, or a length in it is negative, or the client id is not
    /// UTF-8. The connection is to be closed.
    pub fn parse(frame: Bytes) -> Result<(Self, Bytes), FrameError> {
        let (api_key, api_version, correlation_id) = Self::peek(&frame).ok_or(FrameError::Short)?;
        let mut body = frame;
        body.advance(FIXED_HEAD_BYTES);
        let header_version = request_header_version(api_key, api_version);
        let client_id = if header_version >= 1 { take_client_id(&mut body)? } else { None };
        if header_version >= 2 {
            let mut cursor = Cursor::new(&body);
            cursor.skip_tagged_fields()?;
            let after = body.len() - cursor.left();
            body.advance(after);
        }
        Ok((Self { api_key, api_version, correlation_id, client_id }, body))
    }
}

/// Which header a request has: 0 has no client id (ControlledShutdown v0, long gone), 2 has
/// tagged fields.
fn request_header_version(api_key: i16, api_version: i16) -> i16 {
    const CONTROLLED_SHUTDOWN: i16 = 7;
    if api_key == CONTROLLED_SHUTDOWN && api_version == 0 {
        return 0;
    }
    ApiKey::try_from(api_key).map_or(1, |key| key.request_header_version(api_version))
}

fn take_client_id(body: &mut Bytes) -> Result<Option<StrBytes>, FrameError> {
    let length = body.try_get_i16().map_err(|_| FrameError::Short)?;
    if length == -1 {
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| FrameError::ClientIdLength(length))?;
    if length > body.len() {
        return Err(FrameError::Short);
    }
    let text = StrBytes::from_utf8(body.split_to(length)).map_err(|_| FrameError::ClientIdText)?;
    Ok(Some(text))
}

/// Why a frame has no readable header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// It ends within the header.
    Short,
    /// The client id's length is below -1.
    ClientIdLength(i16),
    /// The client id is not UTF-8.
    ClientIdText,
    /// The header's tagged fields do not fit.
    TaggedFields(Malformed),
}

impl From<Malformed> for FrameError {
    fn from(malformed: Malformed) -> Self {
        Self::TaggedFields(malformed)
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(f, "request ends within its header"),
            Self::ClientIdLength(length) => write!(f, "client id has a length of {length} bytes"),
            Self::ClientIdText => write!(f, "client id is not UTF-8"),
            Self::TaggedFields(malformed) => write!(f, "tagged fields of the header: {malformed}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Encodes a whole answer, its size in front, in one allocation. The header is the one that `R`
/// has at `version`: v0 for every ApiVersions answer.
///
/// # Errors
/// A field is set that `version` does not have, or a text or list is longer than the protocol
/// can say: a mistake of the handler, not of the client.
pub fn encode_response<R: Encodable + HeaderVersion>(
    correlation_id: i32,
    version: i16,
    response: &R,
) -> Result<Bytes, EncodeError> {
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    let header_version = R::header_version(version);
    let mut size_of_all = header.compute_size(header_version).map_err(EncodeError::from_crate)?;
    size_of_all += response.compute_size(version).map_err(EncodeError::from_crate)?;
    let size = i32::try_from(size_of_all).map_err(|_| EncodeError::too_large(size_of_all))?;
    let mut frame = BytesMut::with_capacity(SIZE_BYTES + size_of_all);
    frame.extend_from_slice(&size.to_be_bytes());
    header.encode(&mut frame, header_version).map_err(EncodeError::from_crate)?;
    response.encode(&mut frame, version).map_err(EncodeError::from_crate)?;
    assert_eq!(frame.len(), SIZE_BYTES + size_of_all, "an answer's size was computed wrongly");
    Ok(frame.freeze())
}

/// Why an answer cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodeError(String);

impl EncodeError {
    fn from_crate(error: impl fmt::Display) -> Self {
        Self(error.to_string())
    }

    pub(super) fn too_large(bytes: usize) -> Self {
        Self(format!("answer of {bytes} bytes is larger than a frame may be"))
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for EncodeError {}

#[cfg(test)]
#[path = "frame_test.rs"]
mod tests;
