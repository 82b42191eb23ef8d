//! What is kept with an IRP in a queue says which slot the IRP has, so that an IRP that was followed gives its slot back and
//! one that was parked has none.
//!
//! Enforced by: `Queue`, `Queued`, `Held`
#![no_std]

use wdm::{Dispatch, Driver, Held, Queue, Queued, Slot};

/// What is kept with requests that were parked.
#[cfg(misuse)]
pub trait Entry<D: Driver, C: Send + 'static>: Queued<D, Slot = ()> {}

/// What is kept with requests that came back from below.
#[cfg(not(misuse))]
pub trait Entry<D: Driver, C: Send + 'static>: Queued<D, Slot = Slot<D, C>> {}

/// Keeps a request that came back from below.
pub fn keep<D, C, Q>(irp: Held<D, Slot<D, C>>, entry: Q, queue: &Queue<D, Q>, irql: &mut Dispatch)
where
    D: Driver,
    C: Send + 'static,
    Q: Entry<D, C>,
{
    let inserted = queue.insert(irp, entry, irql); //~ ERROR E0308: mismatched types
    if let Err((irp, _)) = inserted {
        irp.complete(irql); //~ ERROR E0599: the method `complete` exists for struct `Held<D>`, but its trait bounds were not satisfied
    }
}
