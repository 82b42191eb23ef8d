//! An IRP whose completion routine could not be registered is completed and not sent: what carries it out of the refusal
//! gives it to nobody, and dispatch can only return it.
//!
//! Enforced by: `WithSlot`, `Rejected`
#![no_std]

use wdm::{Driver, Observe, Outcome, Rejected, WithSlot};

/// Follows the request.
pub fn dispatch<D: Driver, C: Observe<D>>(irp: WithSlot<'_, D, C>, context: C) -> Outcome<'_, D> {
    irp.observe(context).or_else(|refused: Rejected<'_, D>| {
        #[cfg(misuse)]
        return Ok(refused.irp.skip_and_call()); //~ ERROR E0616: field `irp` of struct `Rejected` is private
        #[cfg(not(misuse))]
        Err(refused)
    })
}
