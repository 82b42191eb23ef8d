//! What has happened before: of each kind the first time is told apart from all others.
//!
//! What it is not: a lock or an order. Nothing that one caller did is seen by another because of it, so the processor's own
//! atomic does in every build, and it can stand in a static.

use core::sync::atomic::{AtomicU32, Ordering};

/// A set of the kinds, numbered from 0 to 31, that have happened.
#[derive(Debug)]
pub struct Once(AtomicU32);

impl Once {
    /// Nothing has happened yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Whether this is the first of its kind. A kind from 32 on never is.
    #[must_use = "it is the first only once"]
    pub fn first(&self, kind: u32) -> bool {
        1_u32
            .checked_shl(kind)
            .is_some_and(|bit| self.0.fetch_or(bit, Ordering::Relaxed) & bit == 0)
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}
