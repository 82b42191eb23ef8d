//! A completion routine is registered only for an IRP that is sent: both are one step, after which dispatch has no IRP to
//! complete.
//!
//! Enforced by: `WithSlot`
#![no_std]

use wdm::{Driver, Observe, Outcome, WithSlot};

/// Follows the request.
pub fn dispatch<D: Driver, C: Observe<D>>(irp: WithSlot<'_, D, C>, context: C) -> Outcome<'_, D> {
    #[cfg(misuse)]
    irp.register(context)?; //~ ERROR E0599: no method named `register` found for struct `WithSlot<'irp, D, C>`
    irp.observe(context)
}
