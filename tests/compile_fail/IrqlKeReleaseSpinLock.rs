//! A spin lock is released at the IRQL, and by the thread, that it was acquired by: its guard is not handed to another.
//!
//! Enforced by: `SpinLockGuard`
#![no_std]

use wdm::{Dispatch, SpinLock, SpinLockGuard};

fn hand_over<T: Send>(_value: T) {}

/// Hands the count to another thread.
pub fn count(irql: &mut Dispatch, requests: &SpinLock<u64>) {
    let guard: SpinLockGuard<'_, u64> = requests.lock(irql);
    #[cfg(misuse)]
    hand_over(guard); //~ ERROR E0277: `*mut ()` cannot be sent between threads safely
    #[cfg(not(misuse))]
    hand_over(*guard);
}
