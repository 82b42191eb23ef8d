//! Dispatch returns STATUS_PENDING only for an IRP that it marked or passed on: no status of its own choice goes back.
//!
//! Enforced by: `Dispatched`
#![no_std]

#[cfg(misuse)]
use wdm::{Dispatched, NtStatus};
use wdm::{Driver, Irp, Outcome};

/// Lets the request pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    let dispatched = {
        drop(irp);
        Dispatched::new(NtStatus::from_raw(0x103)) //~ ERROR E0624: associated function `new` is private
    };
    #[cfg(not(misuse))]
    let dispatched = irp.skip_and_call();
    Ok(dispatched)
}
