//! A driver reuses no IRP that arrived at it: only one of its own that is back has a way to be reused.
//!
//! Enforced by: `Held`, `Returned`
#![no_std]

use wdm::{
    Device, Dispatch, Driver, Held,
    own_irp::{Allocated, OwnIrp, Returned, Transfer},
};

/// Has a request sent on, and the next READ of the driver's own made ready.
pub fn next<D: Driver>(
    device: &Device<D>,
    arrived: Held<D>,
    own: Returned<Allocated>,
    irql: &mut Dispatch,
) -> Option<OwnIrp<Allocated>> {
    #[cfg(misuse)]
    let next = arrived.reuse(device, Transfer::Read, 0); //~ ERROR E0599: no method named `reuse` found for struct `Held<D, S>`
    #[cfg(not(misuse))]
    let next = own.reuse(device, Transfer::Read, 0);
    arrived.call(irql);
    next.ok()
}
