//! IRP_MN_SURPRISE_REMOVAL neither detaches nor deletes the device: only the type of IRP_MN_REMOVE_DEVICE can.
//!
//! Enforced by: `RemoveDevice`, `MustSucceed`, `Request`
#![no_std]

use wdm::{Driver, MustSucceed, Outcome, RemoveDevice, Request};

fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    Ok(removal.call_detach_and_delete())
}

fn surprise<D: Driver>(irp: MustSucceed<'_, D>) -> Outcome<'_, D> {
    Ok(irp.succeed_and_call())
}

/// Serves the requests that end a device, and leaves the others to its caller.
pub fn dispatch<D: Driver>(request: Request<'_, D>) -> Option<Outcome<'_, D>> {
    match request {
        Request::RemoveDevice(removal) => Some(remove(removal)),
        #[cfg(misuse)]
        Request::SurpriseRemoval(irp) => Some(remove(irp)), //~ ERROR E0308: mismatched types: expected `RemoveDevice<'_, D>`, found `MustSucceed<'_, D>`
        #[cfg(not(misuse))]
        Request::SurpriseRemoval(irp) => Some(surprise(irp)),
        _ => None,
    }
}
