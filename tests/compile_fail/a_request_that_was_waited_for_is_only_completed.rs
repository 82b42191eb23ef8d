//! A PnP request that the drivers below have answered is completed: it is not sent to them a second time, and cannot be made
//! a success.
//!
//! Enforced by: `Answered`
#![no_std]

use wdm::{Answered, Dispatched, Driver};

/// Completes a request that has come back.
pub fn answered<D: Driver>(irp: Answered<'_, D>) -> Dispatched<'_> {
    #[cfg(misuse)]
    return irp.succeed_and_call(); //~ ERROR E0599: no method named `succeed_and_call`
    #[cfg(not(misuse))]
    irp.complete()
}
