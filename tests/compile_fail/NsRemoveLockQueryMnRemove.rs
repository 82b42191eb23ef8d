//! IRP_MN_QUERY_REMOVE_DEVICE is not answered with STATUS_NOT_SUPPORTED by who handles it: a driver that agrees sets
//! STATUS_SUCCESS with the call down, and cannot set another status.
//!
//! Enforced by: `Query`
#![no_std]

use wdm::{Driver, NtStatus, Outcome, Query};

/// Agrees to the removal.
pub fn query<D: Driver>(irp: Query<'_, D>, not_supported: NtStatus) -> Outcome<'_, D> {
    #[cfg(misuse)]
    irp.set_status(not_supported); //~ ERROR E0599: no method named `set_status`
    let _ = not_supported;
    Ok(irp.succeed_and_call())
}
