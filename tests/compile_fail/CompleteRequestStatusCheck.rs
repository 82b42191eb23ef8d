//! No IRP is completed with STATUS_PENDING, nor with STATUS_SUCCESS where the lower driver failed it: what it is rejected or
//! failed with is an error, and one that came back has no method to succeed.
//!
//! Enforced by: `NtError`, `Held`
#![no_std]

use wdm::{Dispatch, Driver, Held, Irp, NtError, NtStatus, Outcome, Slot};

/// Fails the request where `status` is an error, and lets it pass where it is any other.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>, status: NtStatus) -> Outcome<'_, D> {
    let refused: Result<NtStatus, NtError> = status.ok();
    match refused {
        Ok(_) => Ok(irp.skip_and_call()),
        #[cfg(misuse)]
        Err(_) => Err(irp.reject(status)), //~ ERROR E0308: mismatched types: expected `NtError`, found `NtStatus`
        #[cfg(not(misuse))]
        Err(error) => Err(irp.reject(error)),
    }
}

/// Completes a request that the lower driver has completed.
pub fn done<D: Driver, C>(irp: Held<D, Slot<D, C>>, irql: &mut Dispatch) {
    #[cfg(misuse)]
    irp.succeed(0, irql); //~ ERROR E0599: no method named `succeed` found for struct `Held<D, Slot<D, C>>`
    #[cfg(not(misuse))]
    irp.complete(irql);
}
