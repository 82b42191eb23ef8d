//! A routine returns at the IRQL that it was entered at: a guard that raised it cannot outlive the token of the routine.
//!
//! Enforced by: `SpinLockGuard`, `Dispatch`
#![no_std]

use wdm::{Dispatch, SpinLock, SpinLockGuard};

fn keep<T: 'static>(_value: T) {}

/// Keeps the count.
pub fn count(irql: &mut Dispatch, requests: &'static SpinLock<u64>) {
    let guard: SpinLockGuard<'_, u64> = requests.lock(irql);
    #[cfg(misuse)]
    keep(guard); //~ ERROR E0521: borrowed data escapes outside of function
    #[cfg(not(misuse))]
    keep(*guard);
}
