//! A request that may be pending below is not completed by who did not wait for it: only the wait gives it back, and a call
//! gives what dispatch returns and no IRP.
//!
//! Enforced by: `StartDevice`
#![no_std]

use wdm::{Driver, Outcome, StartDevice};

/// Serves IRP_MN_START_DEVICE.
pub fn start<D: Driver>(irp: StartDevice<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    return Ok(irp.skip_and_call().complete()); //~ ERROR E0599: no method named `complete`
    #[cfg(not(misuse))]
    match irp.forward_and_wait() {
        Ok(answered) => Ok(answered.complete()),
        Err(irp) => Ok(irp.skip_and_call()),
    }
}
