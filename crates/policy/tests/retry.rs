//! Whether a request is sent again: every small case against the rules in their plainest form, and what must hold of any.
#![cfg(not(loom))]

use std::time::Duration;

use policy::{
    configuration::{Configuration, Found, Key, Setting},
    retry::{ALL_STATUSES, Next, Retry, Returned, TRANSIENT, Why},
};
use proptest::prelude::*;

const STATUS_SUCCESS: i32 = 0;
const STATUS_REPARSE: i32 = 0x104;
/// Informational.
const STATUS_FT_WRITE_RECOVERY: i32 = 0x4000_000B;
const STATUS_VERIFY_REQUIRED: i32 = 0x8000_0016_u32.cast_signed();
const STATUS_CANCELLED: i32 = 0xC000_0120_u32.cast_signed();
const STATUS_NO_SUCH_DEVICE: i32 = 0xC000_000E_u32.cast_signed();

/// What a device goes by with these settings.
fn configured(attempts: u32, deadline_ms: u32, backoff_ms: u32, statuses: u32) -> Retry {
    let mut configuration = Configuration::DEFAULT;
    for (setting, value) in [
        (Setting::RetryAttempts, attempts),
        (Setting::RetryDeadlineMs, deadline_ms),
        (Setting::RetryBackoffMs, backoff_ms),
        (Setting::RetryStatuses, statuses),
    ] {
        let taken = configuration.take(setting, Key::Device, Found::Dword(value));
        assert_eq!(taken, Ok(()), "{setting:?} = {value}");
    }
    Retry::new(&configuration)
}

fn returned(status: i32, resent: u32, elapsed_ms: u64) -> Returned {
    Returned {
        status,
        cancelled: false,
        resent,
        elapsed: Duration::from_millis(elapsed_ms),
    }
}

#[test]
fn nothing_is_sent_again_unless_it_was_asked_for() {
    let retry = Retry::new(&Configuration::DEFAULT);
    assert!(!retry.is_on());
    for transient in TRANSIENT {
        assert_eq!(
            retry.next(&returned(transient.status, 0, 0)),
            Next::Complete(Why::Final)
        );
    }
}

#[test]
fn the_default_is_the_first_four_statuses_and_each_bit_is_one() {
    let first = [0xC000_00B5_u32, 0x8000_0011, 0xC000_00A3, 0xC000_0185].map(u32::cast_signed);
    assert!(TRANSIENT.iter().map(|transient| transient.status).take(4).eq(first));
    assert_eq!(Setting::RetryStatuses.definition().default, 0xF);
    for mask in 0..=ALL_STATUSES {
        let retry = configured(1, 1_000, 0, mask);
        for (bit, transient) in TRANSIENT.iter().enumerate() {
            let is_chosen = mask >> bit & 1 != 0;
            assert_eq!(
                retry.is_transient(transient.status),
                is_chosen,
                "{mask:#x}, {transient:?}"
            );
        }
    }
}

#[test]
fn what_may_be_chosen_are_different_failures_that_pass() {
    for (index, transient) in TRANSIENT.iter().enumerate() {
        assert!(transient.status < 0, "{transient:?} is no failure");
        let others = &TRANSIENT[index + 1..];
        assert!(
            !others
                .iter()
                .any(|other| other.status == transient.status || other.name == transient.name)
        );
        for never in [STATUS_VERIFY_REQUIRED, STATUS_CANCELLED, STATUS_NO_SUCH_DEVICE] {
            assert_ne!(transient.status, never);
        }
    }
}

#[test]
fn what_is_no_failure_or_none_that_passes_is_never_sent_again() {
    let retry = configured(8, 600_000, 0, ALL_STATUSES);
    for status in [STATUS_SUCCESS, STATUS_REPARSE, STATUS_FT_WRITE_RECOVERY] {
        assert_eq!(retry.next(&returned(status, 0, 0)), Next::Complete(Why::Final));
        assert_eq!(retry.next(&returned(status, 1, 0)), Next::Complete(Why::Recovered));
    }
    for status in [STATUS_VERIFY_REQUIRED, STATUS_CANCELLED, STATUS_NO_SUCH_DEVICE] {
        for resent in 0..=8 {
            assert_eq!(retry.next(&returned(status, resent, 0)), Next::Complete(Why::Final));
        }
    }
}

