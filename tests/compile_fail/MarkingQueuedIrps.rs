//! An IRP is marked pending before it is queued: only then is it a `Held`, which is what a queue outside of dispatch holds.
//!
//! Enforced by: `Held`
#![no_std]

use wdm::{Driver, Held, Irp, Outcome};

fn queue<D: Driver>(_irp: Held<D>) {}

/// Queues the request.
pub fn dispatch<D: Driver>(irp: Irp<'_, D>) -> Outcome<'_, D> {
    #[cfg(misuse)]
    queue(irp); //~ ERROR E0308: mismatched types: expected `Held<_>`, found `Irp<'_, D>`
    let (pending, held, _irql) = irp.park();
    queue(held);
    Ok(pending)
}
