//! A spin lock is not acquired by a thread that holds one: the guard borrows the token that acquiring takes.
//!
//! Enforced by: `SpinLock`, `Dispatch`
#![no_std]

use wdm::{Dispatch, SpinLock};

/// Adds one to both counts.
pub fn count(irql: &mut Dispatch, first: &SpinLock<u64>, second: &SpinLock<u64>) {
    let mut requests = first.lock(irql);
    *requests = requests.wrapping_add(1);
    #[cfg(not(misuse))]
    drop(requests);
    let mut bytes = second.lock(irql); //~ ERROR E0499: cannot borrow `*irql` as mutable more than once at a time
    *bytes = bytes.wrapping_add(1);
    #[cfg(misuse)]
    drop(requests);
}
