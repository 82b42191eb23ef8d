//! Whose turn it is: usage notifications of one device, one at a time.
//!
//! What a notification comes to depends on those before it, and is known only when it has come back. So the next one waits.
//! It is an event and not a lock that raises the IRQL, since the drivers below are called and waited for meanwhile.
//!
//! Not here: what is done in a turn, which is in `pnp`.

use core::{cell::UnsafeCell, ptr};

use wdk_sys::{
    _EVENT_TYPE::SynchronizationEvent,
    _KWAIT_REASON::Executive,
    _MODE::KernelMode,
    KEVENT,
    ntddk::{KeInitializeEvent, KeSetEvent, KeWaitForSingleObject},
};

use crate::irql::Passive;

/// The FALSE and TRUE of the kernel's BOOLEAN.
const FALSE: u8 = 0;
const TRUE: u8 = 1;

/// A synchronization event in a device extension, which is set while it is nobody's turn.
///
/// # Invariants
///
/// Whoever has a reference to one has it initialised, and at its final address: the kernel keeps a list through it.
#[repr(transparent)]
pub(crate) struct UsageTurn(UnsafeCell<KEVENT>);

impl UsageTurn {
    /// Makes it nobody's turn.
    ///
    /// # Safety
    ///
    /// `turn` points to memory for one that is never moved, initialised only once, and that lives as long as the device
    /// object in whose extension it stands.
    pub(crate) unsafe fn initialise(turn: *mut Self) {
        // SAFETY: the caller promises memory of the right size that stays where it is. `UsageTurn` is transparent.
        unsafe { KeInitializeEvent(turn.cast(), SynchronizationEvent, TRUE) };
    }

    /// Waits until it is nobody's turn, and takes it.
    pub(crate) fn take(&self, _irql: &mut Passive) -> Turn<'_> {
        // The wait ends with the event and nothing else: it is not alertable and has no time limit.
        // SAFETY: the event is initialised (invariant), and the token is proof that this thread may wait.
        let _always_success =
            unsafe { KeWaitForSingleObject(self.0.get().cast(), Executive, KernelMode as _, FALSE, ptr::null_mut()) };
        Turn(self)
    }
}

/// This thread's turn, until it is dropped.
#[must_use = "the turn is over when this is dropped"]
pub(crate) struct Turn<'turn>(&'turn UsageTurn);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // SAFETY: the event is initialised (invariant). No wait follows at once, so the IRQL is lowered again.
        unsafe { KeSetEvent(self.0.0.get(), 0, FALSE) };
    }
}
