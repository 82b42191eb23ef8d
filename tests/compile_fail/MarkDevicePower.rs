//! An IRP_MN_SET_POWER that takes the device to D0 is not pended wrongly: a filter that is not its device's power policy
//! owner passes it on, and cannot mark it.
//!
//! Enforced by: `MustPass`
#![no_std]

use wdm::{Driver, MustPass, Outcome};

/// Serves IRP_MJ_POWER.
pub fn power<D: Driver>(irp: MustPass<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    let (sent, _, _) = irp.park(); //~ ERROR E0599: no method named `park`
    #[cfg(not(misuse))]
    let sent = irp.skip_and_call();
    Ok(sent)
}
