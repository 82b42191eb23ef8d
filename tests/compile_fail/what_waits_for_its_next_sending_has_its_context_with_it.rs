//! An IRP that waits to be sent again has its context in its slot: a queue for such IRPs takes none whose context is elsewhere,
//! and what comes out of it is neither sent nor completed before the context has been taken back.
//!
//! Enforced by: `Held`, `Stashed`, `Queued`
#![no_std]

use wdm::{Dispatch, Driver, Held, Hold, Queue, Queued, Slot, Stashed};

/// Lets a request wait.
pub fn wait<D, C, Q>(irp: Held<D, Slot<D, C>>, context: C, entry: Q, queue: &Queue<D, Q>, irql: &mut Dispatch)
where
    D: Driver,
    C: Hold<D>,
    Q: Queued<D, Slot = Stashed<D, C>>,
{
    #[cfg(misuse)]
    let refused = {
        drop(context);
        queue.insert(irp, entry, irql).err() //~ ERROR E0308: mismatched types
    };
    #[cfg(not(misuse))]
    let refused = queue.insert(irp.stash(context), entry, irql).err();
    if let Some((irp, _)) = refused {
        #[cfg(misuse)]
        irp.complete(irql); //~ ERROR E0599: the method `complete` exists for struct `Held<D, Stashed<D, C>>`, but its trait bounds were not satisfied
        #[cfg(not(misuse))]
        irp.take_back().0.complete(irql);
    }
}
