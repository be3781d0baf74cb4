//! Bytes of the metadata log: what was written once is read for ever.

use super::testing::nodes;
use super::*;
use crate::quota::{QuotaEntity, QuotaKey, QuotaName, QuotaValue};
use crate::sasl::ScramCredential;
use crate::types::{LeaderEpoch, NodeId, ScramMechanism, Timestamp, TopicName, Uuid};
use crate::wire::{BatchBuilder, BatchHeader};

fn one_of_each() -> Vec<Record> {
    let id = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let name = TopicName::parse("orders").unwrap();
    let config = |resource, value: Option<&str>| {
        let (name, value) = ("retention.ms".to_owned(), value.map(str::to_owned));
        Record::Config(ConfigRecord { resource, name, value })
    };
    vec![
        Record::Feature(FeatureRecord { name: "group.version".to_owned(), level: 1 }),
        Record::Broker(BrokerRecord { node: NodeId(1), term: 3, rack: Some("r1".to_owned()) }),
        Record::Topic(TopicRecord { id, name: name.clone() }),
        Record::Partition(PartitionRecord {
            topic_id: id,
            partition: 2,
            state: PartitionState {
                replicas: nodes(&[1, 2]),
                isr: nodes(&[1]),
                leader: NodeId(1),
                leader_epoch: LeaderEpoch(4),
                partition_epoch: 5,
            },
        }),
        config(ConfigResource::Topic(name.clone()), Some("1000")),
        config(ConfigResource::Broker(None), None),
        config(ConfigResource::Broker(Some(NodeId(7))), Some("")),
        config(ConfigResource::Group("g".to_owned()), Some("x")),
        Record::ProducerIds(ProducerIdsRecord { next: 5000 }),
        Record::Scram(ScramRecord {
            user: "alice".to_owned(),
            mechanism: ScramMechanism::Sha256,
            credential: Some(ScramCredential {
                salt: vec![1, 2],
                iterations: 4096,
                stored_key: vec![3],
                server_key: vec![4, 5],
            }),
        }),
        Record::Scram(ScramRecord {
            user: "bob".to_owned(),
            mechanism: ScramMechanism::Sha512,
            credential: None,
        }),
        Record::RemoveTopic(RemoveTopicRecord { id, name }),
        Record::Quota(QuotaRecord {
            entity: QuotaEntity::UserClient(QuotaName::Named("u".to_owned()), QuotaName::Default),
            address: None,
            key: QuotaKey::ProducerByteRate,
            value: Some(QuotaValue::new(1024.0)),
        }),
        Record::Quota(QuotaRecord {
            entity: QuotaEntity::Ip(QuotaName::Named("h".to_owned())),
            address: "10.0.0.1".parse().ok(),
            key: QuotaKey::ConnectionCreationRate,
            value: None,
        }),
    ]
}

/// Values of [`one_of_each`] as the first release wrote them: a change of the code that changes
/// one of these lines would not read the logs that are out there.
const GOLDEN: [&str; 14] = [
    "00010001 0d 67726f75702e76657273696f6e 02",
    "00020001 02 06 01 02 7231",
    "00060001 fe ffeeddccbbaa99887766554433221100 06 6f7264657273",
    "00080001 fe ffeeddccbbaa99887766554433221100 04 02 02 04 01 02 02 08 0a",
    "00090001 02 06 6f7264657273 0c 726574656e74696f6e2e6d73 01 04 31303030",
    "00090001 04 00 0c 726574656e74696f6e2e6d73 00",
    "00090001 04 01 37 0c 726574656e74696f6e2e6d73 01 00",
    "00090001 20 01 67 0c 726574656e74696f6e2e6d73 01 01 78",
    "000f0001 fb 1027",
    "000d0001 05 616c696365 01 01 02 0102 fb 0010 01 03 02 0405",
    "000d0001 03 626f62 02 00",
    "00070001 fe ffeeddccbbaa99887766554433221100 06 6f7264657273",
    "000a0001 010101 75 0100 00 00 12 70726f64756365725f627974655f72617465 01 0000000000009040",
    "000a0001 00 00 010101 68 01 08 31302e302e302e31 18 636f6e6e656374696f6e5f6372656174696f6e5f72617465 00",
];

fn bytes(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn batch_of(values: &[Vec<u8>]) -> Vec<u8> {
    let mut batch = BatchBuilder::new().with_leader_epoch(LeaderEpoch(0));
    values.iter().for_each(|value| batch.record(7, None, Some(value)));
    batch.build().to_vec()
}

#[test]
fn records_are_written_as_the_first_release_wrote_them() {
    let golden: Vec<Vec<u8>> = GOLDEN.iter().map(|hex| bytes(hex)).collect();

    let written = encode_batch(&one_of_each(), Timestamp(7));

    assert_eq!(written.to_vec(), batch_of(&golden));
}

#[test]
fn records_of_the_first_release_are_read() {
    let golden: Vec<Vec<u8>> = GOLDEN.iter().map(|hex| bytes(hex)).collect();

    assert_eq!(decode_batch(&batch_of(&golden)), Ok(one_of_each()));
}

#[test]
fn one_decision_is_one_batch_with_an_offset_for_each_record() {
    let header = BatchHeader::parse(&encode_batch(&one_of_each(), Timestamp(7))).unwrap();

    assert_eq!((header.record_count, header.last_offset_delta), (14, 13));
    assert_eq!((header.producer_id, header.attributes), (-1, 0));
}

#[test]
fn kinds_and_versions_of_a_newer_release_are_not_skipped() {
    let unknown = |value: &str| decode_batch(&batch_of(&[bytes(value)]));

    assert_eq!(unknown("0bad0001"), Err(RecordError::Unknown { kind: 0x0bad, version: 1 }));
    assert_eq!(unknown("00060002 00"), Err(RecordError::Unknown { kind: 6, version: 2 }));
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let good = encode_batch(&one_of_each(), Timestamp(7)).to_vec();

    for at in 16..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        assert!(decode_batch(&bad).is_err(), "a flipped bit at {at} went unseen");
    }
    for end in 0..good.len() {
        assert!(decode_batch(&good[..end]).is_err(), "a batch cut at {end} was read");
    }
}

#[test]
fn values_that_are_no_records_are_refused() {
    for value in ["", "0002", "00020001", "000f0001 00 00", "00090001 07 00 00 00"] {
        assert!(decode_batch(&batch_of(&[bytes(value)])).is_err(), "{value:?} was read");
    }
    let huge_length = "00060001 00 fd ffffffffffffffff";
    assert!(decode_batch(&batch_of(&[bytes(huge_length)])).is_err());
}
