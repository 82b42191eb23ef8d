//! Timers: a routine of the driver that runs at a time.

use core::{cell::UnsafeCell, ffi::c_void, marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use wdk_sys::{
    DEVICE_OBJECT, KDPC, KTIMER,
    ntddk::{KeCancelTimer, KeInitializeTimer, KeSetTimer},
};

use crate::{
    device::Device,
    dpc::{self, Dpc},
    driver::Driver,
    irql::Dispatch,
    parts::{Draining, Making, Part, Step},
    spin_lock::SpinLock,
    status::NtError,
    time::{InterruptTime, relative},
};

/// What a timer does.
pub trait Expire<D: Driver>: 'static {
    /// The time has come. Called in a DPC, at DISPATCH_LEVEL, where nothing waits.
    ///
    /// Where it is started again before the routine has returned, another processor may call it at the same time.
    fn expired(device: &Device<D>, irql: &mut Dispatch);
}

/// A timer that is a part of a device, see [`parts!`](crate::parts), and runs `E` when it expires.
///
/// # States
///
/// 1. *Idle*: at first, and when it has expired.
/// 2. *Set*: until it expires, or is stopped.
/// 3. *Closed*: the device is going. It cannot be set any more.
///
/// # Invariants
///
/// The KTIMER is in the kernel's timer queue, or the DPC in a processor's, only in state 2 or while `expired` runs; in
/// state 3 neither is once the draining has ended. The kernel's calls that change that are made with `state` locked.
pub struct Timer<D: Driver, E: Expire<D>> {
    timer: UnsafeCell<KTIMER>,
    dpc: Dpc,
    state: SpinLock<State>,
    object: NonNull<DEVICE_OBJECT>,
    routine: PhantomData<fn() -> (D, E)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Set(InterruptTime),
    Closed,
}

// SAFETY: only the kernel touches what is in the KTIMER, and the device object is never read through here.
unsafe impl<D: Driver, E: Expire<D>> Send for Timer<D, E> {}
// SAFETY: as above.
unsafe impl<D: Driver, E: Expire<D>> Sync for Timer<D, E> {}

impl<D: Driver, E: Expire<D>> Timer<D, E> {
    /// Lets it expire at `time`, whatever it was set to before.
    pub fn set(&self, time: InterruptTime, irql: &mut Dispatch) {
        self.set_where(time, |_| true, irql);
    }

    /// Lets it expire at `time`, unless it is set to an earlier one already.
    pub fn set_no_later(&self, time: InterruptTime, irql: &mut Dispatch) {
        self.set_where(time, |earlier| time < earlier, irql);
    }

    /// Stops it where it is set. Its routine may be running still, on another processor.
    pub fn stop(&self, irql: &mut Dispatch) {
        let mut state = self.state.lock(irql);
        if let State::Set(_) = *state {
            *state = State::Idle;
            // SAFETY: the timer is initialised.
            unsafe { KeCancelTimer(self.timer.get()) };
        }
    }

    fn set_where(&self, time: InterruptTime, replaces: impl FnOnce(InterruptTime) -> bool, irql: &mut Dispatch) {
        let mut state = self.state.lock(irql);
        let set = match *state {
            State::Idle => true,
            State::Set(earlier) => replaces(earlier),
            State::Closed => false,
        };
        if set {
            *state = State::Set(time);
            self.start(time);
        }
    }

    /// Puts the KTIMER into the kernel's queue. Called with `state` locked, in state 2.
    fn start(&self, time: InterruptTime) {
        let due = relative(InterruptTime::now().until(time));
        // SAFETY: both are initialised and stay where they are until the device has been drained, which waits for them.
        unsafe { KeSetTimer(self.timer.get(), due, self.dpc.as_raw()) };
    }
}

impl<D: Driver, E: Expire<D>> Part<D> for Timer<D, E> {
    fn make(making: &Making<'_, D>) -> Result<Self, NtError> {
        Ok(Self {
            // SAFETY: a structure of numbers and pointers, which the kernel initialises before anyone reads it.
            timer: UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }),
            dpc: Dpc::new(),
            state: SpinLock::new(State::Idle),
            object: making.object(),
            routine: PhantomData,
        })
    }

    unsafe fn initialise(&self) {
        // SAFETY: done once, and it stays where it is, as the caller promises.
        unsafe { KeInitializeTimer(self.timer.get()) };
        let context = (&raw const *self).cast_mut().cast::<c_void>();
        // SAFETY: as above; the routine is for this context.
        unsafe { self.dpc.initialise(Some(expired::<D, E>), context) };
    }

    fn drain(&self, draining: &mut Draining<'_>) {
        if draining.step != Step::Timers {
            return;
        }
        *self.state.lock(draining.irql.as_dispatch()) = State::Closed;
        // Nobody sets it any more. Where it has expired, its DPC may be in a queue, or run.
        // SAFETY: the timer is initialised.
        unsafe { KeCancelTimer(self.timer.get()) };
        dpc::flush(draining.irql);
    }
}

/// The DPC of a timer.
///
/// # Safety
///
/// Called by the kernel, at DISPATCH_LEVEL. `context` is the timer, whose device is there until the draining has waited for
/// this call.
unsafe extern "C" fn expired<D: Driver, E: Expire<D>>(
    _dpc: *mut KDPC,
    context: *mut c_void,
    _first: *mut c_void,
    _second: *mut c_void,
) {
    // SAFETY: the DPC was initialised with the timer that it is in.
    let timer = unsafe { &*context.cast::<Timer<D, E>>() };
    // SAFETY: the kernel calls a DPC at DISPATCH_LEVEL, and this is its only token.
    let mut irql = unsafe { Dispatch::assume() };
    {
        let mut state = timer.state.lock(&mut irql);
        match *state {
            // It was set again between the timer's expiry and this DPC. Setting it took the expired one's place.
            State::Set(time) if InterruptTime::now() < time => {
                timer.start(time);
                return;
            }
            State::Set(_) => *state = State::Idle,
            // It was stopped meanwhile.
            State::Idle | State::Closed => return,
        }
    }
    // SAFETY: the device is one of `D`'s, and there as long as this call runs.
    let device = unsafe { Device::<D>::from_raw(timer.object) };
    E::expired(&device, &mut irql);
}
