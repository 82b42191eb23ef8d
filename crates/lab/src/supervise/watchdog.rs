//! Tells code that computes for ever from code that still calls.
//!
//! Not a limit on waiting: the clock is the watched thread's processor time, so a machine under
//! load makes nobody look stuck, and who sleeps is the wall limit's business.

use std::{
    ffi::{c_int, c_void},
    io,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
    time::Duration,
};

use super::check;

/// Called on the watched thread, in the middle of what it was doing, with the arguments of a
/// `SA_SIGINFO` handler.
///
/// It may do what a signal handler may. It runs on the thread's alternate signal stack if there is
/// one, and there should be: the stack of a driver has no room for it.
pub type OnStuck = extern "C" fn(info: *mut libc::siginfo_t, context: *mut c_void);

/// Ticks in a row without a pet that mean that the thread is stuck.
const STUCK_TICKS: u32 = 2;

/// The ticks since the last pet.
static TICKS: AtomicU32 = AtomicU32::new(0);
static IS_ARMED: AtomicBool = AtomicBool::new(false);
/// An [`OnStuck`], or null.
static ON_STUCK: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// A watch on the thread that armed it; dropping it ends the watch.
///
/// There is one a process, since signal handlers are the process's. It uses SIGPROF.
#[must_use = "dropping it ends the watch"]
pub struct Watchdog {
    timer: libc::timer_t,
}

impl Watchdog {
    /// Calls `on_stuck` when this thread has run for `step` of processor time, or up to twice that,
    /// without a [`pet`](Self::pet), and again for each time that this happens.
    pub fn arm(step: Duration, on_stuck: OnStuck) -> io::Result<Self> {
        if step.is_zero() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if IS_ARMED.swap(true, Ordering::Acquire) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        ON_STUCK.store(on_stuck as *mut c_void, Ordering::Release);
        Self::pet();
        let armed = handle_ticks().and_then(|()| start_timer(step));
        if armed.is_err() {
            IS_ARMED.store(false, Ordering::Release);
        }
        armed.map(|timer| Self { timer })
    }

    /// Says that the thread is alive. One store: cheap enough for every call of the driver's.
    #[inline]
    pub fn pet() {
        TICKS.store(0, Ordering::Relaxed);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // SAFETY: the timer is ours and is deleted once. A tick that is under way finds the
        // handler still installed.
        unsafe { libc::timer_delete(self.timer) };
        ON_STUCK.store(std::ptr::null_mut(), Ordering::Release);
        IS_ARMED.store(false, Ordering::Release);
    }
}

extern "C" fn tick(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if TICKS.fetch_add(1, Ordering::Relaxed) + 1 < STUCK_TICKS {
        return;
    }
    TICKS.store(0, Ordering::Relaxed);
    let on_stuck = ON_STUCK.load(Ordering::Acquire);
    if !on_stuck.is_null() {
        // SAFETY: only `arm` stores anything but null, and it stores an `OnStuck`.
        let on_stuck = unsafe { std::mem::transmute::<*mut c_void, OnStuck>(on_stuck) };
        on_stuck(info, context);
    }
}

fn handle_ticks() -> io::Result<()> {
    // SAFETY: all zeros is an empty mask, no flags and the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = tick as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: `tick` has the signature that SA_SIGINFO asks for, and does only what a signal
    // handler may, as `OnStuck` must too.
    check(unsafe { libc::sigaction(libc::SIGPROF, &raw const action, std::ptr::null_mut()) })
}

fn start_timer(step: Duration) -> io::Result<libc::timer_t> {
    // SAFETY: all zeros is a valid event, of which the fields that count are set below.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = libc::SIGPROF;
    // SAFETY: it only returns a number.
    event.sigev_notify_thread_id = unsafe { libc::gettid() };
    let mut timer = std::ptr::null_mut();
    // SAFETY: both pointers are to live variables of the right types.
    check(unsafe { libc::timer_create(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut event, &raw mut timer) })?;
    let period = libc::timespec {
        tv_sec: libc::time_t::try_from(step.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: step.subsec_nanos().into(),
    };
    let times = libc::itimerspec {
        it_interval: period,
        it_value: period,
    };
    // SAFETY: the timer was just created and `times` is a live variable.
    let started = check(unsafe { libc::timer_settime(timer, 0, &raw const times, std::ptr::null_mut()) });
    if started.is_err() {
        // SAFETY: the timer was just created and nobody else knows it.
        unsafe { libc::timer_delete(timer) };
    }
    started.map(|()| timer)
}
