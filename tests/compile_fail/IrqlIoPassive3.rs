//! IoDetachDevice is called at PASSIVE_LEVEL: it takes the `RemoveDevice` that the PnP manager sends at that level, and a
//! driver cannot make one of an IRP that came at another.
//!
//! Enforced by: `RemoveDevice`
#![no_std]

use wdm::{Driver, Irp, Outcome, RemoveDevice};

/// Serves IRP_MN_REMOVE_DEVICE.
pub fn remove<D: Driver>(removal: RemoveDevice<'_, D>) -> Outcome<'_, D> {
    Ok(removal.call_detach_and_delete())
}

/// Serves a request that may come at DISPATCH_LEVEL.
pub fn read<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    return remove(RemoveDevice(irp)); //~ ERROR E0423: cannot initialize a tuple struct which contains private fields
    #[cfg(not(misuse))]
    Ok(irp.skip_and_call())
}
