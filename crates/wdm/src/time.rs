//! Two clocks: the performance counter, whose ticks are good for measuring spans, and the interrupt time, which timers go by.

use core::{mem::MaybeUninit, num::NonZeroU64, ptr, time::Duration};

use wdk_sys::{
    LARGE_INTEGER,
    ntddk::{KeQueryPerformanceCounter, KeQueryUnbiasedInterruptTime},
};

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

/// How many nanoseconds the kernel's unit of time has.
const UNIT_NANOSECONDS: u128 = 100;

/// A point in the time that a [`Timer`](crate::Timer) goes by: since the system started, without the time that it slept.
///
/// The default is that start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterruptTime(u64);

impl InterruptTime {
    /// The time now, as of the last clock interrupt.
    #[must_use]
    pub fn now() -> Self {
        // SAFETY: allowed at any IRQL.
        Self(unsafe { KeQueryUnbiasedInterruptTime() })
    }

    /// The time so much later.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(units(span)))
    }

    /// How long it is until `later`; nothing where that has passed.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        let units = later.0.saturating_sub(self.0);
        Duration::from_nanos(units.saturating_mul(UNIT_NANOSECONDS as u64))
    }
}

/// A span in the kernel's unit, rounded up, so that nobody waits for less.
const fn units(span: Duration) -> u64 {
    let units = span.as_nanos().div_ceil(UNIT_NANOSECONDS);
    if units > u64::MAX as u128 {
        u64::MAX
    } else {
        units as u64
    }
}

/// A span from now on, as the kernel's functions take it. The shortest there is is one unit: 0 would be a date.
pub(crate) fn relative(span: Duration) -> LARGE_INTEGER {
    let units = i64::try_from(units(span)).unwrap_or(i64::MAX).max(1);
    let mut time = MaybeUninit::<LARGE_INTEGER>::zeroed();
    // SAFETY: of the union, the whole is written.
    unsafe { large_integer::quad_part(time.as_mut_ptr()).write(units.wrapping_neg()) };
    // SAFETY: as above.
    unsafe { time.assume_init() }
}
