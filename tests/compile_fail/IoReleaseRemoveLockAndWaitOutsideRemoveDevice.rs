//! The remove lock is waited for in IRP_MN_REMOVE_DEVICE alone: no other request has the method.
//!
//! Enforced by: `RemoveDevice`
#![no_std]

use wdm::{Driver, Irp, Outcome, RemoveDevice};

/// Lets a request pass that is not to end the device.
pub fn pass<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    return Ok(irp.call_detach_and_delete()); //~ ERROR E0599: no method named `call_detach_and_delete`
    #[cfg(not(misuse))]
    Ok(irp.skip_and_call())
}

/// Serves IRP_MN_REMOVE_DEVICE.
pub fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    Ok(removal.call_detach_and_delete())
}
