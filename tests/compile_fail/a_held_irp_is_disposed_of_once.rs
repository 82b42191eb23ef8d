//! An IRP that the driver keeps is completed once: what completes it takes it by value.
//!
//! Enforced by: `Held`
#![no_std]

use wdm::{Dispatch, Driver, Held, NtError};

/// Completes the request, with `error` where there is one.
pub fn complete<D: Driver>(irp: Held<D>, error: Option<NtError>, irql: &mut Dispatch) {
    match error {
        Some(error) => irp.fail(error, irql),
        #[cfg(misuse)]
        None => {}
        #[cfg(not(misuse))]
        None => irp.succeed(0, irql),
    }
    #[cfg(misuse)]
    irp.succeed(0, irql); //~ ERROR E0382: use of moved value: `irp`
}
