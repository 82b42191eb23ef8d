//! Dispatch does not return STATUS_SUCCESS for an IRP that nobody completed: it returns no status, but the proof that the
//! IRP was disposed of.
//!
//! Enforced by: `Irp`, `Outcome`
#![no_std]

#[cfg(misuse)]
use wdm::NtStatus;
use wdm::{Driver, Irp, Outcome};

/// Lets the request pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    let dispatched = {
        drop(irp);
        NtStatus::SUCCESS
    };
    #[cfg(not(misuse))]
    let dispatched = irp.skip_and_call();
    Ok(dispatched) //~ ERROR E0308: mismatched types: expected `Dispatched<'_>`, found `NtStatus`
}
