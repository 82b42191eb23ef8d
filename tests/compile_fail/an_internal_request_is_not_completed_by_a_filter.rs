//! An IRP_MJ_INTERNAL_DEVICE_CONTROL is not completed here: what it ends with is said in a structure that only its sender
//! and its receiver know.
//!
//! Enforced by: `Request`
#![no_std]

use wdm::{Driver, NtError, Outcome, Request};

/// Fails what this driver has no memory for.
pub fn dispatch<D: Driver>(request: Request<'_, D>) -> Outcome<'_, D> {
    match request {
        #[cfg(misuse)]
        Request::InternalDeviceControl(irp) => Err(irp.reject(NtError::INSUFFICIENT_RESOURCES)), //~ ERROR E0599: no method named `reject`
        Request::DeviceControl { irp, .. } => Err(irp.reject(NtError::INSUFFICIENT_RESOURCES)),
        other => Ok(other.pass()),
    }
}
