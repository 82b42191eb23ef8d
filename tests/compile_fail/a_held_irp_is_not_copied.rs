//! An IRP has one owner: a `Held` can be moved to another thread, and not be copied to it.
//!
//! Enforced by: `Held`
#![no_std]

use wdm::{Driver, Held};

fn hand_over<T: Send>(value: T) -> T {
    value
}

/// Hands the request to another thread.
#[must_use]
pub fn release<D: Driver>(irp: Held<D>) -> Held<D> {
    #[cfg(misuse)]
    hand_over(irp.clone()); //~ ERROR E0599: no method named `clone` found for struct `Held<D, S>`
    hand_over(irp)
}
