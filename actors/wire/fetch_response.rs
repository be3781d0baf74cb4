//! Encodes a Fetch answer (versions 4 to 18) that links stored batches instead of copying them.
//!
//! | field | since |
//! |---|---|
//! | size i32, correlation id i32 | |
//! | tagged fields of the header | v12, flexible |
//! | throttle time i32 | |
//! | error i16, session id i32 | v7 |
//! | topics: name (to v12) or topic id (from v13), partitions, tagged fields (v12) | |
//! | tagged fields: 0 node endpoints (v16, KIP-951) | v12 |
//!
//! A partition: index i32, error i16, high watermark i64, last stable offset i64, log start offset
//! i64 (v5), aborted transactions (null or a list of producer id i64, first offset i64), preferred
//! read replica i32 (v11), records, and tagged fields (v12): 0 diverging epoch, 1 current leader.

use super::frame::EncodeError;
use crate::types::{ErrorCode, Uuid};
use bytes::{BufMut, Bytes, BytesMut};

/// Parts below this size are copied into the head: a link costs an entry of the `writev`, and a
/// header of each part in memory.
const LINK_BYTES_MIN: usize = 4 * 1024;
/// Answers below this size are copied whole: one buffer goes out faster than several.
const LINK_ANSWER_BYTES_MIN: usize = 32 * 1024;
/// Bytes of a frame's size.
const SIZE_BYTES: usize = 4;
/// First version with compact lengths and tagged fields.
const FLEXIBLE: i16 = 12;

/// One aborted transaction that a read_committed consumer is to skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbortedTransaction {
    /// Its producer.
    pub producer_id: i64,
    /// Its first offset in this partition.
    pub first_offset: i64,
}

/// A broker that clients may need to know of (KIP-951).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchEndpoint {
    /// Its node id.
    pub node_id: i32,
    /// Its host, as advertised.
    pub host: String,
    /// Its port, as advertised.
    pub port: i32,
    /// Its rack.
    pub rack: Option<String>,
}

/// What a Fetch answer says of one partition, the records apart.
#[derive(Clone, Copy, Debug)]
pub struct FetchedPartition<'a> {
    /// Partition index.
    pub index: i32,
    /// Error; none stands for success.
    pub error: Option<ErrorCode>,
    /// High watermark, or -1.
    pub high_watermark: i64,
    /// Last stable offset, or -1.
    pub last_stable_offset: i64,
    /// Log start offset, or -1; from v5.
    pub log_start_offset: i64,
    /// Aborted transactions: none is null (read_uncommitted), which is not the same as an empty
    /// list.
    pub aborted_transactions: Option<&'a [AbortedTransaction]>,
    /// Replica to read from, or -1; from v11.
    pub preferred_read_replica: i32,
    /// Epoch and end offset where the follower's log parted from this one; from v12.
    pub diverging_epoch: Option<(i32, i64)>,
    /// Leader's node id and epoch, where the reader seems to know another; from v12.
    pub current_leader: Option<(i32, i32)>,
}

impl FetchedPartition<'_> {
    /// An answer of nothing but an error.
    #[must_use]
    pub const fn refused(index: i32, error: ErrorCode) -> Self {
        Self {
            index,
            error: Some(error),
            high_watermark: -1,
            last_stable_offset: -1,
            log_start_offset: -1,
            aborted_transactions: None,
            preferred_read_replica: -1,
            diverging_epoch: None,
            current_leader: None,
        }
    }
}

/// What stands at the front of a Fetch answer.
#[derive(Clone, Copy, Debug)]
pub struct FetchHead {
    /// Pairs the answer with its request.
    pub correlation_id: i32,
    /// How long the client is throttled, in ms.
    pub throttle_time_ms: i32,
    /// Error of the whole request; from v7.
    pub error: Option<ErrorCode>,
    /// Fetch session, 0 for none; from v7.
    pub session_id: i32,
}

