//! IRP_MN_SET_POWER is not failed on the way up: dispatch is given power requests in a type that is sent down, and cannot be
//! rejected.
//!
//! Enforced by: `MustPass`
#![no_std]

use wdm::{Driver, MustPass, NtError, Outcome};

/// Serves a power request to a device that was made ready again, or was not.
pub fn power<D: Driver>(irp: MustPass<'_, D>, ready: Result<(), NtError>) -> Outcome<'_, D> {
    match ready {
        #[cfg(misuse)]
        Err(error) => Err(irp.reject(error)), //~ ERROR E0599: no method named `reject`
        _ => Ok(irp.skip_and_call()),
    }
}
