//! A DPC: a routine of a driver that the kernel runs at DISPATCH_LEVEL, soon, on some processor.
//!
//! Not a part that a driver has by itself: it belongs to a [`Timer`](crate::Timer), which sees to it that it is not under way
//! any more when its memory goes.

use core::{cell::UnsafeCell, ffi::c_void, mem::MaybeUninit};

use wdk_sys::{
    KDPC, PKDEFERRED_ROUTINE, PKDPC,
    ntddk::{KeFlushQueuedDpcs, KeInitializeDpc},
};

use crate::irql::Passive;

/// A KDPC.
///
/// # Invariants
///
/// After [`initialise`](Self::initialise) it does not move: the kernel links it into a processor's queue.
pub(crate) struct Dpc(UnsafeCell<KDPC>);

// SAFETY: only the kernel touches what is in it, from any processor.
unsafe impl Send for Dpc {}
// SAFETY: as above.
unsafe impl Sync for Dpc {}

impl Dpc {
    /// One that is not in use yet.
    pub(crate) fn new() -> Self {
        // SAFETY: a structure of numbers and pointers, which the kernel initialises before anyone reads it.
        Self(UnsafeCell::new(unsafe { MaybeUninit::zeroed().assume_init() }))
    }

    /// # Safety
    ///
    /// Done once, before it is used, and from then on it does not move. `routine` may be called with `context` whenever it
    /// has been queued.
    pub(crate) unsafe fn initialise(&self, routine: PKDEFERRED_ROUTINE, context: *mut c_void) {
        // SAFETY: as the caller promises.
        unsafe { KeInitializeDpc(self.0.get(), routine, context) };
    }

    /// For the kernel's functions that queue it.
    pub(crate) fn as_raw(&self) -> PKDPC {
        self.0.get()
    }
}

/// Waits until every DPC has run that was queued before, on whatever processor.
pub(crate) fn flush(_irql: &mut Passive) {
    // SAFETY: the token says that the IRQL is PASSIVE_LEVEL.
    unsafe { KeFlushQueuedDpcs() };
}
