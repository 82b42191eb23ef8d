//! What is carried out by parts and fails for a reason that passes: it is carried out again as a whole, when it is due.

use std::time::Duration;

use lab::{
    Lab,
    script::{Address, Answer, Device, IoStatus, LowerDevice, Request, Sent, World},
    status::{
        NtStatus, STATUS_CANCELLED, STATUS_DEVICE_DATA_ERROR, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_TIMEOUT,
        STATUS_SUCCESS,
    },
};
use policy::Harden;

use super::{Below, MOST, below, counted, ended, lab_with, pattern, play_on, split_counters, watch};
use crate::statistics::statistics;

const PARTS: usize = 3;
const LENGTH: usize = PARTS * MOST - 1_024;
const ATTEMPTS: usize = 2;
const BACKOFF: Duration = Duration::from_millis(10);
/// What the driver's own calls may take, beside what it waits for.
const CALLS: Duration = Duration::from_micros(500);
const WINDOWS: [u32; 3] = [1, 2, 8];

/// What its second part ends with, and so all of it.
const FAILED: IoStatus = IoStatus::new(STATUS_IO_TIMEOUT, MOST);

fn lab_that_sends_again(window: u32) -> Lab<'static> {
    lab_with(window)
        .parameter("RetryAttempts", ATTEMPTS as u32)
        .parameter("RetryBackoffMs", BACKOFF.as_millis() as u32)
        // Every status that there is.
        .parameter("RetryStatuses", 0xFFF)
}

#[track_caller]
fn play(window: u32, script: impl FnOnce(&World, Device)) {
    play_on(
        &lab_that_sends_again(window),
        LowerDevice::default(),
        |world, filter| {
            world.answer(Answer::Pend);
            script(world, filter);
        },
    );
}

fn send(world: &World, filter: Device) -> Sent {
    let mdl = world.new_mdl(&pattern(LENGTH, 7));
    world.send(filter, Request::write(0x2000, LENGTH as u32).of(mdl))
}

/// Has the parts that are below, and those that follow, come back well; but for the second one, which ends with `second`.
/// Returns them.
#[track_caller]
fn carry_out(world: &World, second: IoStatus) -> Vec<Below> {
    let mut carried_out = Vec::new();
    let mut pending = below(world);
    while let Some(part) = pending.pop() {
        let end = if part.offset == 0x2000 + MOST {
            second
        } else {
            IoStatus::new(STATUS_SUCCESS, part.length)
        };
        world.complete_at(part.irp, end);
        carried_out.push(part);
        pending.extend(below(world));
    }
    carried_out.sort_by_key(|part| part.offset);
    carried_out
}

fn failing(status: NtStatus) -> IoStatus {
    IoStatus::new(status, 0)
}

/// Resent, recovered, exhausted, refused.
#[track_caller]
fn retried(world: &World, filter: Device) -> [u64; 4] {
    [
        Harden::Resent,
        Harden::Recovered,
        Harden::Exhausted,
        Harden::ResendRefused,
    ]
    .map(|what| counted(world, filter, what))
}