/// Writes an answer front to back: head, then each topic followed by its partitions.
#[derive(Debug)]
pub struct FetchResponseWriter {
    version: i16,
    /// Everything that is copied.
    head: BytesMut,
    /// What is linked, with the length of `head` before which it belongs.
    links: Vec<(usize, Bytes)>,
    linked_bytes: usize,
    topics_left: usize,
    partitions_left: usize,
}

impl FetchResponseWriter {
    /// Begins an answer of `version`, which lies within 4 and 18, with `topics` topics to come.
    #[must_use]
    pub fn new(version: i16, head: &FetchHead, topics: usize) -> Self {
        assert!((4..=18).contains(&version), "there is no Fetch version {version}");
        let mut writer = Self {
            version,
            head: BytesMut::with_capacity(64 + 128 * topics),
            links: Vec::new(),
            linked_bytes: 0,
            topics_left: topics,
            partitions_left: 0,
        };
        // The size, once it is known.
        writer.head.put_i32(0);
        writer.head.put_i32(head.correlation_id);
        writer.no_tagged_fields();
        writer.head.put_i32(head.throttle_time_ms);
        if version >= 7 {
            writer.head.put_i16(head.error.map_or(0, |error| error.code()));
            writer.head.put_i32(head.session_id);
        }
        writer.count(Some(topics));
        writer
    }

    /// Begins a topic with `partitions` partitions to come: named up to v12, by id from v13.
    pub fn topic(&mut self, name: &str, id: Uuid, partitions: usize) {
        assert_eq!(self.partitions_left, 0, "the topic before has partitions to come");
        assert!(self.topics_left > 0, "more topics than were announced");
        self.topics_left -= 1;
        self.partitions_left = partitions;
        if self.version >= 13 {
            self.head.extend_from_slice(id.as_bytes());
        } else {
            self.string(Some(name));
        }
        self.count(Some(partitions));
        if partitions == 0 {
            self.no_tagged_fields();
        }
    }

    /// Adds a partition of the topic begun last. `records` are batches in any number of pieces;
    /// none of them makes an empty answer, never a null one.
    pub fn partition(&mut self, partition: &FetchedPartition<'_>, records: &[Bytes]) {
        assert!(self.partitions_left > 0, "more partitions than were announced");
        self.partitions_left -= 1;
        self.head.put_i32(partition.index);
        self.head.put_i16(partition.error.map_or(0, |error| error.code()));
        self.head.put_i64(partition.high_watermark);
        self.head.put_i64(partition.last_stable_offset);
        if self.version >= 5 {
            self.head.put_i64(partition.log_start_offset);
        }
        self.count(partition.aborted_transactions.map(<[AbortedTransaction]>::len));
        for aborted in partition.aborted_transactions.unwrap_or_default() {
            self.head.put_i64(aborted.producer_id);
            self.head.put_i64(aborted.first_offset);
            self.no_tagged_fields();
        }
        if self.version >= 11 {
            self.head.put_i32(partition.preferred_read_replica);
        }
        self.count(Some(records.iter().map(Bytes::len).sum()));
        for part in records {
            self.link(part);
        }
        self.partition_tagged_fields(partition);
        if self.partitions_left == 0 {
            self.no_tagged_fields();
        }
    }

    fn partition_tagged_fields(&mut self, partition: &FetchedPartition<'_>) {
        if self.version < FLEXIBLE {
            return;
        }
        let count = usize::from(partition.diverging_epoch.is_some())
            + usize::from(partition.current_leader.is_some());
        self.unsigned_varint(count);
        if let Some((epoch, end_offset)) = partition.diverging_epoch {
            self.head.extend_from_slice(&[0, 13]);
            self.head.put_i32(epoch);
            self.head.put_i64(end_offset);
            self.no_tagged_fields();
        }
        if let Some((leader_id, leader_epoch)) = partition.current_leader {
            self.head.extend_from_slice(&[1, 9]);
            self.head.put_i32(leader_id);
            self.head.put_i32(leader_epoch);
            self.no_tagged_fields();
        }
    }

