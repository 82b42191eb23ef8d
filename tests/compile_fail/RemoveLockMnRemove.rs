//! In IRP_MN_REMOVE_DEVICE the remove lock is acquired, then released and waited for: the request cannot be sent down
//! without the wait that belongs to it.
//!
//! Enforced by: `RemoveDevice`
#![no_std]

use wdm::{Driver, Outcome, RemoveDevice};

/// Serves IRP_MN_REMOVE_DEVICE.
pub fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    return Ok(removal.skip_and_call()); //~ ERROR E0599: no method named `skip_and_call`
    #[cfg(not(misuse))]
    Ok(removal.call_detach_and_delete())
}
