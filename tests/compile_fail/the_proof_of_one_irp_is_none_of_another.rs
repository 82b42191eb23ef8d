//! Dispatch returns the status of its own IRP: each call has a brand of its own, which its `Dispatched` carries.
//!
//! Enforced by: `Dispatched`, `Irp`
#![no_std]

use wdm::{Dispatched, Driver, Irp, Outcome};

/// Lets the request pass.
pub fn dispatch<'irp, 'other, D: Driver>(irp: Irp<'irp, D>, _other: Dispatched<'other>) -> Outcome<'irp, D> {
    #[cfg(misuse)]
    drop(irp);
    //~vvv ERROR: lifetime may not live long enough: function was supposed to return data with lifetime `'irp`
    //~vv ERROR: lifetime may not live long enough: function was supposed to return data with lifetime `'other`
    #[cfg(misuse)]
    return Ok(_other);
    #[cfg(not(misuse))]
    Ok(irp.skip_and_call())
}
