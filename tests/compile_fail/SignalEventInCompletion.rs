//! Who waits for the lower driver is woken: waiting is one call, which has the routine that sets the event, and no driver
//! can wait for an IRP that it registered a routine of its own for.
//!
//! Enforced by: `StartDevice`, `WithSlot`
#![no_std]

use wdm::{Driver, Observe, Outcome, StartDevice, WithSlot};

/// Waits until the device has started.
pub fn start<D: Driver>(irp: StartDevice<'_, D>) -> Outcome<'_, D> {
    match irp.forward_and_wait() {
        Ok(answered) => Ok(answered.complete()),
        Err(irp) => Ok(irp.skip_and_call()),
    }
}

/// Follows a request with a routine that sets no event.
pub fn follow<'irp, D: Driver, C: Observe<D>>(irp: WithSlot<'irp, D, C>, context: C) -> Outcome<'irp, D> {
    #[cfg(misuse)]
    return Ok(irp.observe_infallibly(context).wait()); //~ ERROR E0599: no method named `wait`
    #[cfg(not(misuse))]
    irp.observe(context)
}
