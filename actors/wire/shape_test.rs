//! The shape tables against the codec: frames are made from the tables, and have to come out of
//! the codec's decoder and encoder as the same bytes.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers of a test are small"
)]

use super::*;
use bytes::{Buf, BytesMut};
use kafka_protocol::messages::{
    AlterClientQuotasRequest, AlterConfigsRequest, AlterPartitionReassignmentsRequest,
    AlterUserScramCredentialsRequest, ApiVersionsRequest, CreatePartitionsRequest,
    CreateTopicsRequest, DeleteGroupsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    DescribeClientQuotasRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeGroupsRequest, DescribeLogDirsRequest, DescribeProducersRequest, DescribeQuorumRequest,
    DescribeTopicPartitionsRequest, DescribeUserScramCredentialsRequest, ElectLeadersRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, IncrementalAlterConfigsRequest,
    InitProducerIdRequest, JoinGroupRequest, LeaveGroupRequest, ListConfigResourcesRequest,
    ListGroupsRequest, ListOffsetsRequest, ListPartitionReassignmentsRequest,
    ListTransactionsRequest, MetadataRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, SaslAuthenticateRequest,
    SaslHandshakeRequest, SyncGroupRequest, UpdateFeaturesRequest,
};
use kafka_protocol::protocol::HeaderVersion;
use std::fmt::Debug;

/// Calls a generic function for every request in the tables.
macro_rules! for_each_request {
    ($function:ident) => {
        for_each_request!($function: ProduceRequest, FetchRequest, ListOffsetsRequest,
            MetadataRequest, OffsetCommitRequest, OffsetFetchRequest, FindCoordinatorRequest,
            JoinGroupRequest, HeartbeatRequest, LeaveGroupRequest, SyncGroupRequest,
            DescribeGroupsRequest, ListGroupsRequest, ApiVersionsRequest, CreateTopicsRequest,
            DeleteTopicsRequest, InitProducerIdRequest, OffsetForLeaderEpochRequest,
            DescribeConfigsRequest, CreatePartitionsRequest, IncrementalAlterConfigsRequest,
            ListPartitionReassignmentsRequest, DescribeClusterRequest, DeleteGroupsRequest,
            OffsetDeleteRequest, DeleteRecordsRequest,
            AlterConfigsRequest, DescribeLogDirsRequest, ElectLeadersRequest,
            ListConfigResourcesRequest, DescribeTopicPartitionsRequest, ListTransactionsRequest,
            DescribeProducersRequest, DescribeQuorumRequest, AlterPartitionReassignmentsRequest,
            UpdateFeaturesRequest, DescribeClientQuotasRequest, AlterClientQuotasRequest,
            SaslHandshakeRequest, SaslAuthenticateRequest, DescribeUserScramCredentialsRequest,
            AlterUserScramCredentialsRequest)
    };
    ($function:ident: $($request:ident),+) => { $($function::<$request>();)+ };
}

/// A small generator of numbers (splitmix64): the same seed makes the same frames.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// Writes a body as the table says, with everything in it that may be.
struct Make<'a> {
    out: BytesMut,
    random: &'a mut Random,
    version: i16,
    is_flexible: bool,
}

