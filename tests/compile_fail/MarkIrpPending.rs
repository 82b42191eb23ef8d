//! An IRP that is marked pending makes dispatch return STATUS_PENDING: marking it gives the one value that says so, and
//! leaves no IRP to make another of.
//!
//! Enforced by: `Irp`, `Held`
#![no_std]

use wdm::{Driver, Held, Irp, NtError, Outcome};

/// Parks the request, and fails it where `error` is one.
pub fn dispatch<'irp, D: Driver>(
    irp: Irp<'irp, D>,
    error: Option<NtError>,
    keep: impl FnOnce(Held<D>),
) -> Outcome<'irp, D> {
    #[cfg(not(misuse))]
    if let Some(error) = error {
        return Err(irp.reject(error));
    }
    let (pending, held, _irql) = irp.park();
    keep(held);
    #[cfg(misuse)]
    if let Some(error) = error {
        return Err(irp.reject(error)); //~ ERROR E0382: use of moved value: `irp`
    }
    Ok(pending)
}
