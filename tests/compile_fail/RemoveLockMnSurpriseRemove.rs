//! The remove lock is held when IRP_MN_SURPRISE_REMOVAL is sent down: it is inside the request, and sending takes both.
//!
//! Enforced by: `MustSucceed`
#![no_std]

use wdm::{Driver, MustSucceed, Outcome};

/// Serves IRP_MN_SURPRISE_REMOVAL.
pub fn surprise<D: Driver>(irp: MustSucceed<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp);
    Ok(irp.succeed_and_call()) //~ ERROR E0382: use of moved value: `irp`
}
