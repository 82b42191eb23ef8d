//! Dispatch of IRP_MJ_SYSTEM_CONTROL, as of any other request, does not return before the lock has been released or handed
//! on: only what does either makes the value that it has to return.
//!
//! Enforced by: `MustPass`, `Outcome`
#![no_std]

use wdm::{Driver, MustPass, Outcome};

/// Serves IRP_MJ_SYSTEM_CONTROL.
pub fn system_control<D: Driver>(irp: MustPass<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    core::mem::forget(irp);
    #[cfg(misuse)]
    return Ok(()); //~ ERROR E0308: mismatched types: expected `Dispatched<'_>`, found `()`
    #[cfg(not(misuse))]
    Ok(irp.skip_and_call())
}
