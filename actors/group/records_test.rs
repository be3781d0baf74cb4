//! Records of `__consumer_offsets`, byte by byte.

use super::RecordError;
use super::records::{Decoded, GroupValue, MemberValue, OffsetValue, Record, decode};
use crate::types::{Timestamp, TopicName};
use std::time::Duration;

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

fn position(expire: Option<i64>) -> OffsetValue {
    OffsetValue {
        offset: 5,
        leader_epoch: if expire.is_some() { -1 } else { 2 },
        metadata: "note".to_owned(),
        commit_timestamp: Timestamp(1_700_000_000_000),
        expire_timestamp: expire.map(Timestamp),
    }
}

fn generation() -> GroupValue {
    GroupValue {
        protocol_type: "consumer".to_owned(),
        generation: 3,
        protocol: Some("range".to_owned()),
        leader: Some("m".into()),
        state_timestamp: Some(Timestamp(1_700_000_000_000)),
        members: vec![MemberValue {
            member_id: "m".into(),
            group_instance_id: Some("i".into()),
            client_id: "c".to_owned(),
            client_host: "/h".to_owned(),
            rebalance_timeout: Duration::from_millis(60_000),
            session_timeout: Duration::from_millis(10_000),
            subscription: "sub".into(),
            assignment: "asg".into(),
        }],
    }
}

fn offset_record(value: Option<OffsetValue>) -> Record {
    Record::Offset { topic: topic("t"), partition: 7, value }
}

fn decoded(record: Record) -> Result<Decoded, RecordError> {
    Ok(Decoded::Group { group_id: "g".to_owned(), record })
}

const POSITION_KEY: &[u8] = b"\0\x01\0\x01g\0\x01t\0\0\0\x07";
const GROUP_KEY: &[u8] = b"\0\x02\0\x01g";

#[test]
fn a_position_is_written_as_kafka_writes_it() {
    let record = offset_record(Some(position(None)));

    let (key, value) = record.encode("g");

    assert_eq!(&key[..], POSITION_KEY);
    let expected = b"\0\x03\0\0\0\0\0\0\0\x05\0\0\0\x02\0\x04note\0\0\x01\x8b\xcf\xe5\x68\0";
    assert_eq!(value.as_deref(), Some(&expected[..]));
    assert_eq!(decode(&key, value.as_deref()), decoded(record));
}

#[test]
fn a_position_with_an_expiry_is_written_in_version_1() {
    let record = offset_record(Some(position(Some(1_700_000_000_001))));

    let (key, value) = record.encode("g");

    let expected =
        b"\0\x01\0\0\0\0\0\0\0\x05\0\x04note\0\0\x01\x8b\xcf\xe5\x68\0\0\0\x01\x8b\xcf\xe5\x68\x01";
    assert_eq!(value.as_deref(), Some(&expected[..]));
    assert_eq!(decode(&key, value.as_deref()), decoded(record));
}

#[test]
fn a_generation_is_written_as_kafka_writes_it() {
    let record = Record::Group(Some(generation()));

    let (key, value) = record.encode("g");

    assert_eq!(&key[..], GROUP_KEY);
    let mut expected = Vec::new();
    expected.extend(b"\0\x03\0\x08consumer\0\0\0\x03\0\x05range\0\x01m");
    expected.extend(b"\0\0\x01\x8b\xcf\xe5\x68\0\0\0\0\x01");
    expected.extend(b"\0\x01m\0\x01i\0\x01c\0\x02/h\0\0\xea\x60\0\0\x27\x10");
    expected.extend(b"\0\0\0\x03sub\0\0\0\x03asg");
    assert_eq!(value.as_deref(), Some(&expected[..]));
    assert_eq!(decode(&key, value.as_deref()), decoded(record));
}

#[test]
fn an_empty_generation_has_nulls() {
    let value = GroupValue {
        protocol_type: String::new(),
        generation: 0,
        protocol: None,
        leader: None,
        state_timestamp: None,
        members: Vec::new(),
    };
    let record = Record::Group(Some(value));

    let (key, value) = record.encode("g");

    let expected = b"\0\x03\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0";
    assert_eq!(value.as_deref(), Some(&expected[..]));
    assert_eq!(decode(&key, value.as_deref()), decoded(record));
}

#[test]
fn a_missing_value_deletes() {
    let offset = offset_record(None);
    let group = Record::Group(None);

    assert_eq!(offset.encode("g").1, None);
    assert_eq!(decode(POSITION_KEY, None), decoded(offset));
    assert_eq!(decode(GROUP_KEY, None), decoded(group));
}

