//! Dispatch does not return STATUS_PENDING for an IRP that it completes as it is: what is given up to be completed can no
//! longer be marked pending.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Held, Irp, NtError, Outcome};

/// Parks the request where `error` is none.
pub fn dispatch<'irp, D: Driver>(
    irp: Irp<'irp, D>,
    error: Option<NtError>,
    keep: impl FnOnce(Held<D>),
) -> Outcome<'irp, D> {
    if let Some(error) = error {
        let rejected = irp.reject(error);
        #[cfg(not(misuse))]
        return Err(rejected);
        #[cfg(misuse)]
        drop(rejected);
    }
    let (pending, held, _irql) = irp.park(); //~ ERROR E0382: use of moved value: `irp`
    keep(held);
    Ok(pending)
}
