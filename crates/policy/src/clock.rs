//! Ticks of a performance counter to nanoseconds, by one multiplication and one shift.
//!
//! The result is **less than one nanosecond off** for spans to 2^40 ns (over 18 minutes), at any frequency. Longer
//! spans are off by less than 1 ns and one part in 2^61, and a span that does not fit is `u64::MAX`.
//!
//! It reads no counter: that is the caller's.

use core::num::{NonZeroU64, NonZeroU128};

const NS_PER_S: u128 = 1_000_000_000;

/// The bits that a multiplier has at least. It may have one more, and rounding up may add another: its product with any
/// count of ticks then fits 128.
const MULTIPLIER_BITS: u32 = 62;

/// The rate of a performance counter, with what conversion needs computed once.
///
/// # Invariants
///
/// 1. `multiplier` is `10^9 * 2^shift / frequency_hz`, rounded up, and from 2^61 to 2^63.
/// 2. All-zero memory is a clock that has stopped: every span is 0 ns.
// Rounded up, so that a span of whole nanoseconds does not come out one short. Before its last fraction is cut off,
// the result is too large by less than one part in 2^61, which is 2^-21 ns in 2^40.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Clock {
    frequency_hz: u64,
    multiplier: u64,
    shift: u64,
}

impl Clock {
    /// The clock of a counter with `frequency_hz` ticks a second.
    #[must_use]
    pub fn new(frequency_hz: NonZeroU64) -> Self {
        let hz = NonZeroU128::from(frequency_hz);
        // A quotient has as many bits as the dividend has more than the divisor, or one bit more. The dividend keeps
        // all of its own: 10^9 has 30, and no frequency asks for a shift above 96.
        let bits_of_hz = u128::BITS.saturating_sub(hz.leading_zeros());
        let bits_of_ns = u128::BITS.saturating_sub(NS_PER_S.leading_zeros());
        let shift = MULTIPLIER_BITS.saturating_add(bits_of_hz).saturating_sub(bits_of_ns);
        let scaled = NS_PER_S.wrapping_shl(shift);
        let rounded_up = (scaled / hz).saturating_add(u128::from(scaled % hz != 0));
        Self {
            frequency_hz: frequency_hz.get(),
            multiplier: u64::try_from(rounded_up).unwrap_or(u64::MAX),
            shift: u64::from(shift),
        }
    }

    /// Ticks a second.
    #[must_use]
    pub const fn frequency_hz(&self) -> u64 {
        self.frequency_hz
    }

    /// How long `ticks` are, in nanoseconds.
    #[must_use]
    pub const fn nanoseconds(&self, ticks: u64) -> u64 {
        // 64 bits by at most 2^63: the product fits.
        let product = (ticks as u128).saturating_mul(self.multiplier as u128);
        let nanoseconds = product.wrapping_shr(self.shift as u32);
        if nanoseconds > u64::MAX as u128 {
            return u64::MAX;
        }
        nanoseconds as u64
    }
}

/// What a reader of raw memory relies on.
const _: () = {
    use core::mem::offset_of;

    assert!(offset_of!(Clock, frequency_hz) == 0);
    assert!(offset_of!(Clock, multiplier) == 8);
    assert!(offset_of!(Clock, shift) == 16);
    assert!(size_of::<Clock>() == 24);
};
