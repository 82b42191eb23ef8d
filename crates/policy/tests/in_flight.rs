//! The gauge: its peak is exact and it never goes below nothing.
#![cfg(not(loom))]

use std::thread;

use policy::in_flight::InFlight;
use proptest::prelude::*;

#[test]
fn a_leave_that_no_enter_came_before_changes_nothing() {
    let gauge = InFlight::new();
    assert!(!gauge.leave());
    assert_eq!((gauge.now(), gauge.peak()), (0, 0));
    assert_eq!(gauge.enter(), 1, "the unmatched leave was remembered");
    assert!(gauge.leave());
    assert!(!gauge.leave());
    assert_eq!((gauge.now(), gauge.peak()), (0, 1));
}

#[test]
fn threads_that_leave_more_often_than_they_enter_never_show_a_gauge_below_nothing() {
    const THREADS: u64 = 3;
    let gauge = InFlight::new();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    gauge.enter();
                    gauge.leave();
                    gauge.leave();
                    assert!(gauge.now() <= THREADS, "a gauge below nothing reads as a huge one");
                }
            });
        }
    });
    assert_eq!(gauge.now(), 0);
    assert!((1..=THREADS).contains(&gauge.peak()));
}

proptest! {
    #[test]
    fn now_and_peak_are_those_of_the_sequence(enters: Vec<bool>) {
        let gauge = InFlight::new();
        let (mut now, mut peak) = (0_u64, 0);
        for enter in enters {
            if enter {
                now += 1;
                peak = peak.max(now);
                prop_assert_eq!(gauge.enter(), now);
            } else {
                prop_assert_eq!(gauge.leave(), now > 0);
                now = now.saturating_sub(1);
            }
            prop_assert_eq!((gauge.now(), gauge.peak()), (now, peak));
        }
    }
}
