//! An IRP is completed once: what gives it up takes it by value, and it is neither `Copy` nor `Clone`.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, NtError, Outcome};

/// Fails the request.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>, error: NtError) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp.reject(error));
    Err(irp.reject(error)) //~ ERROR E0382: use of moved value: `irp`
}
