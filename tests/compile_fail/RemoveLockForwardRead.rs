//! The remove lock is held while the IRP is below: forwarding takes the IRP with the lock, so it cannot be released before.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, Outcome};

/// Serves IRP_MJ_READ.
pub fn read<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp);
    Ok(irp.skip_and_call()) //~ ERROR E0382: use of moved value: `irp`
}
