//! Whose turn it is: usage notifications of one device, one at a time.
//!
//! What a notification comes to depends on those before it, and is known only when it has come back. So the next one waits.
//! It is an event and not a lock that raises the IRQL, since the drivers below are called and waited for meanwhile.
//!
//! Not here: what is done in a turn, which is in `pnp`.

use wdk_sys::_EVENT_TYPE::SynchronizationEvent;

use crate::{event::RawEvent, irql::Passive};

/// A synchronization event in a device extension, which is set while it is nobody's turn.
///
/// # Invariants
///
/// Whoever has a reference to one has it initialised, and at its final address.
pub(crate) struct UsageTurn(RawEvent);

impl UsageTurn {
    /// Makes it nobody's turn.
    ///
    /// # Safety
    ///
    /// `turn` points to memory for one that is never moved, initialised only once, and that lives as long as the device
    /// object in whose extension it stands.
    pub(crate) unsafe fn initialise(turn: *mut Self) {
        // SAFETY: the caller promises memory for one.
        unsafe { turn.write(Self(RawEvent::new())) };
        // SAFETY: written above, and nobody else knows it yet.
        let turn = unsafe { &*turn };
        // SAFETY: the caller promises that this is done once, and that it is never moved.
        unsafe { turn.0.initialise(SynchronizationEvent, true) };
    }

    /// Waits until it is nobody's turn, and takes it.
    pub(crate) fn take(&self, irql: &mut Passive) -> Turn<'_> {
        // SAFETY: the event is initialised (invariant).
        unsafe { self.0.wait(irql) };
        Turn(self)
    }
}

/// This thread's turn, until it is dropped.
#[must_use = "the turn is over when this is dropped"]
pub(crate) struct Turn<'turn>(&'turn UsageTurn);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // SAFETY: the event is initialised (invariant). A turn is taken at PASSIVE_LEVEL, and stays on the thread's stack.
        unsafe { self.0.0.set() };
    }
}
