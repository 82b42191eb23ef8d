//! An IRP that is not marked pending is not handed to another thread: dispatch returns, and the IRP with it.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, Outcome};

fn hand_over<T: Send>(value: T) -> T {
    value
}

/// Hands the request's major function to another thread, and lets the request pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    //~vvv ERROR E0277: `NonNull<wdk_sys::types::bindings::_IRP>` cannot be sent between threads safely
    //~vv ERROR E0277: `*mut ()` cannot be sent between threads safely
    #[cfg(misuse)]
    let irp = hand_over(irp);
    #[cfg(not(misuse))]
    hand_over(irp.major_function());
    Ok(irp.skip_and_call())
}
