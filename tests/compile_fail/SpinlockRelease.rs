//! A spin lock is released as often as it is acquired: by its guard, which is dropped once.
//!
//! Enforced by: `SpinLockGuard`
#![no_std]

use wdm::{Dispatch, SpinLock, SpinLockGuard};

/// Adds one to the count.
pub fn count(irql: &mut Dispatch, requests: &SpinLock<u64>) {
    let mut guard: SpinLockGuard<'_, u64> = requests.lock(irql);
    *guard = guard.wrapping_add(1);
    drop(guard);
    #[cfg(misuse)]
    drop(guard); //~ ERROR E0382: use of moved value: `guard`
}
