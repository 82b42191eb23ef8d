//! To cancel an IRP is to call whoever has it, and may bring it back at once: no spin lock is held meanwhile.
//!
//! Enforced by: `Flight`, `SpinLock`
#![no_std]

use wdm::{Dispatch, Driver, Flight, Return, SpinLock};

/// Cancels what is below, and counts that.
pub fn cancel<D: Driver, R: Return<D>>(flight: &Flight<D, R>, count: &SpinLock<u32>, irql: &mut Dispatch) {
    let mut cancelled = count.lock(irql);
    *cancelled = cancelled.wrapping_add(1);
    #[cfg(not(misuse))]
    drop(cancelled);
    flight.cancel(irql); //~ ERROR E0499: cannot borrow `*irql` as mutable more than once at a time
    #[cfg(misuse)]
    drop(cancelled);
}
