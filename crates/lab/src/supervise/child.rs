//! The child's side: making the process safe to run anything in, and sending what comes of it.
//!
//! Not the watching. A child of a process with threads has only the thread that forked, and every
//! lock that another thread held stays held. So nothing here takes a lock that others could hold:
//! it makes system calls, and allocates, which glibc keeps possible in a forked child. The standard
//! output's lock is never touched, and a panic does not reach the hook that would.

use std::{
    any::Any,
    ffi::c_int,
    io,
    marker::PhantomData,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::{
        Once,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use serde::Serialize;

use super::{
    Limits, check,
    frame::{self, Kind},
    note::{Board, SharedBoard, Step},
    watchdog::{OnStuck, Watchdog},
};

/// How a child ends that had something to send and could not.
pub(super) const EXIT_UNSENT: i32 = 125;
/// How a child ends that says in a frame why it has no result.
pub(super) const EXIT_NO_VALUE: i32 = 101;
/// The longest message that a child sends instead of a result.
pub(super) const MESSAGE_BYTES: usize = 16 << 10;

/// Where the pipe is in a child: the first number behind the standard streams.
const PIPE_FD: RawFd = 3;

/// In a child, where to send; in any other process -1.
static SEND_FD: AtomicI32 = AtomicI32::new(-1);

/// What the work in a child has of its parent.
///
/// It may be copied to wherever the work needs it, statics included; it is good until the process
/// ends.
pub struct Outlet<T> {
    board: &'static Board,
    cpu_step: Duration,
    value_bytes_max: usize,
    value: PhantomData<fn(T)>,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Outlet<T> {}

impl<T> Outlet<T> {
    /// Notes what is being done now, for the parent to tell if it ends badly: a phrase that can
    /// follow "while", such as "in DriverEntry of disk.sys".
    ///
    /// Only the first [`PHASE_BYTES`](super::PHASE_BYTES) bytes are kept. It forgets the last step.
    pub fn note(&self, phase: &str) {
        self.board.set_phase(phase);
    }

    /// Notes a step within the phase, in three stores.
    #[inline]
    pub fn step(&self, step: Step) {
        self.board.set_step(step);
    }

    /// Has `on_stuck` called when this thread computes for [`Limits::cpu_step`] and longer without
    /// a [`Watchdog::pet`].
    pub fn watch(&self, on_stuck: OnStuck) -> io::Result<Watchdog> {
        Watchdog::arm(self.cpu_step, on_stuck)
    }
}

impl<T: Serialize> Outlet<T> {
    /// Sends `value` as the work's result and ends the process at once, from wherever it is called.
    ///
    /// No destructor runs and nothing unwinds, so it may be called with foreign frames on the
    /// stack, and on a foreign stack that has room for writing the value as JSON.
    pub fn finish(&self, value: T) -> ! {
        let json = serde_json::to_vec(&value);
        std::mem::forget(value);
        match json {
            Ok(json) if json.len() <= self.value_bytes_max => send_and_exit(Kind::Value, &json, 0),
            Ok(json) => {
                let (bytes, max) = (json.len(), self.value_bytes_max);
                let why = format!("the result has {bytes} bytes, more than the {max} that it may have");
                send_and_exit(Kind::Unsendable, why.as_bytes(), EXIT_NO_VALUE)
            }
            Err(error) => {
                let why = format!("the result cannot be written as JSON: {error}");
                send_and_exit(Kind::Unsendable, why.as_bytes(), EXIT_NO_VALUE)
            }
        }
    }
}

/// Has panics in children reported to their parents; those of other processes go where they went.
///
/// It is called before the fork, since a hook cannot be set safely after it.
pub(super) fn prepare_panic_hook() {
    static SET: Once = Once::new();
    // A thread that panics may not set a hook. Then only the place of a panic remains unknown.
    if !std::thread::panicking() {
        SET.call_once(|| {
            let others = panic::take_hook();
            panic::set_hook(Box::new(move |info| match SEND_FD.load(Ordering::Relaxed) {
                -1 => others(info),
                _ => report_panic(info),
            }));
        });
    }
}

fn report_panic(info: &PanicHookInfo<'_>) -> ! {
    let place = info.location().map(|place| format!("{place}: ")).unwrap_or_default();
    fail_with_panic(&place, info.payload())
}

fn fail_with_panic(place: &str, payload: &dyn Any) -> ! {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref().copied()).unwrap_or("no message");
    send_and_exit(Kind::Panicked, format!("{place}{text}").as_bytes(), EXIT_NO_VALUE)
}

/// The life of a child, from the fork on. It never returns into the code of the parent.
///
/// `parent` is the process that forked, `pipe` where to send to.
pub(super) fn live<T, F>(parent: libc::pid_t, pipe: OwnedFd, board: SharedBoard, limits: &Limits, work: F) -> !
where
    T: Serialize,
    F: FnOnce(&Outlet<T>) -> T,
{
    SEND_FD.store(pipe.as_raw_fd(), Ordering::Relaxed);
    if let Err(error) = settle(parent, pipe, limits) {
        let why = format!("the child could not be set up: {error}");
        send_and_exit(Kind::NotBegun, why.as_bytes(), EXIT_NO_VALUE);
    }
    let outlet = Outlet {
        board: board.leak(),
        cpu_step: limits.cpu_step,
        value_bytes_max: limits.value_bytes_max,
        value: PhantomData,
    };
    // The hook ends the process before anything unwinds, unless the work has set another hook or
    // unwinds without a panic.
    match panic::catch_unwind(AssertUnwindSafe(|| work(&outlet))) {
        Ok(value) => outlet.finish(value),
        Err(payload) => fail_with_panic("", payload.as_ref()),
    }
}

/// Cuts what ties this process to the one that it was forked from.
fn settle(parent: libc::pid_t, pipe: OwnedFd, limits: &Limits) -> io::Result<()> {
    // SAFETY: it only has this process killed when the thread that forked is gone.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // SAFETY: it only returns a number.
    let parent_now = unsafe { libc::getppid() };
    if parent_now != parent {
        // The parent died before it could be said that this is to follow; nobody listens.
        exit(EXIT_UNSENT);
    }
    // A group of its own, so that what the work forks can be killed with it.
    // SAFETY: it changes nothing but the process group.
    check(unsafe { libc::setpgid(0, 0) })?;
    reset_signals();
    // A limit of 1 and not 0: it forbids a core file just as well, and besides it is what keeps
    // the kernel from running a core dump program, which a limit of 0 does not.
    lower_limit(libc::RLIMIT_CORE, 1)?;
    if let Some(bytes) = limits.address_space_bytes {
        lower_limit(libc::RLIMIT_AS, bytes)?;
    }
    // SAFETY: the path is a C string.
    let null = check_fd(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY) })?;
    // SAFETY: it replaces the standard input, which is nobody's in particular.
    check_fd(unsafe { libc::dup2(null, libc::STDIN_FILENO) })?;
    if pipe.as_raw_fd() != PIPE_FD {
        // SAFETY: whoever had this number before is of the parent's code, which never runs here.
        check_fd(unsafe { libc::dup3(pipe.as_raw_fd(), PIPE_FD, libc::O_CLOEXEC) })?;
    }
    SEND_FD.store(PIPE_FD, Ordering::Relaxed);
    std::mem::forget(pipe);
    // Else the work could write into the pipes of other children, and keep them open.
    let first = PIPE_FD.cast_unsigned() + 1;
    // SAFETY: as above; `live` documents that no file of the parent's is open in a child.
    check(unsafe { libc::close_range(first, u32::MAX, 0) })
}

