//! What is prepared for a usage notification ends with the answer of the drivers below: preparing, waiting and ending are
//! one call, and the request cannot be forwarded without the last.
//!
//! Enforced by: `DeviceUsageNotification`
#![no_std]

use wdm::{DeviceUsageNotification, Driver, Outcome};

/// Serves IRP_MN_DEVICE_USAGE_NOTIFICATION.
pub fn usage<D: Driver>(irp: DeviceUsageNotification<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    return irp.forward_and_wait(); //~ ERROR E0599: no method named `forward_and_wait`
    #[cfg(not(misuse))]
    irp.serve_alone(|_| Ok(()), |_, (), _| ())
}
