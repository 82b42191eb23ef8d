//! IRP_MN_REMOVE_DEVICE is not failed: told apart from the others, it has a type that cannot be rejected.
//!
//! Enforced by: `RemoveDevice`
#![no_std]

use wdm::{Driver, NtError, Outcome, RemoveDevice};

/// Serves IRP_MN_REMOVE_DEVICE.
pub fn remove<D: Driver>(removal: RemoveDevice<'_, D>, error: Option<NtError>) -> Outcome<'_, D> {
    match error {
        #[cfg(misuse)]
        Some(error) => Err(removal.reject(error)), //~ ERROR E0599: no method named `reject`
        _ => Ok(removal.call_detach_and_delete()),
    }
}
