//! Codecs, their bounds, and what other clients write.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "numbers of a test are small"
)]

use super::*;

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

fn text(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at % 251) as u8 ^ (at / 1000) as u8).collect()
}

#[test]
fn what_a_codec_packs_it_unpacks() {
    for codec in CODECS {
        for bytes in [0, 1, 1000, 200_000] {
            let input = text(bytes);

            let packed = compress(codec, codec.default_level(), &input).unwrap();
            let unpacked = decompress(codec, &packed, bytes).unwrap();

            assert!(unpacked == input, "{bytes} bytes of {codec}");
        }
    }
}

#[test]
fn exactly_the_budget_may_come_out_and_not_a_byte_more() {
    for codec in CODECS {
        let packed = compress(codec, codec.default_level(), &[7; 5000]).unwrap();

        assert_eq!(decompress(codec, &packed, 5000).map(|bytes| bytes.len()), Ok(5000));
        assert_eq!(
            decompress(codec, &packed, 4999),
            Err(CompressionError::TooLarge { codec, budget_bytes: 4999 })
        );
    }
}

#[test]
fn snappy_is_read_without_frames_as_librdkafka_writes_it() {
    let input = text(70_000);
    let raw = snap::raw::Encoder::new().compress_vec(&input).unwrap();

    assert!(decompress(Codec::Snappy, &raw, 70_000).unwrap() == input);
}

#[test]
fn snappy_frames_hold_blocks_of_32_kib_as_java_writes_them() {
    let packed = compress(Codec::Snappy, 0, &text(70_000)).unwrap();

    assert!(packed.starts_with(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"));
    let first = i32::from_be_bytes(*packed[16..].first_chunk().unwrap()) as usize;
    assert_eq!(snap::raw::decompress_len(&packed[20..20 + first]), Ok(32 * 1024));
}

#[test]
fn a_snappy_block_that_claims_gigabytes_is_refused_before_memory_is_taken() {
    let raw = [0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0];
    let mut framed = compress(Codec::Snappy, 0, &[]).unwrap();
    framed.extend_from_slice(&7_i32.to_be_bytes());
    framed.extend_from_slice(&raw);

    for claim in [&raw[..], &framed] {
        let refused = decompress(Codec::Snappy, claim, 1 << 20);

        let budget_bytes = 1 << 20;
        assert_eq!(refused, Err(CompressionError::TooLarge { codec: Codec::Snappy, budget_bytes }));
        let within_budget = decompress(Codec::Snappy, claim, usize::MAX);
        assert!(matches!(within_budget, Err(CompressionError::Damaged(Codec::Snappy, _))));
    }
}

#[test]
fn snappy_blocks_share_one_budget() {
    let packed = compress(Codec::Snappy, 0, &[0; 70_000]).unwrap();

    assert!(decompress(Codec::Snappy, &packed, 69_999).is_err());
}

#[test]
fn bombs_stop_at_the_budget() {
    for codec in CODECS {
        let bomb = compress(codec, codec.default_level(), &vec![0; 8 << 20]).unwrap();

        let refused = decompress(codec, &bomb, 1 << 20);

        assert_eq!(refused, Err(CompressionError::TooLarge { codec, budget_bytes: 1 << 20 }));
    }
}

#[test]
fn damaged_and_cut_data_is_an_error() {
    for codec in CODECS {
        let packed = compress(codec, codec.default_level(), &text(10_000)).unwrap();
        let mut damaged = packed.clone();
        damaged[packed.len() / 2..].fill(0xff);

        assert!(decompress(codec, &damaged, 1 << 20).is_err(), "damaged {codec}");
        assert!(decompress(codec, &packed[..packed.len() / 2], 1 << 20).is_err(), "cut {codec}");
        assert!(decompress(codec, b"no such data", 1 << 20).is_err(), "no {codec} at all");
    }
}

#[test]
fn levels_of_the_settings_make_smaller_data() {
    let input: Vec<u8> = (0..60_000_u32).flat_map(|n| (n * n % 977).to_be_bytes()).collect();
    for (codec, fast, small) in [(Codec::Gzip, 1, 9), (Codec::Zstd, -5, 19)] {
        let fast = compress(codec, fast, &input).unwrap();
        let small = compress(codec, small, &input).unwrap();

        assert!(small.len() < fast.len(), "{codec}: {} and {}", small.len(), fast.len());
    }
}
