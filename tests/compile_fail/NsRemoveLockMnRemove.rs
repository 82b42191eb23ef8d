//! IRP_MN_REMOVE_DEVICE is not answered with STATUS_NOT_SUPPORTED, nor with any other status of this driver's choice: it ends
//! with what the drivers below make of it.
//!
//! Enforced by: `Request`, `RemoveDevice`
#![no_std]

use wdm::{Driver, Irp, NtError, Outcome, RemoveDevice, Request};

fn unsupported<D: Driver>(irp: Irp<'_, D>, not_supported: NtError) -> Outcome<'_, D> {
    Err(irp.reject(not_supported))
}

fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    Ok(removal.call_detach_and_delete())
}

/// Serves a removal, and answers the requests that it does not support.
pub fn dispatch<D: Driver>(request: Request<'_, D>, not_supported: NtError) -> Option<Outcome<'_, D>> {
    match request {
        #[cfg(not(misuse))]
        Request::RemoveDevice(removal) => Some(remove(removal)),
        #[cfg(misuse)]
        Request::RemoveDevice(removal) => Some(unsupported(removal, not_supported)), //~ ERROR E0308: mismatched types: expected `Irp<'_, D>`, found `RemoveDevice<'_, D>`
        Request::Other(irp) => Some(unsupported(irp, not_supported)),
        _ => None,
    }
}