/// No handler, no blocked signal: a fault ends the process as what it is.
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // A pipe that nobody reads is an error of the write, not the end.
        let action = if signal == libc::SIGPIPE {
            libc::SIG_IGN
        } else {
            libc::SIG_DFL
        };
        // Those that cannot be changed need not be.
        // SAFETY: the standard actions run no code of this process.
        unsafe { libc::signal(signal, action) };
    }
    // SAFETY: all zeros is storage for a signal set, filled by the next call.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live variable.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: the set is initialised, and the old one is not asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
}

/// Sets a limit for good, or leaves what is lower already.
fn lower_limit(resource: libc::__rlimit_resource_t, value: u64) -> io::Result<()> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a live variable.
    check(unsafe { libc::getrlimit(resource, &raw mut limit) })?;
    let value = limit.rlim_max.min(value);
    limit = libc::rlimit {
        rlim_cur: value,
        rlim_max: value,
    };
    // SAFETY: the pointer is to a live variable.
    check(unsafe { libc::setrlimit(resource, &raw const limit) })
}

fn check_fd(fd: c_int) -> io::Result<RawFd> {
    if fd < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(fd)
    }
}

fn send_and_exit(kind: Kind, payload: &[u8], status: i32) -> ! {
    let payload = match kind {
        Kind::Value => payload,
        _ => &payload[..payload.len().min(MESSAGE_BYTES)],
    };
    let is_sent = frame::send(SEND_FD.load(Ordering::Relaxed), kind, payload);
    exit(if is_sent { status } else { EXIT_UNSENT })
}

fn exit(status: i32) -> ! {
    // SAFETY: it ends the process and runs none of its code.
    unsafe { libc::_exit(status) }
}
