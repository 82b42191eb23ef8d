//! The watchdog, each time in a child, since it is the process's only one.

use std::{
    ffi::c_void,
    hint::black_box,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use lab::supervise::{Ended, Limits, Outlet, Watchdog, run};

use crate::{exit_now, patient};

/// The exit code of a child that was found stuck.
const STUCK: i32 = 42;

fn limits() -> Limits {
    Limits {
        cpu_step: Duration::from_millis(20),
        ..patient()
    }
}

extern "C" fn leave(info: *mut libc::siginfo_t, context: *mut c_void) {
    exit_now(if info.is_null() || context.is_null() { 1 } else { STUCK });
}

/// How much processor time this thread has used.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live variable.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[test]
fn code_that_computes_for_ever_is_found_stuck() {
    let ended = run(&limits(), |outlet: &Outlet<()>| {
        let _watchdog = outlet.watch(leave).expect("a timer");
        loop {
            black_box(0);
        }
    });
    assert!(matches!(ended, Ended::Exit { code: STUCK, .. }), "{ended}");
}

#[test]
fn code_that_pets_may_compute_for_long() {
    let ended = run(&limits(), |outlet: &Outlet<u32>| {
        let _watchdog = outlet.watch(leave).expect("a timer");
        let mut pets = 0;
        while cpu_time() < Duration::from_millis(400) {
            Watchdog::pet();
            pets += 1;
        }
        pets
    });
    assert!(matches!(ended, Ended::Value(1..)), "{ended}");
}

#[test]
fn code_that_waits_is_not_stuck() {
    let ended = run(&limits(), |outlet: &Outlet<()>| {
        let _watchdog = outlet.watch(leave).expect("a timer");
        std::thread::sleep(Duration::from_millis(200));
    });
    assert!(matches!(ended, Ended::Value(())), "{ended}");
}

#[test]
fn the_handler_is_called_again_if_it_lets_the_code_go_on() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn count(_: *mut libc::siginfo_t, _: *mut c_void) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
    let ended = run(&limits(), |outlet| {
        let _watchdog = outlet.watch(count).expect("a timer");
        while CALLS.load(Ordering::Relaxed) < 3 {
            black_box(0);
        }
        true
    });
    assert!(matches!(ended, Ended::Value(true)), "{ended}");
}

#[test]
fn there_is_one_watchdog_at_a_time_and_a_dropped_one_watches_no_more() {
    let ended = run(&limits(), |outlet| {
        let first = outlet.watch(leave).expect("a timer");
        let second = outlet.watch(leave).err().map(|error| error.kind().to_string());
        drop(first);
        while cpu_time() < Duration::from_millis(200) {
            black_box(0);
        }
        (second, outlet.watch(leave).is_ok())
    });
    let Ended::Value((second, third)) = ended else {
        panic!("{ended}");
    };
    assert_eq!(second, Some(std::io::ErrorKind::ResourceBusy.to_string()));
    assert!(third);
}
