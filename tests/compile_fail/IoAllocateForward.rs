//! An IRP of IoAllocateIrp is sent with a completion routine, which takes it back: a driver has no other way to send one than a
//! flight, which registers and calls in one step.
//!
//! Enforced by: `OwnIrp`, `Flight`
#![no_std]

use wdm::{
    Dispatch, Driver, Flight, Return,
    own_irp::{Allocated, OwnIrp},
};

/// Sends a request of the driver's own.
pub fn send<D: Driver, R: Return<D, Kind = Allocated>>(
    flight: &Flight<D, R>,
    irp: OwnIrp<Allocated>,
    context: R,
    irql: &mut Dispatch,
) -> bool {
    #[cfg(misuse)]
    let sent = irp.skip_and_call(); //~ ERROR E0599: no method named `skip_and_call` found for struct `OwnIrp<K>`
    #[cfg(not(misuse))]
    let sent = flight.send(irp, context, irql);
    sent.is_ok()
}
