//! What the drivers below left in an IRP is no request: one that is back is made ready before it is sent again.
//!
//! Enforced by: `Returned`, `Flight`
#![no_std]

use wdm::{
    Device, Dispatch, Driver, Flight, Return,
    own_irp::{Allocated, Returned, Transfer},
};

/// Reads on.
pub fn read_on<D: Driver, R: Return<D, Kind = Allocated>>(
    (device, flight): (&Device<D>, &Flight<D, R>),
    irp: Returned<Allocated>,
    context: R,
    irql: &mut Dispatch,
) -> bool {
    #[cfg(not(misuse))]
    let Ok(irp) = irp.reuse(device, Transfer::Read, 4096) else {
        return false;
    };
    #[cfg(misuse)]
    drop((device, Transfer::Read));
    flight.send(irp, context, irql).is_ok() //~ ERROR E0308: mismatched types: expected `OwnIrp<Allocated>`, found `Returned<Allocated>`
}
