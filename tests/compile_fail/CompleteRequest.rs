//! An IRP is completed only while the driver owns it: once it is sent down, there is nothing left to complete it with.
//!
//! Enforced by: `Irp`
#![no_std]

use wdm::{Driver, Irp, NtError, Outcome};

/// Lets the request pass where `error` is none.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>, error: Option<NtError>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    let sent = irp.skip_and_call();
    match error {
        Some(error) => Err(irp.reject(error)), //~ ERROR E0382: use of moved value: `irp`
        #[cfg(misuse)]
        None => Ok(sent),
        #[cfg(not(misuse))]
        None => Ok(irp.skip_and_call()),
    }
}
