//! An IRP of IoBuildAsynchronousFsdRequest is sent with a completion routine, which takes it back: sending takes the context that
//! the routine gets.
//!
//! Enforced by: `OwnIrp`, `Flight`
#![no_std]

use wdm::{
    Dispatch, Driver, Flight, Return,
    own_irp::{Built, OwnIrp},
};

/// Sends a request of the driver's own.
pub fn send<D: Driver, R: Return<D, Kind = Built>>(
    flight: &Flight<D, R>,
    irp: OwnIrp<Built>,
    context: R,
    irql: &mut Dispatch,
) -> bool {
    #[cfg(misuse)]
    let sent = flight.send(irp, (), irql); //~ ERROR E0308: mismatched types: expected type parameter `R`, found `()`
    #[cfg(not(misuse))]
    let sent = flight.send(irp, context, irql);
    sent.is_ok()
}
