//! The header of a batch, and what stamping it leaves alone.

use super::*;
use crate::wire::BatchBuilder;

fn batch() -> Bytes {
    let mut builder = BatchBuilder::new();
    builder.record(1_000, Some(b"k"), Some(b"v"));
    builder.record(1_005, None, None);
    builder.build()
}

#[test]
fn a_stamped_batch_has_its_place_and_the_producers_bytes() {
    let sent = batch();
    let header = BatchHeader::parse(&sent).unwrap();

    let stamped = StampedBatch::new(header, &sent, Offset::clamped(77), LeaderEpoch(5));

    let stored = stamped.to_bytes();
    let read = BatchHeader::parse(&stored).unwrap();
    assert_eq!(read, stamped.header);
    assert_eq!((read.base_offset, read.last_offset(), read.leader_epoch), (77, 78, 5));
    assert_eq!(read.next_offset(), Offset::clamped(79));
    assert_eq!(read.crc, crc_of(&stored), "the CRC does not cover what the leader writes");
    assert_eq!(stored[PREFIX_BYTES..], sent[PREFIX_BYTES..]);
    assert_eq!(stamped.rest().as_ptr(), sent[PREFIX_BYTES..].as_ptr(), "the records were copied");
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let whole = batch();
    let mut old = whole.to_vec();
    old[16] = 1;
    let mut short = whole.to_vec();
    short[8..12].copy_from_slice(&48_i32.to_be_bytes());
    let mut negative = whole.to_vec();
    negative[8..12].copy_from_slice(&(-1_i32).to_be_bytes());

    assert_eq!(BatchHeader::parse(&whole[..60]), Err(HeaderError::Short));
    assert_eq!(BatchHeader::parse(&old), Err(HeaderError::Magic(1)));
    assert_eq!(BatchHeader::parse(&short), Err(HeaderError::Length(48)));
    assert_eq!(BatchHeader::parse(&negative), Err(HeaderError::Length(-1)));
}

#[test]
fn sequences_wrap_from_the_largest_to_0() {
    let header = BatchHeader::parse(&batch()).unwrap();
    let wraps = BatchHeader { base_sequence: i32::MAX, ..header };

    assert_eq!(sequence_after(i32::MAX, 1), 0);
    assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
    assert_eq!(wraps.last_sequence(), 0);
    assert_eq!(header.last_sequence(), -1);
}

#[test]
#[should_panic(expected = "disagree in size")]
fn a_batch_is_never_stamped_with_anothers_header() {
    let sent = batch();
    let header = BatchHeader::parse(&sent).unwrap();

    drop(StampedBatch::new(header, &sent.slice(..70), Offset::ZERO, LeaderEpoch(0)));
}
