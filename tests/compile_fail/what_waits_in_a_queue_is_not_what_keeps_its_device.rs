//! As soon as an IRP is in a queue it may end on another processor, and with it the device: the queue is reached through
//! something else that keeps it.
//!
//! Enforced by: `Held`, `Queue`
#![no_std]

use wdm::{Dispatch, Driver, Held, Queue, Queued};

/// Puts a request back into the queue of its device.
pub fn wait_again<D, Q>(irp: Held<D>, entry: Q, find: impl Fn(&D::Parts) -> &Queue<D, Q>, irql: &mut Dispatch)
where
    D: Driver,
    Q: Queued<D, Slot = ()>,
{
    #[cfg(not(misuse))]
    let Ok(device) = irp.keep_device() else {
        return irp.fail(wdm::NtError::DELETE_PENDING, irql);
    };
    #[cfg(misuse)]
    let device = irp.device();
    let queue = find(device.parts());
    let inserted = queue.insert(irp, entry, irql); //~ ERROR E0505: cannot move out of `irp` because it is borrowed
    if let Err((irp, _)) = inserted {
        irp.call(irql);
    }
}
