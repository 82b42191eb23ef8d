//! IRP_MN_START_DEVICE is not pended by a driver that does not return STATUS_PENDING for it: it is waited for or passed on,
//! and cannot be kept.
//!
//! Enforced by: `StartDevice`
#![no_std]

use wdm::{Driver, Outcome, StartDevice};

/// Serves IRP_MN_START_DEVICE.
pub fn start<D: Driver>(irp: StartDevice<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    let (sent, _, _) = irp.park(); //~ ERROR E0599: no method named `park`
    #[cfg(not(misuse))]
    let sent = irp.skip_and_call();
    Ok(sent)
}
