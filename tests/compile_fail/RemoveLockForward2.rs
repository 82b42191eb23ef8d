//! The remove lock is held until a PnP request that was waited for has been completed: it came back with the request, and
//! completing takes both.
//!
//! Enforced by: `Answered`
#![no_std]

use wdm::{Answered, Dispatched, Driver};

/// Completes a request that the drivers below have answered.
pub fn answered<D: Driver>(irp: Answered<'_, D>) -> Dispatched<'_> {
    #[cfg(misuse)]
    drop(irp);
    irp.complete() //~ ERROR E0382: use of moved value: `irp`
}
