//! A completion routine is registered with the driver's own device object: there is no way to name another.
//!
//! Enforced by: `WithSlot`
#![no_std]

use wdm::{Device, Driver, Observe, Outcome, WithSlot};

/// Follows the request, which the device `_lower` is to serve.
pub fn dispatch<'irp, D: Driver, C: Observe<D>>(
    irp: WithSlot<'irp, D, C>,
    context: C,
    _lower: &Device<D>,
) -> Outcome<'irp, D> {
    #[cfg(misuse)]
    return irp.observe(_lower, context); //~ ERROR E0061: this method takes 1 argument but 2 arguments were supplied
    #[cfg(not(misuse))]
    irp.observe(context)
}
