//! What a spin lock protects is used only while it is held: the way to it is borrowed from the guard.
//!
//! Enforced by: `SpinLockGuard`
#![no_std]

use wdm::{Dispatch, SpinLock, SpinLockGuard};

/// Adds one to the count.
pub fn count(irql: &mut Dispatch, requests: &SpinLock<u64>) {
    let mut guard: SpinLockGuard<'_, u64> = requests.lock(irql);
    let requests: &mut u64 = &mut guard;
    #[cfg(misuse)]
    drop(guard); //~ ERROR E0505: cannot move out of `guard` because it is borrowed
    *requests = requests.wrapping_add(1);
}
