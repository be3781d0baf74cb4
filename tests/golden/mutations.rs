//! Damaged frames: none may cost a panic, or more memory than a few times its size.

use crate::examples::all;
use crate::random::{Random, setting};
use crate::read::read;
use bytes::Bytes;
use ottla_actors::wire::{DECODED_BYTES_MIN, DECODED_RATIO_MAX};

/// Iterations of the ordinary run; a few seconds without optimisation.
const ITERATIONS: u64 = 1_000_000;

/// What reading may take beside the decoded request: the shared handle of the frame, and the text
/// of an error.
const OVERHEAD_BYTES: usize = 16 * 1024;

/// Reads `frame`: whether it is taken, and what that took in all, in bytes.
fn cost(frame: &Bytes) -> (bool, usize) {
    let frame = frame.clone();
    let mut is_taken = false;
    let info = allocation_counter::measure(|| is_taken = read(frame).is_ok());
    (is_taken, usize::try_from(info.bytes_total).unwrap_or(usize::MAX))
}

/// Whether the frame was taken; it may not have cost too much either way.
fn assert_affordable(frame: &[u8], what: impl Fn() -> String) -> bool {
    let frame = Bytes::copy_from_slice(frame);
    let allowed = (DECODED_RATIO_MAX * frame.len()).max(DECODED_BYTES_MIN) + OVERHEAD_BYTES;

    let (is_taken, taken) = cost(&frame);

    assert!(taken <= allowed, "{} takes {taken} bytes, {allowed} allowed: {frame:?}", what());
    is_taken
}

#[test]
fn the_frames_that_ended_processes_cost_nothing() {
    let delete_records = b"\0\x15\0\x01\0\0\0\x07\0\0\x7f\xff\xff\xff";
    let metadata = b"\0\x03\0\0\0\0\0\x07\0\x03abc\x7f\xff\xff\xff";

    for frame in [&delete_records[..], metadata] {
        let frame = Bytes::copy_from_slice(frame);

        assert!(read(frame.clone()).is_err());
        let (_, taken) = cost(&frame);
        assert!(taken < 1024, "{frame:?} takes {taken} bytes");
    }
}

#[test]
fn no_damaged_frame_costs_more_than_a_few_times_its_size() {
    let seed = setting("GOLDEN_SEED", 1);
    let mut random = Random::new(seed);
    let examples = all();
    let others: Vec<Bytes> = examples.iter().map(|example| example.frame.clone()).collect();
    let iterations = setting("GOLDEN_ITERATIONS", ITERATIONS);
    let mut taken = 0;
    for iteration in 0..iterations {
        let example = random.one_of(&examples);
        let mut frame = example.frame.to_vec();
        for _ in 0..=random.below(3) {
            random.damage(&mut frame, &others);
        }
        let (key, version) = (example.key, example.version);
        let what = || format!("seed {seed}, {iteration}: key {key} v{version}");
        taken += u64::from(assert_affordable(&frame, what));
    }
    // Damage that never gets past the head would find nothing.
    let (least, most) = (iterations / 5, iterations / 5 * 4);
    assert!((least..=most).contains(&taken), "{taken} of {iterations} frames were taken");
}

#[test]
fn lists_of_empty_elements_are_affordable_wherever_they_stand() {
    // The largest growth there is: a count that is right, of elements of a byte or two.
    const COUNTS: [&[u8]; 2] = [b"\0\0\x0f\xa0", b"\xa1\x1f"];
    for example in all() {
        for at in 8..=example.frame.len() {
            for (count, fill) in COUNTS.into_iter().flat_map(|count| [(count, 0), (count, 1)]) {
                let mut frame = example.frame.get(..at).unwrap_or_default().to_vec();
                frame.extend_from_slice(count);
                frame.resize(frame.len() + 3 * 4000, fill);

                let (key, version) = (example.key, example.version);
                assert_affordable(&frame, || format!("key {key} v{version}, {fill} from {at} on"));
            }
        }
    }
}

fn api_versions_with_tags(tags: &[u16]) -> Bytes {
    let mut frame = b"\0\x12\0\x03\0\0\0\x01\xff\xff\0\x01\x01".to_vec();
    let varint = |value: u16| [value.to_le_bytes()[0] | 0x80, (value >> 7).to_le_bytes()[0]];
    frame.extend_from_slice(&varint(u16::try_from(tags.len()).expect("few tags")));
    for tag in tags {
        frame.extend_from_slice(&varint(*tag));
        frame.push(0);
    }
    frame.into()
}

#[test]
fn maps_of_unknown_tagged_fields_take_no_more_than_they_are_counted_for() {
    for count in [1, 2, 12, 13, 100, 500] {
        let upwards: Vec<u16> = (0..count).collect();
        let downwards: Vec<u16> = (0..count).rev().collect();
        let to_and_fro: Vec<u16> = (0..count).map(|tag| tag.wrapping_mul(7919) % 16_381).collect();
        for tags in [upwards, downwards, to_and_fro] {
            let counted = 512 + 128 * (usize::from(count) - 1);

            let (is_taken, taken) = cost(&api_versions_with_tags(&tags));

            assert!(is_taken && taken <= counted, "{count} tags take {taken} bytes: {tags:?}");
        }
    }
}

#[test]
fn more_unknown_tagged_fields_than_are_affordable_are_refused() {
    let tags: Vec<u16> = (0..8_000).collect();
    let frame = api_versions_with_tags(&tags);

    assert!(!assert_affordable(&frame, || "8000 tags".to_owned()));
}