/// The rules one after the other, in whole milliseconds.
fn plainly(attempts: u32, deadline: u64, backoff: u64, mask: u32, returned: &Returned) -> Next {
    let elapsed = returned.elapsed.as_millis() as u64;
    let bit = TRANSIENT
        .iter()
        .position(|transient| transient.status == returned.status);
    let is_transient = bit.is_some_and(|bit| mask & 1 << bit != 0);
    let mut wait = backoff;
    for _ in 0..returned.resent {
        wait *= 2;
    }
    let may_be_sent = is_transient && attempts > 0;
    if returned.status >= 0 && returned.resent > 0 {
        Next::Complete(Why::Recovered)
    } else if !may_be_sent {
        Next::Complete(Why::Final)
    } else if returned.cancelled {
        Next::Complete(Why::Cancelled)
    } else if returned.resent >= attempts {
        Next::Complete(Why::OutOfAttempts)
    } else if elapsed + wait > deadline {
        Next::Complete(Why::OutOfTime)
    } else {
        Next::Again(Duration::from_millis(wait))
    }
}

#[test]
fn every_small_case_is_as_the_rules_say() {
    let statuses = [
        STATUS_SUCCESS,
        STATUS_FT_WRITE_RECOVERY,
        STATUS_VERIFY_REQUIRED,
        STATUS_NO_SUCH_DEVICE,
        TRANSIENT[0].status,
        TRANSIENT[1].status,
        TRANSIENT[5].status,
    ];
    let mut cases = 0_u32;
    for attempts in 0..=8 {
        for (deadline, backoff) in [(1, 0), (1, 1), (1, 2), (7, 1), (20, 3), (600_000, 10_000), (600_000, 0)] {
            let retry = configured(attempts, deadline, backoff, 0x21);
            for status in statuses {
                for resent in 0..=9 {
                    for elapsed in (0..=24).chain([599_999, 600_000, 600_001, u64::from(u32::MAX)]) {
                        for cancelled in [false, true] {
                            let returned = Returned {
                                cancelled,
                                ..returned(status, resent, elapsed)
                            };
                            let expected = plainly(attempts, deadline.into(), backoff.into(), 0x21, &returned);
                            assert_eq!(retry.next(&returned), expected, "{retry:?}, {returned:?}");
                            cases += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(cases, 9 * 7 * 7 * 10 * 29 * 2);
}

proptest! {
    #[test]
    fn a_request_that_always_fails_ends_after_its_attempts_and_within_its_deadline(
        attempts in 0_u32..=8,
        deadline in 1_u32..=600_000,
        backoff in 0_u32..=10_000,
        // What each attempt takes below.
        took in proptest::collection::vec(0_u64..50_000_000_000, 10),
    ) {
        let retry = configured(attempts, deadline, backoff, 0xF);
        let (deadline, mut waited) = (Duration::from_millis(deadline.into()), Duration::ZERO);
        let (mut resent, mut elapsed) = (0, Duration::ZERO);
        for took in took.into_iter().map(Duration::from_nanos) {
            elapsed += took;
            let next = retry.next(&Returned {
                status: TRANSIENT[0].status,
                cancelled: false,
                resent,
                elapsed,
            });
            match next {
                Next::Again(after) => {
                    prop_assert!(resent < attempts);
                    prop_assert!(resent == 0 || after == 2 * waited, "{after:?} after {waited:?}");
                    prop_assert!(resent != 0 || after == Duration::from_millis(backoff.into()));
                    waited = after;
                    elapsed += after;
                    prop_assert!(elapsed <= deadline, "it begins {elapsed:?} after the first");
                    prop_assert!(retry.is_in_time(elapsed));
                    resent += 1;
                }
                Next::Complete(why) => {
                    prop_assert_eq!(why.is_exhausted(), attempts > 0, "{:?}", why);
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "it was sent {} times", resent + 1);
    }

    #[test]
    fn nothing_overflows_and_a_cancelled_request_is_not_sent_again(
        status: i32, resent: u32, elapsed: u64, attempts in 0_u32..=8, deadline in 1_u32..=600_000, backoff in 0_u32..=10_000,
    ) {
        let retry = configured(attempts, deadline, backoff, ALL_STATUSES);
        for status in [status, TRANSIENT[0].status] {
            for elapsed in [Duration::from_nanos(elapsed), Duration::from_secs(elapsed), Duration::MAX] {
                let next = |cancelled| retry.next(&Returned { status, cancelled, resent, elapsed });
                prop_assert!(matches!(next(true), Next::Complete(_)));
                if let Next::Again(after) = next(false) {
                    prop_assert!(status < 0 && resent < attempts);
                    prop_assert!(retry.is_in_time(elapsed + after));
                }
            }
        }
    }
}
