//! An IRP of IoAllocateIrp is never completed by the driver that allocated it: it has no way to. Where it has come back, it is looked
//! at and freed.
//!
//! Enforced by: `Returned`
#![no_std]

use wdm::{
    Dispatch, NtStatus,
    own_irp::{Allocated, Returned},
};

/// Ends a request of the driver's own.
pub fn end(irp: Returned<Allocated>, irql: &mut Dispatch) -> NtStatus {
    let status = irp.status();
    #[cfg(misuse)]
    irp.complete(irql); //~ ERROR E0599: no method named `complete` found for struct `Returned<K>`
    #[cfg(not(misuse))]
    drop((irp, irql));
    status
}