impl Make<'_> {
    fn structure(&mut self, fields: &'static [Field]) {
        for field in fields {
            if field.tag.is_none() && field.is_in(self.version) {
                self.field(field);
            }
        }
        if self.is_flexible {
            self.tagged_fields(fields);
        }
    }

    fn tagged_fields(&mut self, fields: &'static [Field]) {
        let known: Vec<&Field> = fields
            .iter()
            .filter(|field| field.tag.is_some() && field.is_in(self.version))
            .collect();
        let unknown = self.random.below(3);
        self.varint(known.len() + unknown);
        for field in known {
            let before = self.out.split();
            self.field(&field.nullable(i16::MAX));
            let value = std::mem::replace(&mut self.out, before);
            self.varint(field.tag.unwrap() as usize);
            self.varint(value.len());
            self.out.extend_from_slice(&value);
        }
        for tag in 0..unknown {
            self.varint(1000 * (tag + 1));
            self.varint(3);
            self.out.extend_from_slice(b"new");
        }
    }

    fn field(&mut self, field: &Field) {
        if self.version >= field.null_from && self.random.below(4) == 0 {
            self.length(None, matches!(field.kind, Kind::Text));
            return;
        }
        let count = self.random.below(4);
        match field.kind {
            // Flags are 0 or 1; tagged fields that are 0 would be left out.
            Kind::Fixed(1) => self.out.extend_from_slice(&[self.random.below(2) as u8]),
            Kind::Fixed(bytes) => {
                for _ in 0..bytes {
                    let byte = self.random.below(255) as u8 + 1;
                    self.out.extend_from_slice(&[byte]);
                }
            }
            Kind::Text => self.text(),
            Kind::Bytes => {
                self.length(Some(count), false);
                self.out.extend_from_slice(&[0xfe; 4][..count]);
            }
            Kind::Structure(fields) => self.structure(fields),
            Kind::Optional(_) if self.random.below(4) == 0 => self.out.extend_from_slice(&[0xff]),
            Kind::Optional(fields) => {
                self.out.extend_from_slice(&[1]);
                self.structure(fields);
            }
            Kind::Numbers(bytes) => {
                self.length(Some(count), false);
                self.out.extend_from_slice(&[0x11; 32][..bytes * count]);
            }
            Kind::Texts => {
                self.length(Some(count), false);
                (0..count).for_each(|_| self.text());
            }
            Kind::Structures { fields, .. } => {
                self.length(Some(count), false);
                (0..count).for_each(|_| self.structure(fields));
            }
        }
    }

    fn text(&mut self) {
        let length = self.random.below(200);
        self.length(Some(length), true);
        self.out.extend_from_slice(&[b'x'; 200][..length]);
    }

    fn length(&mut self, length: Option<usize>, is_text: bool) {
        if self.is_flexible {
            self.varint(length.map_or(0, |length| length + 1));
        } else if is_text {
            self.out.extend_from_slice(&length.map_or(-1, |length| length as i16).to_be_bytes());
        } else {
            self.out.extend_from_slice(&length.map_or(-1, |length| length as i32).to_be_bytes());
        }
    }

    fn varint(&mut self, mut value: usize) {
        while value >= 0x80 {
            self.out.extend_from_slice(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.out.extend_from_slice(&[value as u8]);
    }
}

fn made<Q: Request>(version: i16, random: &mut Random) -> Bytes {
    let shape = shape_of(Q::KEY).expect("a table of this request");
    let is_flexible = shape.is_flexible(version);
    let mut make = Make { out: BytesMut::new(), random, version, is_flexible };
    make.structure(shape.fields);
    make.out.freeze()
}

fn round_trips<Q: Request + Debug>() {
    let mut random = Random(Q::KEY as u64);
    for version in Q::VERSIONS.min..=Q::VERSIONS.max {
        let shape = shape_of(Q::KEY).expect("a table of this request");
        let header = <Q as HeaderVersion>::header_version(version);
        assert_eq!(shape.is_flexible(version), header >= 2, "{} v{version}", Q::KEY);
        for _ in 0..50 {
            let body = made::<Q>(version, &mut random);
            let what = format!("key {} v{version}: {body:?}", Q::KEY);

            assert_eq!(check(Q::KEY, version, &body), Ok(0), "walk of {what}");
            let mut rest = body.clone();
            let request = Q::decode(&mut rest, version).expect(&what);
            assert!(!rest.has_remaining(), "the codec leaves bytes of {what}");
            let mut again = BytesMut::new();
            request.encode(&mut again, version).expect(&what);
            assert_eq!(again, body, "{what} is {request:?}");
        }
    }
}

#[test]
fn frames_made_from_the_tables_are_what_the_codec_reads_and_writes() {
    for_each_request!(round_trips);
}

fn is_refused_when_cut<Q: Request>() {
    let mut random = Random(7);
    for version in Q::VERSIONS.min..=Q::VERSIONS.max {
        let body = made::<Q>(version, &mut random);
        for end in 0..body.len() {
            let cut = check(Q::KEY, version, &body[..end]);

            assert!(cut.is_err(), "key {} v{version} cut at {end} of {body:?}", Q::KEY);
        }
    }
}

#[test]
fn a_body_that_ends_early_is_refused_wherever_it_ends() {
    for_each_request!(is_refused_when_cut);
}

/// What the walk takes, the codec has to take as well, to the same byte: else one of them reads
/// lengths where the other does not.
fn agrees_with_the_codec<Q: Request>() {
    let mut random = Random(99);
    for version in Q::VERSIONS.min..=Q::VERSIONS.max {
        for _ in 0..200 {
            let mut body = made::<Q>(version, &mut random).to_vec();
            for _ in 0..=random.below(3) {
                if !body.is_empty() {
                    let at = random.below(body.len());
                    body[at] = random.next() as u8;
                }
            }
            let Ok(left) = check(Q::KEY, version, &body) else { continue };

            let mut rest = Bytes::from(body.clone());
            match Q::decode(&mut rest, version) {
                Ok(_) => assert_eq!(rest.len(), left, "key {} v{version}: {body:?}", Q::KEY),
                Err(error) => assert!(
                    error.to_string().contains("utf-8"),
                    "key {} v{version}: {error} of {body:?}",
                    Q::KEY
                ),
            }
        }
    }
}

#[test]
fn what_the_walk_takes_the_codec_takes_as_well() {
    for_each_request!(agrees_with_the_codec);
}

#[test]
fn the_17_bytes_that_end_a_process_are_refused() {
    let body = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]);

    let refused = decode::<MetadataRequest>(3, 0, body);

    let malformed = Malformed::Beyond { announced: 0x7fff_ffff, left: 0 };
    assert_eq!(refused, Err(DecodeError::Malformed { field: "topics", malformed }));
}

