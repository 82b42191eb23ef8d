//! The clock's promise: less than a nanosecond off at any frequency, against exact arithmetic, and no overflow.
#![cfg(not(loom))]

use std::num::NonZeroU64;

use policy::clock::Clock;
use proptest::prelude::*;

const NS_PER_S: u128 = 1_000_000_000;
const SPAN_NS: u128 = 1 << 40;

fn clock(hz: u64) -> Clock {
    Clock::new(NonZeroU64::new(hz).expect("a frequency is not 0"))
}

/// Panics where the result is a nanosecond or more off. `ticks * 10^9 / hz` is exact as a fraction over `hz`.
fn check(hz: u64, ticks: u64) {
    let exact_times_hz = u128::from(ticks) * NS_PER_S;
    if exact_times_hz / u128::from(hz) > SPAN_NS {
        return;
    }
    let nanoseconds = u128::from(clock(hz).nanoseconds(ticks));
    let off_times_hz = (nanoseconds * u128::from(hz)).abs_diff(exact_times_hz);
    assert!(
        off_times_hz < u128::from(hz),
        "{ticks} ticks at {hz} Hz are {nanoseconds} ns?"
    );
}

/// The most ticks of a span that the bound is promised for.
fn ticks_of_span(hz: u64) -> u64 {
    u64::try_from(SPAN_NS * u128::from(hz) / NS_PER_S).unwrap_or(u64::MAX)
}

#[test]
fn common_counters_are_converted_exactly() {
    for (hz, ns_per_tick) in [(10_000_000, 100), (1_000_000_000, 1), (24_000_000 / 24, 1_000)] {
        let clock = clock(hz);
        assert_eq!(clock.frequency_hz(), hz);
        for ticks in (0..10_000).chain((1 << 33)..(1 << 33) + 10_000) {
            assert_eq!(clock.nanoseconds(ticks), ticks * ns_per_tick, "{ticks} at {hz} Hz");
        }
    }
    assert_eq!(clock(3_579_545).nanoseconds(3_579_545), 1_000_000_000);
    assert_eq!(
        clock(3_000_000_000).nanoseconds(3),
        1,
        "a whole nanosecond came out short"
    );
}

#[test]
fn every_power_of_two_and_ten_and_its_neighbours_is_a_frequency_within_the_error_bound() {
    let twos = (0..u64::BITS).map(|exponent| 1_u64 << exponent);
    let tens = (0..20).map(|exponent| 10_u64.pow(exponent));
    for hz in twos.chain(tens).chain([u64::MAX]) {
        for hz in [hz.saturating_sub(1).max(1), hz, hz.saturating_add(1)] {
            let longest = ticks_of_span(hz);
            for ticks in [0, 1, 2, 3, longest / 3, longest - 1, longest] {
                check(hz, ticks);
            }
        }
    }
}

#[test]
fn a_span_too_long_for_nanoseconds_is_the_longest_there_is() {
    assert_eq!(clock(1).nanoseconds(u64::MAX), u64::MAX);
    assert_eq!(clock(999_999_999).nanoseconds(u64::MAX), u64::MAX);
    assert_eq!(clock(1_000_000_000).nanoseconds(u64::MAX), u64::MAX);
    assert!(clock(1_000_000_001).nanoseconds(u64::MAX) < u64::MAX);
    assert_eq!(clock(u64::MAX).nanoseconds(u64::MAX), 1_000_000_000);
}

proptest! {
    #[test]
    fn any_span_at_any_frequency_is_less_than_a_nanosecond_off(hz in 1..=u64::MAX, shift in 0..u64::BITS, part: u64) {
        let hz = (hz >> shift).max(1);
        let ticks = (u128::from(ticks_of_span(hz)) * u128::from(part)) >> u64::BITS;
        check(hz, ticks as u64);
    }

    #[test]
    fn a_longer_span_is_not_shorter(hz in 1..=u64::MAX, shift in 0..u64::BITS, first: u64, second: u64) {
        let clock = clock((hz >> shift).max(1));
        let (shorter, longer) = (first.min(second), first.max(second));
        prop_assert!(clock.nanoseconds(shorter) <= clock.nanoseconds(longer));
    }
}