#[test]
fn positions_of_older_and_newer_versions_are_read() {
    let read = |bytes: &[u8]| match decode(POSITION_KEY, Some(bytes)) {
        Ok(Decoded::Group { record: Record::Offset { value: Some(value), .. }, .. }) => value,
        other => panic!("{other:?}"),
    };
    let time = b"\0\0\x01\x8b\xcf\xe5\x68\0";
    let old = OffsetValue { leader_epoch: -1, ..position(None) };

    assert_eq!(read(&[&b"\0\0\0\0\0\0\0\0\0\x05\0\x04note"[..], time].concat()), old);
    assert_eq!(read(&[&b"\0\x02\0\0\0\0\0\0\0\x05\0\x04note"[..], time].concat()), old);
    let without_expiry = [&b"\0\x01\0\0\0\0\0\0\0\x05\0\x04note"[..], time, &[0xff; 8]].concat();
    assert_eq!(read(&without_expiry), old);
    // Version 4 is flexible and has the topic's id in tag 0.
    let flexible = b"\0\x04\0\0\0\0\0\0\0\x05\0\0\0\x02\x05note";
    let tag = [&b"\x01\0\x10"[..], &[9; 16]].concat();
    assert_eq!(read(&[&flexible[..], time, &tag].concat()), position(None));
}

#[test]
fn generations_of_older_and_newer_versions_are_read() {
    let read = |bytes: &[u8]| match decode(GROUP_KEY, Some(bytes)) {
        Ok(Decoded::Group { record: Record::Group(Some(value)), .. }) => value,
        other => panic!("{other:?}"),
    };
    let head = b"\0\x08consumer\0\0\0\x03\0\x05range\0\x01m";
    let time = b"\0\0\x01\x8b\xcf\xe5\x68\0";
    let tail = b"\0\0\x27\x10\0\0\0\x03sub\0\0\0\x03asg";
    let member = |count: &[u8], id: &[u8], timeout: &[u8]| {
        [count, id, &b"\0\x01c\0\x02/h"[..], timeout, &tail[..]].concat()
    };
    let old = |timeout: u64, at: Option<Timestamp>| {
        let mut value = generation();
        value.state_timestamp = at;
        value.members[0].group_instance_id = None;
        value.members[0].rebalance_timeout = Duration::from_millis(timeout);
        value
    };
    let one = b"\0\0\0\x01";

    let v0 = [&b"\0\0"[..], head, &member(one, b"\0\x01m", b"")].concat();
    assert_eq!(read(&v0), old(10_000, None));
    let v1 = [&b"\0\x01"[..], head, &member(one, b"\0\x01m", b"\0\0\xea\x60")].concat();
    assert_eq!(read(&v1), old(60_000, None));
    let v2 = [&b"\0\x02"[..], head, time, &member(one, b"\0\x01m", b"\0\0\xea\x60")].concat();
    assert_eq!(read(&v2), old(60_000, Some(Timestamp(1_700_000_000_000))));
    let v4 = [
        &b"\0\x04\x09consumer\0\0\0\x03\x06range\x02m"[..],
        time,
        &b"\x02\x02m\x02i\x02c\x03/h\0\0\xea\x60\0\0\x27\x10\x04sub\x04asg\0\0"[..],
    ]
    .concat();
    assert_eq!(read(&v4), generation());
}

#[test]
fn keys_of_other_kinds_are_skipped_and_damage_is_told() {
    assert_eq!(decode(b"\0\x03\0\x01g", Some(b"x")), Ok(Decoded::Other(3)));
    assert_eq!(decode(b"\0", None), Err(RecordError::Short));
    assert_eq!(decode(GROUP_KEY, Some(b"\0\x09")), Err(RecordError::Version(9)));
    assert_eq!(decode(GROUP_KEY, Some(b"\0\x03\0\x08cons")), Err(RecordError::Short));
    let lying = b"\0\x03\0\0\0\0\0\0\xff\xff\xff\xff\0\0\0\0\0\0\0\0\x7f\xff\xff\xff";
    assert_eq!(decode(GROUP_KEY, Some(lying)), Err(RecordError::Short));
    let no_topic = decode(b"\0\x01\0\x01g\0\x01/\0\0\0\0", None);
    assert_eq!(no_topic, Err(RecordError::Topic("/".to_owned())));
}

#[test]
fn no_prefix_of_a_value_is_read_as_a_whole_one() {
    let (key, value) = Record::Group(Some(generation())).encode("g");
    let value = value.unwrap();

    for length in 0..value.len() {
        assert!(decode(&key, Some(&value[..length])).is_err(), "{length} bytes were enough");
    }
}
