//! IRP_MN_SET_POWER is not failed on the way down: a power request is none of the requests that a driver can reject.
//!
//! Enforced by: `Request`, `MustPass`
#![no_std]

use wdm::{Driver, Irp, MustPass, NtError, Outcome, Request};

fn fail<D: Driver>(irp: Irp<'_, D>, busy: NtError) -> Outcome<'_, D> {
    Err(irp.reject(busy))
}

fn pass<D: Driver>(irp: MustPass<'_, D>) -> Outcome<'_, D> {
    Ok(irp.skip_and_call())
}

/// Fails what it can while the device is busy.
pub fn dispatch<D: Driver>(request: Request<'_, D>, busy: NtError) -> Option<Outcome<'_, D>> {
    match request {
        #[cfg(misuse)]
        Request::MustPass(irp) => Some(fail(irp, busy)), //~ ERROR E0308: mismatched types: expected `Irp<'_, D>`, found `MustPass<'_, D>`
        #[cfg(not(misuse))]
        Request::MustPass(irp) => Some(pass(irp)),
        Request::Read { irp, .. } | Request::Write { irp, .. } | Request::Other(irp) => Some(fail(irp, busy)),
        _ => None,
    }
}
