//! The remove lock of an IRP_MJ_INTERNAL_DEVICE_CONTROL is released once, when the call down has returned: what is sent is
//! gone, and with it the lock.
//!
//! Enforced by: `MustPass`
#![no_std]

use wdm::{Dispatched, Driver, MustPass};

/// Lets the request pass.
pub fn internal_device_control<D: Driver>(irp: MustPass<'_, D>) -> Dispatched<'_> {
    let sent = irp.skip_and_call();
    #[cfg(misuse)]
    drop(irp); //~ ERROR E0382: use of moved value: `irp`
    sent
}
