//! IRP_MN_SURPRISE_REMOVAL neither detaches nor deletes the device: only the type of IRP_MN_REMOVE_DEVICE can.
//!
//! Enforced by: `RemoveDevice`, `Request`
#![no_std]

use wdm::{Driver, Irp, Outcome, RemoveDevice, Request};

fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    Ok(removal.call_detach_and_delete())
}

/// Lets every request pass but the one that ends the device.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    match irp.request() {
        Request::RemoveDevice(removal) => remove(removal),
        #[cfg(misuse)]
        Request::SurpriseRemoval(irp) => remove(irp), //~ ERROR E0308: mismatched types: expected `RemoveDevice<'_, D>`, found `Irp<'_, D>`
        #[cfg(not(misuse))]
        Request::SurpriseRemoval(irp) => Ok(irp.succeed_and_call()),
        Request::Other(irp) => Ok(irp.skip_and_call()),
        Request::Read { irp, .. } | Request::Write { irp, .. } => Ok(irp.skip_and_call()),
    }
}
