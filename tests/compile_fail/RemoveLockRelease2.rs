//! The remove lock is released as often as it was acquired: it is inside the IRP, of which there is one, and a copy of it
//! cannot be made.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, Outcome};

/// Lets the request pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp.clone()); //~ ERROR E0599: no method named `clone`
    Ok(irp.skip_and_call())
}
