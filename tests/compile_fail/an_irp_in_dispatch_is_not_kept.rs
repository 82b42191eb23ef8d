//! An IRP that is not marked pending is not kept beyond dispatch: its brand ends with the call.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, Outcome};

fn keep<T: 'static>(value: T) -> T {
    value
}

/// Keeps the request's major function, and lets the request pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    let irp = keep(irp); //~ ERROR E0521: borrowed data escapes outside of function
    #[cfg(not(misuse))]
    keep(irp.major_function());
    Ok(irp.skip_and_call())
}
