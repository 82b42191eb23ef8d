//! The remove lock is held when IRP_MN_QUERY_REMOVE_DEVICE is sent down: it is inside the request, and sending takes both.
//!
//! Enforced by: `Query`
#![no_std]

use wdm::{Driver, Outcome, Query};

/// Serves IRP_MN_QUERY_REMOVE_DEVICE.
pub fn query<D: Driver>(irp: Query<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp);
    Ok(irp.succeed_and_call()) //~ ERROR E0382: use of moved value: `irp`
}
