//! The slot that an IRP comes back to is there until it does: its slab is one in the state of the device, which the IRP's
//! remove lock keeps, and never one that its user has only borrowed.
//!
//! Enforced by: `Irp`, `Slab`
#![no_std]

use wdm::{Driver, Irp, Observe, Outcome, Slab};

/// Follows the request where there is a slot for it.
pub fn dispatch<'irp, D: Driver<State = Slab<D, C>>, C: Observe<D>>(
    irp: Irp<'irp, D>,
    context: C,
    _borrowed: &Slab<D, C>,
) -> Outcome<'irp, D> {
    #[cfg(misuse)]
    let irp = irp.with_slot(|_| Some(_borrowed)); //~ ERROR: lifetime may not live long enough
    #[cfg(not(misuse))]
    let irp = irp.with_slot(|state| Some(state));
    match irp {
        Ok(irp) => irp.observe(context),
        Err(irp) => Ok(irp.skip_and_call()),
    }
}
