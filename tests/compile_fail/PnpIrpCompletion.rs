//! A PnP request is passed to the drivers below and not completed before they have seen it: its type cannot be rejected, and
//! can be failed only when it has come back.
//!
//! Enforced by: `StartDevice`
#![no_std]

use wdm::{Driver, NtError, Outcome, StartDevice};

/// Serves IRP_MN_START_DEVICE, for which this driver is ready or not.
pub fn start<D: Driver>(irp: StartDevice<'_, D>, ready: Result<(), NtError>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    if let Err(error) = ready {
        return Err(irp.reject(error)); //~ ERROR E0599: no method named `reject`
    }
    match irp.forward_and_wait() {
        Ok(answered) => match ready {
            Ok(()) => Ok(answered.complete()),
            Err(error) => Err(answered.fail(error)),
        },
        Err(irp) => Ok(irp.skip_and_call()),
    }
}
