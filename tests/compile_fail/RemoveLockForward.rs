//! The remove lock is held while a PnP request is sent down: it is inside the request, and sending takes both.
//!
//! Enforced by: `PnpQuestion`
#![no_std]

use wdm::{Driver, Outcome, PnpQuestion};

/// Serves a PnP request.
pub fn question<D: Driver>(irp: PnpQuestion<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    drop(irp);
    Ok(irp.skip_and_call()) //~ ERROR E0382: use of moved value: `irp`
}
