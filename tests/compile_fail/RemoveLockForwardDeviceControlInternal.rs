//! The remove lock is held while IRP_MJ_INTERNAL_DEVICE_CONTROL is sent down: it is inside the request, and sending takes
//! both.
//!
//! Enforced by: `MustPass`
#![no_std]

use wdm::{Driver, MustPass, Outcome};

/// Serves IRP_MJ_INTERNAL_DEVICE_CONTROL.
pub fn internal_device_control<D: Driver>(irp: MustPass<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp);
    Ok(irp.skip_and_call()) //~ ERROR E0382: use of moved value: `irp`
}
