//! The performance counter: time in ticks, good for measuring spans and for nothing else.

use core::{mem::MaybeUninit, num::NonZeroU64, ptr};

use wdk_sys::{LARGE_INTEGER, ntddk::KeQueryPerformanceCounter};

use crate::layout::large_integer;

/// A reading of the performance counter. It never goes back, and all processors agree on it.
///
/// The default is the counter's start, from which nothing can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(u64);

impl Ticks {
    /// The counter now.
    #[must_use]
    pub fn now() -> Self {
        // SAFETY: allowed at any IRQL; the frequency is optional.
        let mut count = unsafe { KeQueryPerformanceCounter(ptr::null_mut()) };
        // SAFETY: of the union, the whole is read, which the call returned.
        Self(unsafe { large_integer::quad_part(&raw mut count).read() }.cast_unsigned())
    }

    /// The ticks that have passed since `earlier`, 0 where it is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The reading itself.
    #[must_use]
    pub const fn to_raw(self) -> u64 {
        self.0
    }
}

/// How many ticks there are in a second. It does not change while the system runs.
#[must_use]
pub fn frequency_hz() -> NonZeroU64 {
    let mut frequency = MaybeUninit::<LARGE_INTEGER>::zeroed();
    // SAFETY: allowed at any IRQL, and the frequency goes to a local.
    unsafe { KeQueryPerformanceCounter(frequency.as_mut_ptr()) };
    // SAFETY: of the union, the whole is read, which is initialised.
    let frequency = unsafe { large_integer::quad_part(frequency.as_mut_ptr()).read() };
    // The counter runs on every Windows there is. One tick a second is what a counter that stood still would show.
    NonZeroU64::new(frequency.cast_unsigned()).unwrap_or(NonZeroU64::MIN)
}
