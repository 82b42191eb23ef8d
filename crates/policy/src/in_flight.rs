//! How many requests are below us now, and how many there were at most.
//!
//! One for a device and not one for each processor: the peak of a sum is not the sum of the peaks, so an exact peak
//! needs one gauge. It is therefore the one word of a followed request that moves between processors.

use crate::sync::{AtomicU64, Ordering};

/// A gauge with its peak, shared by processors.
///
/// # Invariants
///
/// 1. `now` never goes below 0: a leave that no enter came before changes nothing.
/// 2. Once every `enter` has returned, `peak` is the largest value that `now` ever had.
/// 3. All-zero memory is a gauge that nothing has entered.
#[derive(Debug)]
#[repr(C)]
pub struct InFlight {
    now: AtomicU64,
    peak: AtomicU64,
}

impl InFlight {
    /// A gauge that nothing has entered. Zeroed memory is the same.
    #[must_use]
    pub fn new() -> Self {
        Self {
            now: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        }
    }

    /// One more is in flight. Returns how many that makes.
    // Each value that the gauge has had is returned to exactly one caller, who raises the peak to it; that is why the
    // peak is exact, and why no ordering is needed.
    pub fn enter(&self) -> u64 {
        let now = self.now.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // The peak is seldom raised, and reading it leaves its cache line shared. A peak that reads too low is raised
        // by `fetch_max` or not at all; it never reads too high, since it only grows.
        if self.peak.load(Ordering::Relaxed) < now {
            self.peak.fetch_max(now, Ordering::Relaxed);
        }
        now
    }

    /// One less is in flight. Returns false, and changes nothing, where none was.
    // Not a subtraction, whose result others would see before it could be taken back.
    pub fn leave(&self) -> bool {
        let one_less = |now: u64| now.checked_sub(1);
        self.now
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    /// How many are in flight.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    /// The most that ever were in flight at once.
    ///
    /// While others enter, it may lag behind [`now`](Self::now): the gauge is raised first.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self::new()
    }
}

/// What a reader of raw memory relies on.
#[cfg(not(loom))]
const _: () = {
    use core::mem::offset_of;

    assert!(offset_of!(InFlight, now) == 0 && offset_of!(InFlight, peak) == 8);
    assert!(size_of::<InFlight>() == 16);
};
