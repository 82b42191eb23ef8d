//! The remove lock is held when IRP_MN_REMOVE_DEVICE is sent down: it is inside the request, where no driver can release it
//! before.
//!
//! Enforced by: `RemoveDevice`
#![no_std]

use wdm::{Driver, Outcome, RemoveDevice};

/// Serves IRP_MN_REMOVE_DEVICE.
pub fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(removal.0); //~ ERROR E0616: field `0` of struct `wdm::RemoveDevice` is private
    Ok(removal.call_detach_and_delete())
}
