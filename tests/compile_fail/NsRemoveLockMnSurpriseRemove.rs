//! IRP_MN_SURPRISE_REMOVAL is not answered with STATUS_NOT_SUPPORTED, nor with any other error: it is none of the requests
//! that a driver can reject.
//!
//! Enforced by: `Request`, `MustSucceed`
#![no_std]

use wdm::{Driver, Irp, MustSucceed, NtError, Outcome, Request};

fn unsupported<D: Driver>(irp: Irp<'_, D>, not_supported: NtError) -> Outcome<'_, D> {
    Err(irp.reject(not_supported))
}

fn surprise<D: Driver>(irp: MustSucceed<'_, D>) -> Outcome<'_, D> {
    Ok(irp.succeed_and_call())
}

/// Serves a surprise removal, and answers the requests that it does not support.
pub fn dispatch<D: Driver>(request: Request<'_, D>, not_supported: NtError) -> Option<Outcome<'_, D>> {
    match request {
        #[cfg(not(misuse))]
        Request::SurpriseRemoval(irp) => Some(surprise(irp)),
        #[cfg(misuse)]
        Request::SurpriseRemoval(irp) => Some(unsupported(irp, not_supported)), //~ ERROR E0308: mismatched types: expected `Irp<'_, D>`, found `MustSucceed<'_, D>`
        Request::Other(irp) => Some(unsupported(irp, not_supported)),
        _ => None,
    }
}
