//! IoReuseIrp is for IRPs of IoAllocateIrp: one that the I/O manager built is built again.
//!
//! Enforced by: `Returned`, `Allocated`
#![no_std]

#[cfg(not(misuse))]
use wdm::own_irp::Allocated as Kind;
#[cfg(misuse)]
use wdm::own_irp::Built as Kind;
use wdm::{
    Device, Driver,
    own_irp::{OwnIrp, Returned, Transfer},
};

/// The next READ after one that is back.
pub fn next<D: Driver>(device: &Device<D>, irp: Returned<Kind>, offset: i64) -> Option<OwnIrp<Kind>> {
    irp.reuse(device, Transfer::Read, offset).ok() //~ ERROR E0599: no method named `reuse` found for struct `Returned<Built>`
}
