//! No IRP is completed with STATUS_PENDING: what it is rejected with is an error, which STATUS_PENDING is not.
//!
//! Enforced by: `NtError`
#![no_std]

use wdm::{Driver, Irp, NtError, NtStatus, Outcome};

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
