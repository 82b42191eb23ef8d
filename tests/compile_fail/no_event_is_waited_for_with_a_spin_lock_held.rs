//! No thread waits while it holds a spin lock: both take the thread's token, which the lock's guard borrows.
//!
//! Enforced by: `SpinLock`, `Event`, `Passive`
#![no_std]

use wdm::{Event, Passive, SpinLock, Synchronization};

/// Counts, and waits.
pub fn wait(event: &Event<Synchronization>, count: &SpinLock<u64>, irql: &mut Passive) {
    let mut guard = count.lock(irql.as_dispatch());
    *guard = guard.wrapping_add(1);
    #[cfg(not(misuse))]
    drop(guard);
    event.wait(irql); //~ ERROR E0499: cannot borrow `*irql` as mutable more than once at a time
    #[cfg(misuse)]
    drop(guard);
}
