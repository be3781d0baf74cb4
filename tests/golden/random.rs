//! Random damage, the same for the same seed.

use bytes::Bytes;

/// A number from the environment, or `default`.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// Values of lengths and counts that have broken decoders, as they stand on the wire.
const EXTREMES: &[&[u8]] = &[
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\xfe",
    b"\x80\0\0\0",
    b"\0\xff\xff\xff",
    b"\0\x01\0\0",
    b"\x7f\xff",
    b"\xff\xff",
    b"\x80\0",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x7f",
    b"\x80\x80\x80\x80\x08",
    b"\xff\xff\x7f",
    b"\x80\x80\x80\x80\x80\0",
    b"\0",
    b"\x01",
];

/// A generator of numbers (splitmix64): a seed makes the same frames again.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        items.get(self.below(items.len())).expect("something to choose from")
    }

    /// Damages `frame` in one way; `others` are pieces to splice into it.
    pub(crate) fn damage(&mut self, frame: &mut Vec<u8>, others: &[Bytes]) {
        let at = self.below(frame.len());
        match self.below(7) {
            0 => {
                if let Some(byte) = frame.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                if let Some(byte) = frame.get_mut(at) {
                    *byte = self.byte();
                }
            }
            2 => {
                let extreme = self.one_of(EXTREMES);
                let end = (at + extreme.len()).min(frame.len());
                frame.splice(at..end, extreme.iter().copied());
            }
            3 => frame.truncate(at),
            4 => {
                let count = self.below(40);
                let noise: Vec<u8> = (0..count).map(|_| self.byte()).collect();
                frame.splice(at..at, noise);
            }
            5 => {
                let other = if others.is_empty() { &Bytes::new() } else { self.one_of(others) };
                let from = self.below(other.len());
                let tail = other.get(from..).unwrap_or_default();
                frame.truncate(at);
                frame.extend_from_slice(tail);
            }
            // Many empty elements behind a count that may fit: what grows most once it is decoded.
            _ => {
                let count = self.below(3000);
                frame.truncate(at);
                frame.resize(at + count, *self.one_of(&[0, 1, 2, 0xff]));
            }
        }
    }
}
