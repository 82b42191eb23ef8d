//! IoDetachDevice is called at PASSIVE_LEVEL: it takes the `RemoveDevice` that the PnP manager sends at that level, and a
//! driver cannot make one of an IRP that came at another.
//!
//! Enforced by: `RemoveDevice`
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
        Request::Other(irp) => remove(RemoveDevice(irp)), //~ ERROR E0423: expected function, tuple struct or tuple variant, found struct `RemoveDevice`
        Request::SurpriseRemoval(irp) | Request::Other(irp) => Ok(irp.skip_and_call()),
        Request::Read { irp, .. } | Request::Write { irp, .. } => Ok(irp.skip_and_call()),
    }
}
