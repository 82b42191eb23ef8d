//! A block of pool is freed once, and not used afterwards: its owner frees it, and what is in it is borrowed from the owner.
//!
//! Enforced by: `Array`
#![no_std]

use wdm::pool::Array;

/// Frees the block, and gives the first value that was in it.
#[must_use]
pub fn free(values: Array<u64>) -> Option<u64> {
    #[cfg(misuse)]
    let first = values.first();
    #[cfg(not(misuse))]
    let first = values.first().copied();
    drop(values); //~ ERROR E0505: cannot move out of `values` because it is borrowed
    #[cfg(misuse)]
    let first = first.copied();
    first
}
