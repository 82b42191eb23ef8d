//! What is freed as an IRP of IoBuildAsynchronousFsdRequest is one: a request that came to the driver cannot be passed off as its
//! own.
//!
//! Enforced by: `Returned`, `Irp`
#![no_std]

use wdm::{
    Dispatched, Driver, Irp,
    mdl::PoolBuffer,
    own_irp::{Built, Returned},
};

/// Lets go of a request of the driver's own.
pub fn free(irp: Returned<Built>) -> PoolBuffer {
    irp.into_buffer()
}

/// Is done with a request, and with what was read for it.
pub fn end<'irp, D: Driver>(irp: Irp<'irp, D>, read: Returned<Built>) -> Dispatched<'irp> {
    #[cfg(misuse)]
    drop(free(irp)); //~ ERROR E0308: mismatched types: expected `Returned<Built>`, found `Irp<'_, D>`
    #[cfg(not(misuse))]
    drop(free(read));
    irp.skip_and_call()
}
