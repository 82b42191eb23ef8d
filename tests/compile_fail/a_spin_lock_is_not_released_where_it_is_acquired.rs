//! A spin lock is held for as long as what it protects is used: a guard that nobody takes releases it at once.
//!
//! Enforced by: `SpinLock`
#![no_std]

use wdm::{Dispatch, SpinLock};

/// Runs `work` with the lock held.
pub fn alone(irql: &mut Dispatch, lock: &SpinLock<()>, work: impl FnOnce()) {
    #[cfg(misuse)]
    lock.lock(irql); //~ ERROR unused_must_use: unused `SpinLockGuard` that must be used
    #[cfg(not(misuse))]
    let _guard = lock.lock(irql);
    work();
}
