//! What a child can do to the pipe, by accident or in spite.

use lab::supervise::{Ended, Limits, Outlet, run};

use crate::{PIPE_FD, dies, exit_now, fork, impatient, patient, send_raw, wait_for_ever};

fn reason_of<T>(ended: Ended<T>) -> String {
    match ended {
        Ended::Garbled { reason, .. } => reason,
        ended => panic!("{ended}"),
    }
}

#[test]
fn garbage_instead_of_a_result_is_garbled() {
    let short = run(&patient(), |_: &Outlet<u32>| {
        send_raw(b"hello");
        exit_now(0)
    });
    assert_eq!(reason_of(short), "it is cut short");
    let long = run(&patient(), |_: &Outlet<u32>| {
        send_raw(&[0xFF; 5000]);
        exit_now(0)
    });
    assert_eq!(reason_of(long), "it does not start as it should");
}

#[test]
fn garbage_before_or_after_the_result_is_garbled() {
    let before = run(&patient(), |_| {
        send_raw(b"x");
        1
    });
    assert_eq!(reason_of(before), "it does not start as it should");
    let after = run(&patient(), |outlet: &Outlet<u32>| {
        if fork() != 0 {
            // SAFETY: it waits for this process's own child, and no status is asked for.
            unsafe { libc::wait(std::ptr::null_mut()) };
            send_raw(b"x");
            exit_now(0);
        }
        outlet.finish(1)
    });
    assert_eq!(reason_of(after), "something follows it");
}

#[test]
fn a_result_of_another_type_is_garbled() {
    let ended = run(&patient(), |outlet: &Outlet<Text>| outlet.finish(Text));
    assert!(reason_of(ended).contains("it is not what was expected"));
}

/// Written as a number, and read as text.
struct Text;

impl serde::Serialize for Text {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> serde::Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self)
    }
}

#[test]
fn a_flood_is_stopped_at_the_limit() {
    let limits = Limits {
        value_bytes_max: 1 << 20,
        ..patient()
    };
    let ended = run(&limits, |_: &Outlet<u32>| {
        loop {
            send_raw(&[b'x'; 10_000]);
        }
    });
    assert_eq!(reason_of(ended), "it is larger than it may be");
}

#[test]
fn a_trickle_does_not_put_off_the_end_of_its_time() {
    let ended = run(&impatient(), |_: &Outlet<u32>| {
        loop {
            send_raw(b"x");
            std::thread::sleep(std::time::Duration::from_micros(100));
        }
    });
    assert!(matches!(ended, Ended::TimedOut { .. }), "{ended}");
}

#[test]
fn a_closed_pipe_ends_neither_the_watch_nor_the_verdict() {
    let close = || {
        // SAFETY: the pipe is this process's, and what is sent on it later is to fail.
        unsafe { libc::close(PIPE_FD) };
    };
    let ended = run(&patient(), |_| {
        close();
        1
    });
    assert_eq!(reason_of(ended), "the pipe for it was closed or broken");
    let ended = run(&patient(), |_: &Outlet<u32>| {
        close();
        exit_now(3)
    });
    assert!(matches!(ended, Ended::Exit { code: 3, .. }), "{ended}");
    let ended = run(&impatient(), |_: &Outlet<u32>| {
        close();
        wait_for_ever()
    });
    assert!(matches!(ended, Ended::TimedOut { .. }), "{ended}");
}

#[test]
fn a_result_of_a_process_that_then_dies_of_something_else_is_not_believed() {
    let ended = run(&patient(), |outlet: &Outlet<u32>| {
        if fork() == 0 {
            outlet.finish(1);
        }
        // SAFETY: it waits for this process's own child, and no status is asked for.
        unsafe { libc::wait(std::ptr::null_mut()) };
        std::process::abort()
    });
    assert!(matches!(ended, Ended::Signal { name: "SIGABRT", .. }), "{ended}");
}

#[test]
fn what_the_child_forks_neither_delays_the_verdict_nor_survives_it() {
    let ended = run(&patient(), |_| {
        let forked = fork();
        if forked == 0 {
            // With the pipe open, so that it has no end while this process lives.
            wait_for_ever();
        }
        forked
    });
    let Ended::Value(forked) = ended else {
        panic!("{ended}");
    };
    assert!(dies(forked), "process {forked} lives");
}
