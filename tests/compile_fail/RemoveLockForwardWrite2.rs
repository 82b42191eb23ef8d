//! The remove lock is held for as long as the lower driver has an IRP_MJ_WRITE that is followed: the slot goes down with it,
//! and no driver can take it out.
//!
//! Enforced by: `WithSlot`
#![no_std]

use wdm::{Dispatched, Driver, Observe, WithSlot};

/// Follows an IRP_MJ_WRITE.
pub fn write<'irp, D: Driver, C: Observe<D>>(irp: WithSlot<'irp, D, C>, context: C) -> Dispatched<'irp> {
    #[cfg(misuse)]
    drop(irp.irp); //~ ERROR E0616: field `irp` of struct `WithSlot` is private
    irp.observe_infallibly(context)
}
