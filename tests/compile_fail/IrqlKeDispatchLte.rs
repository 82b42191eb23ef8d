//! A spin lock is acquired at DISPATCH_LEVEL or below: the token that says so cannot be made, only handed on.
//!
//! Enforced by: `SpinLock`, `Dispatch`
#![no_std]
#![forbid(unsafe_code)]

use wdm::{Dispatch, SpinLock};

/// Adds one to the count.
pub fn count(_irql: &mut Dispatch, requests: &SpinLock<u64>) {
    #[cfg(misuse)]
    let _irql = &mut Dispatch::assume(); //~ ERROR E0133: call to unsafe function `Dispatch::assume` is unsafe and requires unsafe
    let mut guard = requests.lock(_irql);
    *guard = guard.wrapping_add(1);
}
