//! An IRP of the driver's own that has been sent is the drivers' below: it goes into the flight, and comes back as another value.
//!
//! Enforced by: `Flight`
#![no_std]

use wdm::{
    Dispatch, Driver, Flight, Return,
    own_irp::{Built, OwnIrp},
};

/// Sends a request of the driver's own, once.
pub fn send<D: Driver, R: Return<D, Kind = Built> + Copy>(
    flight: &Flight<D, R>,
    irp: OwnIrp<Built>,
    context: R,
    irql: &mut Dispatch,
) -> bool {
    let sent = flight.send(irp, context, irql);
    #[cfg(misuse)]
    let sent = sent.or_else(|_| flight.send(irp, context, irql)); //~ ERROR E0382: use of moved value: `irp`
    sent.is_ok()
}
