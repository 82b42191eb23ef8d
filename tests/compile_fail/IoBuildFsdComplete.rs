//! An IRP of IoBuildAsynchronousFsdRequest is never completed by the driver that had it built: it is none that a driver holds for
//! somebody above.
//!
//! Enforced by: `OwnIrp`, `Held`
#![no_std]

use wdm::{
    Dispatch, Driver, Held, NtError,
    own_irp::{Built, OwnIrp},
};

/// Gives up a request that waits, and one of the driver's own that was to be sent for it.
pub fn give_up<D: Driver>(waiting: Held<D>, own: OwnIrp<Built>, irql: &mut Dispatch) {
    waiting.fail(NtError::CANCELLED, irql);
    #[cfg(misuse)]
    own.fail(NtError::CANCELLED, irql); //~ ERROR E0599: no method named `fail` found for struct `OwnIrp<K>`
    #[cfg(not(misuse))]
    drop(own);
}
