//! The seeded choices of a run, in streams that do not disturb each other.
//!
//! Each part of the machine draws from a stream of its own, so that one more choice of the disk does not change what
//! the scheduler does.

use std::cell::RefCell;

use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng as _, SeedableRng as _},
};

/// A stream of choices.
pub(crate) struct Random(RefCell<Xoshiro256PlusPlus>);

impl Random {
    /// The stream `name` of `seed`.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let mixed = name.bytes().fold(seed ^ 0x9E37_79B9_7F4A_7C15, |mixed, byte| {
            (mixed ^ u64::from(byte))
                .wrapping_mul(0x0000_0100_0000_01B3)
                .rotate_left(29)
        });
        Self(RefCell::new(Xoshiro256PlusPlus::seed_from_u64(mixed)))
    }

    /// A number below `limit`, or 0 where there is none.
    pub(crate) fn below(&self, limit: u64) -> u64 {
        let random = self.0.borrow_mut().next_u64();
        // The upper half of the product: as even as the limits here need.
        u64::try_from((u128::from(random) * u128::from(limit)) >> 64).unwrap_or_default()
    }

    /// An index into something that has `length` entries.
    pub(crate) fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// True in `per_mille` of 1000 cases.
    pub(crate) fn chance(&self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) < u64::from(per_mille)
    }
}
