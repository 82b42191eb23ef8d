//! The supervisor: there is a verdict whatever a child does, and it is the right one.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod endings;
mod pipe;
mod surroundings;
mod watchdog;

use std::time::Duration;

use lab::supervise::Limits;

/// Time enough for any child that ends by itself.
fn patient() -> Limits {
    Limits::default()
}

/// For a child that will not end by itself: how long does not matter.
fn impatient() -> Limits {
    Limits {
        wall: Duration::from_millis(200),
        ..patient()
    }
}

/// Where a child finds the pipe to its parent.
const PIPE_FD: libc::c_int = 3;

/// Sends `bytes` on the child's pipe, as code that has run wild may.
fn send_raw(bytes: &[u8]) {
    // SAFETY: the pointer and the length are those of a slice.
    unsafe { libc::write(PIPE_FD, bytes.as_ptr().cast(), bytes.len()) };
}

/// Ends this process without a word.
fn exit_now(code: i32) -> ! {
    // SAFETY: it only ends the process.
    unsafe { libc::_exit(code) }
}

/// Forks and returns in both processes: 0 in the new one, and its number in the old.
fn fork() -> libc::pid_t {
    // SAFETY: called in children only, which have one thread.
    unsafe { libc::fork() }
}

/// Waits until `process`, which may be nobody's child any more, is dead; false if it seems to live on.
fn dies(process: libc::pid_t) -> bool {
    (0..6000).any(|_| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
        // It may stay a zombie, if whoever inherits it does not care. The state follows the name.
        let is_dead = stat.map_or(true, |stat| stat.contains(") Z "));
        if !is_dead {
            std::thread::sleep(Duration::from_millis(10));
        }
        is_dead
    })
}

/// Does nothing until it is killed.
fn wait_for_ever() -> ! {
    loop {
        // SAFETY: it only waits for a signal.
        unsafe { libc::pause() };
    }
}
