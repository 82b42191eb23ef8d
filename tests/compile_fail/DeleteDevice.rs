//! A device is deleted only after the lower driver has returned from IRP_MN_REMOVE_DEVICE: calling it, detaching and
//! deleting are one step, and the last of them cannot be had alone.
//!
//! Enforced by: `RemoveDevice`, `Device`
#![no_std]

use wdm::{Device, Driver, Outcome, RemoveDevice};

/// Serves IRP_MN_REMOVE_DEVICE.
pub fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    let _device: &Device<D> = removal.device();
    #[cfg(misuse)]
    _device.detach_and_delete(); //~ ERROR E0624: method `detach_and_delete` is private
    Ok(removal.call_detach_and_delete())
}
