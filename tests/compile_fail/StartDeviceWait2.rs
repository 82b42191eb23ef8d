//! Nor is it when the drivers below have started the device: what came back gives no `Passive` either.
//!
//! Enforced by: `Answered`, `Passive`
#![no_std]

#[cfg(not(misuse))]
use wdm::Dispatch as Allowed;
#[cfg(misuse)]
use wdm::Passive as Allowed;
use wdm::{Answered, Dispatched, Driver};

/// Prepares what it takes, and waits for it where it asks for `Passive`.
fn prepare(_irql: &mut Allowed) {}

/// Completes IRP_MN_START_DEVICE.
pub fn started<D: Driver>(mut irp: Answered<'_, D>) -> Dispatched<'_> {
    let (_, irql) = irp.device_and_irql();
    prepare(irql); //~ ERROR E0308: mismatched types: expected `&mut Passive`, found `&mut Dispatch`
    irp.complete()
}
