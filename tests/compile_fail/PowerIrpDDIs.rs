//! While IRP_MN_SET_POWER is served, nothing is called that has to be at PASSIVE_LEVEL: what does asks for `Passive`, which
//! a power request does not give, since it may come at DISPATCH_LEVEL.
//!
//! Enforced by: `MustPass`, `Passive`
#![no_std]

#[cfg(not(misuse))]
use wdm::Dispatch as Allowed;
#[cfg(misuse)]
use wdm::Passive as Allowed;
use wdm::{Driver, MustPass, Outcome};

/// Looks something up: in the registry where it asks for `Passive`, in memory where it does not.
fn look_up(_irql: &mut Allowed) {}

/// Serves IRP_MJ_POWER.
pub fn power<D: Driver>(mut irp: MustPass<'_, D>) -> Outcome<'_, D> {
    let (_, irql) = irp.device_and_irql();
    look_up(irql); //~ ERROR E0308: mismatched types: expected `&mut Passive`, found `&mut Dispatch`
    Ok(irp.skip_and_call())
}
