//! Events: what a thread waits for until another says that it is so.
//!
//! To wait takes a [`Passive`]: at DISPATCH_LEVEL a thread that waits would stop its processor. To set one is allowed up to
//! DISPATCH_LEVEL.

use core::{cell::UnsafeCell, marker::PhantomData, mem::MaybeUninit, ptr, time::Duration};

use wdk_sys::{
    _EVENT_TYPE::{self, NotificationEvent, SynchronizationEvent},
    _KWAIT_REASON::Executive,
    KEVENT, NTSTATUS,
    ntddk::{KeClearEvent, KeInitializeEvent, KeReadStateEvent, KeSetEvent, KeWaitForSingleObject},
};

use crate::{
    driver::Driver,
    irql::{Dispatch, Passive},
    parts::{Draining, Making, Part},
    status::NtError,
    time::relative,
};

/// The KernelMode of KPROCESSOR_MODE: the wait is this driver's, and no thread's stack is paged out meanwhile.
const KERNEL_MODE: i8 = 0;
const FALSE: u8 = 0;
const TIMEOUT: NTSTATUS = wdk_sys::STATUS_TIMEOUT;

/// How an event behaves when a thread has waited for it.
pub trait EventKind: 'static {
    #[doc(hidden)]
    const TYPE: _EVENT_TYPE::Type;
}

/// A notification event: it stays set until it is cleared, and lets every thread go on that waits for it.
#[derive(Debug)]
pub enum Notification {}

/// A synchronisation event: it lets one thread go on, and is clear again with that.
#[derive(Debug)]
pub enum Synchronization {}

impl EventKind for Notification {
    const TYPE: _EVENT_TYPE::Type = NotificationEvent;
}

impl EventKind for Synchronization {
    const TYPE: _EVENT_TYPE::Type = SynchronizationEvent;
}

/// An event that is a part of a device, see [`parts!`](crate::parts). It is clear at first.
///
/// A thread that still waits for one when the device goes is waited for: a driver that lets threads wait sets the event
/// before it sends the removal down.
pub struct Event<K: EventKind> {
    raw: RawEvent,
    kind: PhantomData<fn() -> K>,
}

impl<K: EventKind> Event<K> {
    /// Sets it: threads that wait go on.
    pub fn set(&self, _irql: &mut Dispatch) {
        // SAFETY: a part is initialised before it can be reached.
        unsafe { self.raw.set() };
    }

    /// Clears it: threads that come to wait do wait.
    pub fn clear(&self, _irql: &mut Dispatch) {
        // SAFETY: as in `set`.
        unsafe { self.raw.clear() };
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self, _irql: &mut Dispatch) -> bool {
        // SAFETY: as in `set`.
        unsafe { KeReadStateEvent(self.raw.0.get()) != 0 }
    }

    /// Waits until it is set, without end.
    pub fn wait(&self, irql: &mut Passive) {
        // SAFETY: as in `set`.
        unsafe { self.raw.wait(irql) };
    }

    /// Waits until it is set, but no longer than `limit`. Returns whether it was.
    #[must_use]
    pub fn wait_at_most(&self, limit: Duration, _irql: &mut Passive) -> bool {
        let mut timeout = relative(limit);
        // SAFETY: as in `set`; the token says that waiting is allowed.
        let status =
            unsafe { KeWaitForSingleObject(self.raw.0.get().cast(), Executive, KERNEL_MODE, FALSE, &raw mut timeout) };
        status != TIMEOUT
    }
}

impl<D: Driver, K: EventKind> Part<D> for Event<K> {
    fn make(_making: &Making<'_, D>) -> Result<Self, NtError> {
        Ok(Self {
            raw: RawEvent::new(),
            kind: PhantomData,
        })
    }

    unsafe fn initialise(&self) {
        // SAFETY: as the caller promises.
        unsafe { self.raw.initialise(K::TYPE, false) };
    }

    fn drain(&self, _draining: &mut Draining<'_>) {}
}

/// A KEVENT.
///
/// # Invariants
///
/// After [`initialise`](Self::initialise) it does not move: the kernel keeps a list through it.
pub(crate) struct RawEvent(UnsafeCell<KEVENT>);

// SAFETY: a KEVENT is for many threads, and only the kernel touches what is in it.
unsafe impl Send for RawEvent {}
// SAFETY: as above.
unsafe impl Sync for RawEvent {}

impl RawEvent {
    /// One that is not in use yet.
    pub(crate) fn new() -> Self {
        // SAFETY: a structure of numbers and pointers, which the kernel initialises before anyone reads it.
        Self(UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }))
    }

    /// # Safety
    ///
    /// Done once, before anybody uses it, and from then on it does not move.
    pub(crate) unsafe fn initialise(&self, kind: _EVENT_TYPE::Type, set: bool) {
        // SAFETY: as the caller promises.
        unsafe { KeInitializeEvent(self.0.get(), kind, u8::from(set)) };
    }

    /// # Safety
    ///
    /// It is initialised, and the IRQL is DISPATCH_LEVEL at most.
    pub(crate) unsafe fn set(&self) {
        // SAFETY: as the caller promises. No wait follows, and no thread gets a boost.
        unsafe { KeSetEvent(self.0.get(), 0, FALSE) };
    }

    /// # Safety
    ///
    /// As for [`set`](Self::set).
    pub(crate) unsafe fn clear(&self) {
        // SAFETY: as the caller promises.
        unsafe { KeClearEvent(self.0.get()) };
    }

    /// Waits until it is set.
    ///
    /// # Safety
    ///
    /// It is initialised.
    pub(crate) unsafe fn wait(&self, _irql: &mut Passive) {
        // It cannot fail: nothing interrupts a wait in kernel mode that is not alertable.
        // SAFETY: as the caller promises; the token says that waiting is allowed.
        let _ = unsafe { KeWaitForSingleObject(self.0.get().cast(), Executive, KERNEL_MODE, FALSE, ptr::null_mut()) };
    }
}
