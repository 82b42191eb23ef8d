//! IRP_MN_START_DEVICE is not held up by a wait of this driver's own: what may wait asks for `Passive`, which the request
//! does not give.
//!
//! Enforced by: `StartDevice`, `Passive`
#![no_std]

#[cfg(not(misuse))]
use wdm::Dispatch as Allowed;
#[cfg(misuse)]
use wdm::Passive as Allowed;
use wdm::{Driver, Outcome, StartDevice};

/// Prepares what it takes, and waits for it where it asks for `Passive`.
fn prepare(_irql: &mut Allowed) {}

/// Serves IRP_MN_START_DEVICE.
pub fn start<D: Driver>(mut irp: StartDevice<'_, D>) -> Outcome<'_, D> {
    let (_, irql) = irp.device_and_irql();
    prepare(irql); //~ ERROR E0308: mismatched types: expected `&mut Passive`, found `&mut Dispatch`
    Ok(irp.skip_and_call())
}
