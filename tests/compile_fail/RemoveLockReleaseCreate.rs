//! Dispatch of IRP_MJ_CREATE, as of any other request, does not return before the lock has been released or handed on: only
//! what does either makes the value that it has to return.
//!
//! Enforced by: `Irp`, `Outcome`
#![no_std]

use wdm::{Driver, Irp, Outcome};

/// Serves IRP_MJ_CREATE.
pub fn create<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    core::mem::forget(irp);
    #[cfg(misuse)]
    return Ok(()); //~ ERROR E0308: mismatched types: expected `Dispatched<'_>`, found `()`
    #[cfg(not(misuse))]
    Ok(irp.skip_and_call())
}
