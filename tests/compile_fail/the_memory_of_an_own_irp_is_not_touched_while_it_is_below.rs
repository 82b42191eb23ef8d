//! The memory of an IRP of the driver's own goes with it: while the drivers below fill it, nobody reads it.
//!
//! Enforced by: `OwnIrp`, `PoolBuffer`
#![no_std]

use wdm::{
    Device, Driver, Passive,
    mdl::PoolBuffer,
    own_irp::{Built, OwnIrp, Transfer},
};

/// Has a READ built, and tells how long it is.
pub fn read<D: Driver>(device: &Device<D>, buffer: PoolBuffer, irql: &mut Passive) -> Option<(OwnIrp<Built>, usize)> {
    #[cfg(not(misuse))]
    let length = buffer.len();
    let irp = OwnIrp::build(device, Transfer::Read, 0, buffer, irql).ok()?;
    #[cfg(misuse)]
    let length = buffer.len(); //~ ERROR E0382: borrow of moved value: `buffer`
    Some((irp, length))
}
