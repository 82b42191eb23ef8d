//! IRP_MN_REMOVE_DEVICE, SURPRISE_REMOVAL, CANCEL_REMOVE_DEVICE and CANCEL_STOP_DEVICE are not failed: dispatch is given them
//! in types that cannot be rejected.
//!
//! Enforced by: `Request`, `RemoveDevice`, `MustSucceed`
#![no_std]

use wdm::{Driver, MustSucceed, NtError, Outcome, RemoveDevice, Request};

fn remove<D: Driver>(removal: RemoveDevice<'_, D>, ready: Result<(), NtError>) -> Outcome<'_, D> {
    match ready {
        #[cfg(misuse)]
        Err(error) => Err(removal.reject(error)), //~ ERROR E0599: no method named `reject`
        _ => Ok(removal.call_detach_and_delete()),
    }
}

fn succeed<D: Driver>(irp: MustSucceed<'_, D>, ready: Result<(), NtError>) -> Outcome<'_, D> {
    match ready {
        #[cfg(misuse)]
        Err(error) => Err(irp.reject(error)), //~ ERROR E0599: no method named `reject`
        _ => Ok(irp.succeed_and_call()),
    }
}

/// Serves the requests that end or keep a device, for which this driver is ready or not.
pub fn dispatch<D: Driver>(request: Request<'_, D>, ready: Result<(), NtError>) -> Outcome<'_, D> {
    match request {
        Request::RemoveDevice(removal) => remove(removal, ready),
        Request::SurpriseRemoval(irp)
        | Request::CancelRemoveDevice(irp)
        | Request::StopDevice(irp)
        | Request::CancelStopDevice(irp) => succeed(irp, ready),
        Request::QueryRemoveDevice(irp) | Request::QueryStopDevice(irp) => match ready {
            Err(error) => Err(irp.refuse(error)),
            Ok(()) => Ok(irp.succeed_and_call()),
        },
        other => Ok(other.pass()),
    }
}
