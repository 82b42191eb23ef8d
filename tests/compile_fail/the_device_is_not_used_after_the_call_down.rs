//! The device is reached only through a live IRP: after the call down the removal may have deleted it.
//!
//! Enforced by: `Irp`, `Device`
#![no_std]

use wdm::{Device, Driver, Irp, Outcome};

fn count<D: Driver>(_device: &Device<D>) {}

/// Counts the request and lets it pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(not(misuse))]
    count(irp.device());
    #[cfg(misuse)]
    let device = irp.device();
    let sent = irp.skip_and_call(); //~ ERROR E0505: cannot move out of `irp` because it is borrowed
    #[cfg(misuse)]
    count(device);
    Ok(sent)
}