    /// Ends the answer. `endpoints` go out from v16 on. Small answers come as one part.
    ///
    /// # Errors
    /// The answer is larger than a frame may be (2 GiB).
    pub fn finish(mut self, endpoints: &[FetchEndpoint]) -> Result<Vec<Bytes>, EncodeError> {
        let missing = (self.topics_left, self.partitions_left);
        assert_eq!(missing, (0, 0), "topics or partitions were announced and not written");
        self.answer_tagged_fields(endpoints);
        let bytes = self.head.len() + self.linked_bytes;
        let size = bytes.saturating_sub(SIZE_BYTES);
        let size = i32::try_from(size).map_err(|_| EncodeError::too_large(bytes))?;
        if let Some(place) = self.head.first_chunk_mut() {
            *place = size.to_be_bytes();
        }
        let head = self.head.freeze();
        let mut frame = Vec::with_capacity(2 * self.links.len() + 1);
        let mut from = 0;
        for (at, part) in self.links {
            frame.push(head.slice(from..at));
            frame.push(part);
            from = at;
        }
        frame.push(head.slice(from..));
        frame.retain(|part| !part.is_empty());
        if frame.len() > 1 && bytes < LINK_ANSWER_BYTES_MIN {
            return Ok(vec![frame.concat().into()]);
        }
        Ok(frame)
    }

    fn answer_tagged_fields(&mut self, endpoints: &[FetchEndpoint]) {
        if self.version < FLEXIBLE {
            return;
        }
        if self.version < 16 || endpoints.is_empty() {
            self.no_tagged_fields();
            return;
        }
        // One field, tag 0, whose size is known once it is written.
        self.head.extend_from_slice(&[1, 0]);
        let before = self.head.split();
        self.count(Some(endpoints.len()));
        for endpoint in endpoints {
            self.head.put_i32(endpoint.node_id);
            self.string(Some(&endpoint.host));
            self.head.put_i32(endpoint.port);
            self.string(endpoint.rack.as_deref());
            self.no_tagged_fields();
        }
        let field = std::mem::replace(&mut self.head, before);
        self.unsigned_varint(field.len());
        self.head.extend_from_slice(&field);
    }

    /// Puts bytes at this place: small ones by copy.
    fn link(&mut self, part: &Bytes) {
        if part.len() < LINK_BYTES_MIN {
            self.head.extend_from_slice(part);
            return;
        }
        self.linked_bytes += part.len();
        self.links.push((self.head.len(), part.clone()));
    }

    /// The count of a list, or the length of bytes; none is null.
    fn count(&mut self, count: Option<usize>) {
        if self.version >= FLEXIBLE {
            self.unsigned_varint(count.map_or(0, |count| count.saturating_add(1)));
        } else {
            let count = count.map_or(-1, |count| i32::try_from(count).unwrap_or(i32::MAX));
            self.head.put_i32(count);
        }
    }

    /// A text; none is null. Topic names have at most 249 bytes, hosts 255.
    fn string(&mut self, text: Option<&str>) {
        let length = text.map(str::len);
        if self.version >= FLEXIBLE {
            self.count(length);
        } else {
            let length = length.map_or(-1, |length| i16::try_from(length).unwrap_or(i16::MAX));
            self.head.put_i16(length);
        }
        self.head.extend_from_slice(text.unwrap_or_default().as_bytes());
    }

    fn unsigned_varint(&mut self, value: usize) {
        let mut rest = value;
        while rest >= 0x80 {
            self.head.put_u8((rest & 0x7f).to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        self.head.put_u8(rest.to_le_bytes()[0]);
    }

    /// An empty section of tagged fields, in versions that have them.
    fn no_tagged_fields(&mut self) {
        if self.version >= FLEXIBLE {
            self.head.put_u8(0);
        }
    }
}

#[cfg(test)]
#[path = "fetch_response_test.rs"]
mod tests;
