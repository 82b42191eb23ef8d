//! An IRP_MJ_SYSTEM_CONTROL that is for another driver is passed on: dispatch has to return what only passing it on makes.
//!
//! Enforced by: `MustPass`, `Dispatched`
#![no_std]

use wdm::{Dispatched, Driver, MustPass};

/// Serves IRP_MJ_SYSTEM_CONTROL, which has nothing for this driver.
pub fn system_control<D: Driver>(irp: MustPass<'_, D>) -> Dispatched<'_> {
    #[cfg(misuse)]
    return irp; //~ ERROR E0308: mismatched types: expected `Dispatched<'_>`, found `MustPass<'_, D>`
    #[cfg(not(misuse))]
    irp.skip_and_call()
}
