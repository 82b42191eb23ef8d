//! An IRP that was sent with a completion routine of IoSetCompletionRoutineEx, and may be pending below, is not completed:
//! it went into the call.
//!
//! Enforced by: `WithSlot`, `Dispatched`
#![no_std]

use wdm::{Dispatched, Driver, NtError, Observe, Outcome, WithSlot};

/// Follows the request.
pub fn dispatch<'irp, D: Driver, C: Observe<D>>(
    irp: WithSlot<'irp, D, C>,
    context: C,
    _error: NtError,
) -> Outcome<'irp, D> {
    let sent: Dispatched<'irp> = irp.observe(context)?;
    #[cfg(misuse)]
    return Err(sent.reject(_error)); //~ ERROR E0599: no method named `reject` found for struct `Dispatched<'irp>`
    #[cfg(not(misuse))]
    Ok(sent)
}
