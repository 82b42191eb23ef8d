//! The remove lock is held for as long as the IRP is: it is inside, where no driver can release it early or twice.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, Outcome};

/// Lets the request pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp.device); //~ ERROR E0616: field `device` of struct `Irp` is private
    Ok(irp.skip_and_call())
}
