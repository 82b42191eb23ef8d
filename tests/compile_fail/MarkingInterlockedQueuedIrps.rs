//! An IRP is marked pending before it is put into a queue that other processors take from at the same time: a `Queue` takes
//! only a `Held`, which is marked.
//!
//! Enforced by: `Queue`, `Irp`
#![no_std]

use wdm::{Dispatch, Driver, Irp, Outcome, Queue, Queued};

/// Keeps a request in a queue.
pub fn keep<'irp, D, Q>(irp: Irp<'irp, D>, queue: &Queue<D, Q>, entry: Q, irql: &mut Dispatch) -> Outcome<'irp, D>
where
    D: Driver,
    Q: Queued<D, Slot = ()>,
{
    #[cfg(not(misuse))]
    let (pending, irp, _) = irp.park();
    let inserted = queue.insert(irp, entry, irql); //~ ERROR E0308: mismatched types: expected `Held<D>`, found `Irp<'_, D>`
    if let Err((irp, _)) = inserted {
        irp.call(irql);
    }
    #[cfg(not(misuse))]
    return Ok(pending);
    #[cfg(misuse)]
    loop {}
}