/// That the one request was counted once, as what it ended with.
#[track_caller]
fn assert_counted_once(world: &World, filter: Device, succeeded: bool) {
    let write = statistics(world, filter).counters.write;
    let ends = [
        write.sent,
        write.completed_success,
        write.completed_error,
        write.latency_ns.count(),
    ];
    assert_eq!(ends, [1, u64::from(succeeded), u64::from(!succeeded), 1]);
    assert_eq!(write.bytes_transferred, if succeeded { LENGTH as u64 } else { 0 });
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_is_carried_out_again_from_its_beginning_when_its_back_off_has_passed() {
    for window in WINDOWS {
        play(window, |world, filter| {
            let completions = watch(world, 2);
            let sent = send(world, filter);
            let first = carry_out(world, failing(STATUS_IO_TIMEOUT));
            world.advance(BACKOFF - CALLS);
            assert_eq!((sent.ended(), below(world).len()), (None, 0), "not before it is due");
            world.advance(2 * CALLS);
            let again = carry_out(world, IoStatus::new(STATUS_SUCCESS, MOST));
            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, LENGTH));
            completions.check_restored(&sent);
            let places = |parts: &[Below]| -> Vec<_> { parts.iter().map(|part| (part.offset, part.length)).collect() };
            assert_eq!(again.len(), PARTS);
            assert!(places(&again).starts_with(&places(&first)));
            assert_eq!(retried(world, filter), [1, 1, 0, 0]);
            assert_eq!(split_counters(world, filter)[2], (first.len() + PARTS) as u64);
            assert_counted_once(world, filter, true);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn it_fails_with_its_last_failure_when_its_attempts_are_used_up() {
    for window in WINDOWS {
        play(window, |world, filter| {
            let completions = watch(world, 2);
            let sent = send(world, filter);
            for attempt in 0..ATTEMPTS {
                carry_out(world, failing(STATUS_DEVICE_DATA_ERROR));
                assert_eq!(sent.ended(), None);
                // Twice as long each time.
                let backoff = BACKOFF * 2_u32.pow(attempt as u32);
                world.advance(backoff - CALLS);
                assert!(below(world).is_empty(), "attempt {attempt}");
                world.advance(2 * CALLS);
            }
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            assert_eq!(ended(&sent), FAILED);
            completions.check_restored(&sent);
            assert_eq!(retried(world, filter), [ATTEMPTS as u64, 0, 1, 0]);
            assert_counted_once(world, filter, false);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_waits_is_cancelled_at_once() {
    for window in WINDOWS {
        play(window, |world, filter| {
            let completions = watch(world, 2);
            let sent = send(world, filter);
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            assert!(world.cancel(&sent));
            assert_eq!(ended(&sent), failing(STATUS_CANCELLED));
            completions.check_restored(&sent);
            world.advance(BACKOFF * 2);
            assert!(below(world).is_empty());
            assert_eq!(retried(world, filter), [0; 4]);
            assert_counted_once(world, filter, false);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_was_cancelled_while_it_was_below_does_not_wait() {
    for window in WINDOWS {
        play(window, |world, filter| {
            let sent = send(world, filter);
            let first: Vec<Address> = below(world).iter().map(|part| part.irp).collect();
            world.cancel(&sent);
            // What says that it is cancelled has come back already.
            for irp in first {
                if sent.ended().is_none() && world.is_pending_at(irp) {
                    world.complete_at(irp, failing(STATUS_IO_TIMEOUT));
                }
            }
            assert_eq!(ended(&sent).status, STATUS_CANCELLED);
            world.advance(BACKOFF * 2);
            assert!(below(world).is_empty());
            assert_eq!(counted(world, filter, Harden::Resent), 0);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_waits_is_let_go_with_its_last_failure_when_the_device_goes() {
    for (window, is_surprise) in [(1, true), (8, true), (1, false), (8, false)] {
        play(window, |world, filter| {
            let completions = watch(world, 2);
            let sent = send(world, filter);
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            assert_eq!(sent.ended(), None);
            world.answer(Answer::complete(STATUS_SUCCESS));
            if is_surprise {
                world.surprise_remove(filter);
            } else {
                world.remove(filter);
            }
            assert_eq!(ended(&sent), FAILED, "window {window}, surprise {is_surprise}");
            completions.check_restored(&sent);
            world.advance(BACKOFF * 2);
            assert!(world.take_arrivals().iter().all(|arrival| arrival.irp != sent.irp()));
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_whose_first_part_is_refused_this_time_ends_with_its_last_failure() {
    for window in WINDOWS {
        play(window, |world, filter| {
            let completions = watch(world, 2);
            let sent = send(world, filter);
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            world.fail_next("IoSetCompletionRoutineEx");
            world.advance(BACKOFF + CALLS);
            assert!(below(world).is_empty());
            assert_eq!(ended(&sent), FAILED);
            completions.check_restored(&sent);
            assert_eq!(retried(world, filter), [1, 0, 0, 1]);
            assert_counted_once(world, filter, false);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn a_part_that_was_refused_is_no_failure_of_the_device() {
    for window in WINDOWS {
        play(window, |world, filter| {
            world.fail_after(1, "IoSetCompletionRoutineEx");
            let sent = send(world, filter);
            carry_out(world, IoStatus::new(STATUS_SUCCESS, MOST));
            assert_eq!(ended(&sent), IoStatus::new(STATUS_INSUFFICIENT_RESOURCES, MOST));
            world.advance(BACKOFF * 2);
            assert!(below(world).is_empty());
            assert_eq!(retried(world, filter), [0; 4]);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_for_which_there_is_no_memory_this_time_is_carried_out_with_the_reserve() {
    for window in WINDOWS {
        play(window, |world, filter| {
            let completions = watch(world, 2);
            let sent = send(world, filter);
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            world.fail_always(&["ExAllocatePool2", "IoAllocateIrp", "IoAllocateMdl"]);
            world.advance(BACKOFF + CALLS);
            let again = carry_out(world, IoStatus::new(STATUS_SUCCESS, MOST));
            assert!(
                again.iter().all(|part| part.irp == sent.irp()),
                "each is sent by the request itself"
            );
            world.fail_always(&[]);
            assert_eq!(ended(&sent), IoStatus::new(STATUS_SUCCESS, LENGTH));
            completions.check_restored(&sent);
            assert_eq!(retried(world, filter), [1, 1, 0, 0]);
            assert_counted_once(world, filter, true);
        });
    }
}

/// A lower driver that fails at once makes no recursion, without a back-off neither.
#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn without_a_back_off_it_is_carried_out_again_soon_and_not_deeper() {
    for window in WINDOWS {
        let lab = lab_that_sends_again(window)
            .parameter("RetryAttempts", 8)
            .parameter("RetryBackoffMs", 0);
        play_on(&lab, LowerDevice::default(), |world, filter| {
            world.answer(Answer::complete(STATUS_IO_TIMEOUT));
            let sent = send(world, filter);
            world.advance(Duration::from_millis(1));
            assert_eq!(ended(&sent), failing(STATUS_IO_TIMEOUT));
            assert_eq!(retried(world, filter), [8, 0, 1, 0]);
        });
    }
}

#[test]
#[ignore = "needs the built driver; cargo xtask test runs it"]
fn one_that_is_due_earlier_is_carried_out_earlier_though_it_came_later() {
    for window in WINDOWS {
        play(window, |world, filter| {
            let patient = send(world, filter);
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            world.advance(BACKOFF + CALLS);
            // It waits twice as long now.
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            let later = send(world, filter);
            carry_out(world, failing(STATUS_IO_TIMEOUT));
            world.advance(BACKOFF + CALLS);
            carry_out(world, IoStatus::new(STATUS_SUCCESS, MOST));
            assert_eq!((patient.ended(), ended(&later).status), (None, STATUS_SUCCESS));
            world.advance(BACKOFF + CALLS);
            carry_out(world, IoStatus::new(STATUS_SUCCESS, MOST));
            assert_eq!(ended(&patient).status, STATUS_SUCCESS);
        });
    }
}
