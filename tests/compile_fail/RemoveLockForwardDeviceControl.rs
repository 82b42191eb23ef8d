//! The remove lock is held while IRP_MJ_DEVICE_CONTROL is sent down: it is inside the request, and sending takes both.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, Outcome};

/// Serves IRP_MJ_DEVICE_CONTROL.
pub fn device_control<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp);
    Ok(irp.skip_and_call()) //~ ERROR E0382: use of moved value: `irp`
}
