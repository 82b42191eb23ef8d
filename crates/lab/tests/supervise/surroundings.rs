//! What a child has of the process that it was forked from, and what it has not.

use std::{
    fs::File,
    io::Read,
    os::fd::AsRawFd,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread,
};

use lab::{
    pool::{Mode, Pool},
    supervise::{Ended, Outlet, run},
};

use crate::{impatient, patient};

fn value_of<T>(ended: Ended<T>) -> T {
    match ended {
        Ended::Value(value) => value,
        ended => panic!("{ended}"),
    }
}

#[test]
fn the_child_has_no_input_and_no_file_but_the_standard_ones_and_its_pipe() {
    let file = File::open("/proc/self/exe").unwrap();
    let (input, open) = value_of(run(&patient(), |_| {
        let mut input = Vec::new();
        std::io::stdin().read_to_end(&mut input).expect("an empty input");
        // SAFETY: it only asks.
        let open = |fd: &i32| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0;
        (input, (0..1000).filter(open).collect::<Vec<_>>())
    }));
    assert!(file.as_raw_fd() > 2);
    assert_eq!((input, open), (vec![], vec![0, 1, 2, 3]));
}

#[test]
fn the_child_leaves_no_core_and_keeps_to_its_address_space() {
    let mut limits = patient();
    limits.address_space_bytes = Some(64 << 30);
    let (core, fits, exceeds) = value_of(run(&limits, |_| {
        let mut core = libc::rlimit {
            rlim_cur: 9,
            rlim_max: 9,
        };
        // SAFETY: the pointer is to a live variable.
        unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut core) };
        // Inaccessible reservations, of which the system refuses none for want of memory.
        let fits = Pool::with_arena(Mode::Special, 1 << 30).is_ok();
        let exceeds = Pool::with_arena(Mode::Special, 65 << 30).is_ok();
        (core.rlim_max, fits, exceeds)
    }));
    assert!(core <= 1);
    assert!(fits && !exceeds);
}

/// The two signals, 32 and 33, that the C library keeps to itself.
const C_LIBRARY_SIGNALS: u64 = 0b11 << 31;

#[test]
fn the_child_handles_and_blocks_no_signal_of_the_parents() {
    let sets = value_of(run(&patient(), |_| {
        value_of(run_with_everything_blocked(|| {
            let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
            let line = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let set = |name| line(name).and_then(|digits| u64::from_str_radix(digits, 16).ok());
            (set("SigBlk:"), set("SigCgt:").map(|caught| caught & !C_LIBRARY_SIGNALS))
        }))
    }));
    assert_eq!(sets, (Some(0), Some(0)));
}

/// Runs `work` in a child of a thread that blocks every signal.
fn run_with_everything_blocked<T>(work: impl Fn() -> T) -> Ended<T>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    // SAFETY: all zeros is storage for a signal set, filled by the next call.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live variable.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: the set is initialised, and the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut()) };
    run(&patient(), |_| work())
}

#[test]
fn the_child_dies_with_its_parent() {
    let watched = value_of(run(&patient(), |_| {
        let cell = shared_cell();
        // The parent that is to die, and its child that is to follow.
        let parent = crate::fork();
        if parent == 0 {
            run(&patient(), |_: &Outlet<()>| {
                // SAFETY: it only returns a number.
                cell.store(unsafe { libc::getpid() }, Ordering::Relaxed);
                crate::wait_for_ever()
            });
        }
        while cell.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        // SAFETY: the process is this one's child and has not been waited for.
        unsafe { libc::kill(parent, libc::SIGKILL) };
        cell.load(Ordering::Relaxed)
    }));
    assert!(crate::dies(watched), "process {watched} lives");
}

/// A number that this process shares with those that it forks.
fn shared_cell() -> &'static AtomicI32 {
    // SAFETY: a new anonymous mapping changes no memory that exists.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size_of::<AtomicI32>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert!(page != libc::MAP_FAILED, "no memory");
    // SAFETY: the mapping is page aligned, zeroed, large enough and never unmapped.
    unsafe { &*page.cast::<AtomicI32>() }
}

#[test]
fn several_threads_may_each_run_children_while_others_allocate_and_print() {
    let is_over = AtomicBool::new(false);
    let shared = Mutex::new(0_u64);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    *shared.lock().unwrap() += String::from_utf8(vec![b'x'; 1000]).unwrap().len() as u64;
                    print!("");
                }
            });
        }
        let runners: Vec<_> = (0..4_u64)
            .map(|runner| {
                scope.spawn(move || {
                    for round in 0..50 {
                        let text = value_of(run(&patient(), |_| format!("{runner} {round} {}", "y".repeat(9000))));
                        assert!(text.starts_with(&format!("{runner} {round} ")));
                        let ended = run(&patient(), |_: &Outlet<()>| panic!("{runner} {round}"));
                        assert!(ended.to_string().ends_with(&format!(": {runner} {round}")), "{ended}");
                    }
                })
            })
            .collect();
        let results: Vec<_> = runners.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        for result in results {
            result.unwrap();
        }
    });
}

#[test]
fn work_that_waits_for_a_lock_of_another_thread_is_out_of_time_and_not_a_hang() {
    let lock = Mutex::new(());
    let _held = lock.lock().unwrap();
    let ended = thread::scope(|scope| {
        let runner = scope.spawn(|| run(&impatient(), |_| drop(lock.lock())));
        runner.join().unwrap()
    });
    assert!(matches!(ended, Ended::TimedOut { .. }), "{ended}");
}

#[test]
fn a_child_may_run_children_of_its_own() {
    let ended = run(&patient(), |_| {
        let inner = run(&patient(), |_: &Outlet<()>| panic!("within"));
        inner.to_string()
    });
    assert!(value_of(ended).ends_with("within"));
}
