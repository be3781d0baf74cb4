//! The clients of a simulated group, and what decides on their whims.

/// `SplitMix64`: ten lines beat a dependency, and its stream never changes under us.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }
}

/// What a sensible client would do next.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Next {
    #[default]
    Join,
    Sync,
    Work,
    /// It waits for an answer.
    Nothing,
}

/// What a client knows of itself.
#[derive(Clone, Default)]
pub(crate) struct Client {
    pub(crate) member_id: String,
    pub(crate) generation_id: i32,
    pub(crate) leads: bool,
    pub(crate) members: Vec<String>,
    /// Changes now and then, so that followers start rebalances as well.
    pub(crate) metadata: u64,
    pub(crate) next: Next,
}
