//! Whoever installs a cancel routine in an IRP that is pending has to look whether it has been cancelled before. A driver
//! installs none: it puts the IRP into a `Queue`, which does both.
//!
//! Enforced by: `Queue`, `Queued`, `Held`
#![no_std]

use wdm::{Dispatch, Driver, Held, NtError, Queue, Queued};

/// Completes a request that has been cancelled.
#[cfg(misuse)]
fn cancelled<D: Driver>(irp: Held<D>, irql: &mut Dispatch) {
    irp.fail(NtError::CANCELLED, irql);
}

/// Keeps a request where it can be cancelled, and fails it where the device is going.
pub fn keep<D: Driver, Q: Queued<D, Slot = ()>>(irp: Held<D>, queue: &Queue<D, Q>, entry: Q, irql: &mut Dispatch) {
    #[cfg(misuse)]
    irp.set_cancel_routine(cancelled::<D>); //~ ERROR E0599: no method named `set_cancel_routine` found
    if let Err((irp, _)) = queue.insert(irp, entry, irql) {
        irp.fail(NtError::DELETE_PENDING, irql);
    }
}
