//! A slot holds the context of one IRP at a time: following the IRP uses it up.
//!
//! Enforced by: `WithSlot`
#![no_std]

use wdm::{Driver, Observe, Outcome, WithSlot};

/// Follows the request.
pub fn dispatch<D: Driver, C: Observe<D> + Clone>(irp: WithSlot<'_, D, C>, context: C) -> Outcome<'_, D> {
    #[cfg(misuse)]
    irp.observe(context.clone())?;
    irp.observe(context) //~ ERROR E0382: use of moved value: `irp`
}
