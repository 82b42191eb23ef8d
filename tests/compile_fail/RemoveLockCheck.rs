//! IRP_MN_REMOVE_DEVICE is served with the lock acquired, and ends with the wait for all who hold it: the request has it
//! inside, and there is no other way to dispose of it.
//!
//! Enforced by: `RemoveDevice`
#![no_std]

use wdm::{Dispatched, Driver, RemoveDevice};

/// Serves IRP_MN_REMOVE_DEVICE.
pub fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Dispatched<'_> {
    #[cfg(misuse)]
    return removal.skip_and_call(); //~ ERROR E0599: no method named `skip_and_call`
    #[cfg(not(misuse))]
    removal.call_detach_and_delete()
}
