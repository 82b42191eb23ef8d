//! The ways in which work can end, and what the parent makes of each.

use std::{hint::black_box, time::Duration};

use lab::supervise::{Ended, Outlet, Step, run};

use crate::{exit_now, impatient, patient, wait_for_ever};

#[test]
fn a_result_arrives_whole_at_any_size_up_to_the_limit() {
    for bytes in [0, 1, 100_000, 10_000_000] {
        let text = "x".repeat(bytes);
        let ended = run(&patient(), |_| text.clone());
        assert!(
            matches!(&ended, Ended::Value(value) if *value == text),
            "{bytes}: {ended}"
        );
    }
}

#[test]
fn a_result_beyond_the_limit_is_refused_whoever_notices() {
    let mut limits = patient();
    limits.value_bytes_max = 1000;
    let exact = run(&limits, |_| "x".repeat(998));
    assert!(matches!(exact, Ended::Value(_)), "{exact}");
    let ended = run(&limits, |_| "x".repeat(999));
    let Ended::Garbled { reason, .. } = ended else {
        panic!("{ended}");
    };
    assert!(reason.contains("1001 bytes, more than the 1000"), "{reason}");
}

#[test]
fn finish_ends_the_child_at_once_and_runs_no_destructor() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            exit_now(9);
        }
    }
    fn deep(outlet: &Outlet<u32>, depth: u32) -> u32 {
        let _bomb = Bomb;
        if depth == 0 {
            outlet.finish(7);
        }
        deep(outlet, depth - 1)
    }
    let ended = run(&patient(), |outlet| deep(outlet, 10));
    assert!(matches!(ended, Ended::Value(7)), "{ended}");
}

#[test]
fn a_fault_is_the_signal_that_it_is_with_what_the_child_was_doing() {
    let ended = run(&patient(), |outlet: &Outlet<()>| {
        outlet.note("in DriverEntry of offender.sys");
        outlet.step(Step {
            code: 4,
            first: 0x1000,
            second: 1,
        });
        let nothing = black_box(std::ptr::without_provenance_mut::<u8>(16));
        // SAFETY: none; the address is never mapped and this is to fault.
        unsafe { nothing.write_volatile(1) };
    });
    assert_eq!(
        ended.to_string(),
        "ended by SIGSEGV (11) while in DriverEntry of offender.sys, at step 4 (0x1000, 0x1)"
    );
}

#[test]
fn a_stack_overflow_is_a_fault_and_not_an_abort_with_a_message() {
    fn endless(depth: u64) -> u64 {
        let frame = black_box([depth; 512]);
        if frame[7] == u64::MAX {
            0
        } else {
            endless(depth + 1) + frame[8]
        }
    }
    let ended = run(&patient(), |_| endless(0));
    assert!(
        matches!(
            ended,
            Ended::Signal {
                number: libc::SIGSEGV,
                ..
            }
        ),
        "{ended}"
    );
}

#[test]
fn a_child_that_kills_itself_is_not_said_to_have_been_out_of_time() {
    let ended = run(&patient(), |_: &Outlet<()>| {
        // SAFETY: it ends this process.
        unsafe { libc::raise(libc::SIGKILL) };
    });
    assert!(
        matches!(
            ended,
            Ended::Signal {
                number: libc::SIGKILL,
                name: "SIGKILL",
                ..
            }
        ),
        "{ended}"
    );
}

#[test]
fn an_exit_is_told_with_its_code() {
    for code in [0, 1, 101, 125, 255] {
        let ended = run(&patient(), |outlet: &Outlet<()>| {
            outlet.note("leaving");
            exit_now(code);
        });
        match ended {
            Ended::Exit { code: told, note } => assert_eq!((told, note.phase.as_str()), (code, "leaving")),
            // The child's own word for a pipe that is gone; who uses it is taken at it.
            Ended::Garbled { .. } => assert_eq!(code, 125),
            ended => panic!("{ended}"),
        }
    }
}

#[test]
fn a_child_that_computes_sleeps_or_is_stopped_for_ever_is_killed() {
    let spin = || {
        loop {
            black_box(0);
        }
    };
    let stop = || {
        // SAFETY: it only stops this process.
        unsafe { libc::raise(libc::SIGSTOP) };
        wait_for_ever()
    };
    let ways: [(&str, fn() -> !); 3] = [("computing", spin), ("sleeping", || wait_for_ever()), ("stopped", stop)];
    for (phase, way) in ways {
        let ended = run(&impatient(), |outlet: &Outlet<()>| {
            outlet.note(phase);
            way()
        });
        assert!(
            matches!(&ended, Ended::TimedOut { note } if note.phase == phase),
            "{ended}"
        );
    }
}

#[test]
fn a_child_that_blocks_every_signal_is_killed_all_the_same() {
    let ended = run(&impatient(), |_: &Outlet<()>| {
        for signal in 1..64 {
            // SAFETY: to ignore a signal runs no code.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
        wait_for_ever()
    });
    assert!(matches!(ended, Ended::TimedOut { .. }), "{ended}");
}

#[test]
fn a_panic_is_told_with_its_message_and_place() {
    let line = line!() + 3;
    let ended = run(&patient(), |outlet: &Outlet<()>| {
        outlet.note("counting");
        panic!("{} is too many", 3);
    });
    let Ended::Panicked { message, note } = ended else {
        panic!("{ended}");
    };
    let place = format!("{}:{line}:", file!());
    assert!(message.starts_with(&place), "{message}");
    assert!(message.ends_with(": 3 is too many"), "{message}");
    assert_eq!(note.phase, "counting");
}

#[test]
fn a_panic_where_nothing_may_unwind_is_told_too() {
    extern "C" fn called_by_foreign_code() {
        panic!("in a callback");
    }
    let ended = run(&patient(), |_: &Outlet<()>| called_by_foreign_code());
    assert!(
        matches!(&ended, Ended::Panicked { message, .. } if message.ends_with("in a callback")),
        "{ended}"
    );
}

#[test]
fn an_unwinding_that_skips_the_hook_does_not_reach_the_parents_code() {
    let ended = run(&patient(), |_: &Outlet<()>| {
        std::panic::resume_unwind(Box::new("quietly"));
    });
    assert!(
        matches!(&ended, Ended::Panicked { message, .. } if message == "quietly"),
        "{ended}"
    );
}

#[test]
fn a_panic_of_the_parent_is_still_its_own() {
    let ended = run(&patient(), |_| 1);
    assert!(matches!(ended, Ended::Value(1)), "{ended}");
    let caught = std::panic::catch_unwind(|| std::panic::panic_any(5_u8));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&5_u8));
}

#[test]
fn a_result_that_json_cannot_express_is_garbled_and_says_why() {
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    let ended = run(&patient(), |_| map.clone());
    assert!(
        matches!(&ended, Ended::Garbled { reason, .. } if reason.contains("key must be a string")),
        "{ended}"
    );
}

#[test]
fn a_time_beyond_counting_is_no_limit() {
    let mut limits = patient();
    limits.wall = Duration::MAX;
    let ended = run(&limits, |_| true);
    assert!(matches!(ended, Ended::Value(true)), "{ended}");
}
