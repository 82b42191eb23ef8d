//! A request that is for the drivers below to answer is sent down at once: this driver can neither wait for it nor keep it,
//! which would take what it could be refused.
//!
//! Enforced by: `MustPass`
#![no_std]

use wdm::{Driver, MustPass, Outcome};

/// Serves IRP_MJ_SYSTEM_CONTROL.
pub fn system_control<D: Driver>(irp: MustPass<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    let (sent, _, _) = irp.park(); //~ ERROR E0599: no method named `park`
    #[cfg(not(misuse))]
    let sent = irp.skip_and_call();
    Ok(sent)
}
