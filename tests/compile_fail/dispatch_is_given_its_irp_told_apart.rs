//! No driver has an IRP before it is told apart, so none can do with it what its kind does not allow: dispatch takes a
//! `Request`, and not an `Irp`.
//!
//! Enforced by: `Driver`, `Request`, `Irp`
#![no_std]

#[cfg(not(misuse))]
use wdm::Request;
use wdm::{Driver, Irp, Outcome};

/// Has the driver serve a request that is none of those with a type of their own.
pub fn serve<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(not(misuse))]
    let irp = Request::Other(irp);
    D::dispatch(irp) //~ ERROR E0308: mismatched types: expected `Request<'_, D>`, found `Irp<'_, D>`
}
