//! What records hold.

/// Letters that compress about as well as text does; the same at each call.
pub(crate) fn text(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'a' + u8::try_from(state % 16).expect("less than 16")
    };
    (0..bytes).map(|_| letter()).collect()
}
