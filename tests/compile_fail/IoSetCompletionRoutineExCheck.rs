//! The status of a registration is checked before the lower driver is called: both are one step, and where it fails the IRP
//! goes with the status.
//!
//! Enforced by: `WithSlot`
#![no_std]

use wdm::{Dispatched, Driver, Observe, Outcome, WithSlot};

/// Follows the request, and counts those that went well.
pub fn dispatch<'irp, D: Driver, C: Observe<D>>(
    irp: WithSlot<'irp, D, C>,
    context: C,
    count: impl FnOnce(),
) -> Outcome<'irp, D> {
    #[cfg(misuse)]
    let sent: Dispatched<'irp> = irp.observe(context); //~ ERROR E0308: mismatched types: expected `Dispatched<'_>`, found `Result<Dispatched<'_>, Rejected<'_, D>>`
    #[cfg(not(misuse))]
    let sent: Dispatched<'irp> = irp.observe(context)?;
    count();
    Ok(sent)
}
