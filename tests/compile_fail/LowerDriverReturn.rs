//! Dispatch returns what the lower driver returned: the call gives a `Dispatched` that holds it, and it cannot be changed.
//!
//! Enforced by: `Dispatched`
#![no_std]

use wdm::{Dispatched, Driver, Irp, Outcome};

/// Lets the request pass.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    let sent: Dispatched<'_> = irp.skip_and_call();
    #[cfg(misuse)]
    let sent = Dispatched {
        status: wdm::NtStatus::SUCCESS, //~ ERROR E0451: fields `status` and `brand` of struct `Dispatched` are private
        ..sent
    };
    Ok(sent)
}
