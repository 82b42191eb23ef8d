//! An IRP is built, with its pages locked, at PASSIVE_LEVEL: from a timer's routine it is left to a work item.
//!
//! Enforced by: `OwnIrp`, `Passive`
#![no_std]

#[cfg(misuse)]
use wdm::Dispatch as Irql;
#[cfg(not(misuse))]
use wdm::Passive as Irql;
use wdm::{
    Device, Driver,
    mdl::PoolBuffer,
    own_irp::{Built, OwnIrp, Transfer},
};

/// A READ of the begin of the device.
pub fn read<D: Driver>(device: &Device<D>, buffer: PoolBuffer, irql: &mut Irql) -> Option<OwnIrp<Built>> {
    OwnIrp::build(device, Transfer::Read, 0, buffer, irql).ok() //~ ERROR E0308: mismatched types: expected `&mut Passive`, found `&mut Dispatch`
}