#[test]
fn metadata_of_null_topics_is_refused_before_version_1() {
    let null = Bytes::from_static(&[0xff; 4]);

    let v0 = decode::<MetadataRequest>(3, 0, null.clone());
    let v1 = decode::<MetadataRequest>(3, 1, null);

    assert_eq!(v0, Err(DecodeError::Null { field: "topics" }));
    assert_eq!(v1.unwrap().topics, None);
}

#[test]
fn well_formed_frames_of_empty_elements_are_refused_once_they_grow_too_much() {
    let topics = 100_000_u32;
    let mut body = topics.to_be_bytes().to_vec();
    body.resize(4 + 2 * topics as usize, 0);

    let refused = check(3, 0, &body);

    assert_eq!(refused, Err(DecodeError::TooLarge { bytes_max: 8 * body.len() }));
}

#[test]
fn unknown_tagged_fields_count_as_the_maps_they_become() {
    let mut body = vec![1, 1];
    let fields = 2_000_u16;
    body.extend_from_slice(&[(fields & 0x7f) as u8 | 0x80, (fields >> 7) as u8]);
    for tag in 0..fields {
        body.extend_from_slice(&[(tag & 0x7f) as u8 | 0x80, (tag >> 7) as u8, 0]);
    }

    let refused = check(18, 3, &body);

    assert_eq!(refused, Err(DecodeError::TooLarge { bytes_max: DECODED_BYTES_MIN }));
}

#[test]
fn a_request_of_many_small_topics_is_taken() {
    let topics = 5_000_u32;
    let mut body = topics.to_be_bytes().to_vec();
    for topic in 0..topics {
        body.extend_from_slice(&10_u16.to_be_bytes());
        body.extend_from_slice(format!("topic-{topic:04}").as_bytes());
    }

    let request = decode::<MetadataRequest>(3, 0, body.into()).unwrap();

    assert_eq!(request.topics.map(|topics| topics.len()), Some(5_000));
}

#[test]
fn bytes_behind_a_body_are_ignored() {
    let body = Bytes::from_static(b"\0\0\0\0junk");

    assert_eq!(check(3, 1, &body), Ok(4));
    assert!(decode::<MetadataRequest>(3, 1, body).is_ok());
}

#[test]
fn keys_and_versions_without_a_table_are_refused() {
    assert_eq!(check(4, 0, &[]), Err(DecodeError::UnknownApi(4)));
    assert_eq!(check(0, 2, &[]), Err(DecodeError::UnknownVersion { api_key: 0, version: 2 }));
    assert_eq!(check(18, 5, &[]), Err(DecodeError::UnknownVersion { api_key: 18, version: 5 }));
}
