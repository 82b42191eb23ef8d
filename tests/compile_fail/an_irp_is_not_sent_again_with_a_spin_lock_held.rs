//! An IRP is sent again with no spin lock held: the drivers below may complete it at once, and take locks of their own.
//!
//! Enforced by: `SpinLock`, `Dispatch`, `Held`
#![no_std]

use wdm::{Dispatch, Driver, Held, Hold, Slot, SpinLock};

/// Counts a request and sends it again.
pub fn send<D: Driver, C: Hold<D>>(irp: Held<D, Slot<D, C>>, context: C, sent: &SpinLock<u32>, irql: &mut Dispatch) {
    let mut sent = sent.lock(irql);
    *sent = sent.wrapping_add(1);
    #[cfg(not(misuse))]
    drop(sent);
    irp.send_again(context, irql); //~ ERROR E0499: cannot borrow `*irql` as mutable more than once at a time
    #[cfg(misuse)]
    drop(sent);
}
