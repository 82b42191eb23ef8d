//! A part of a buffer describes pages that somebody else has locked: it ends before they are let go of.
//!
//! Enforced by: `PartialMdl`
#![no_std]

use wdm::mdl::{PartialMdl, PoolBuffer};

/// The length of the first half of a buffer, which is freed.
pub fn free(buffer: PoolBuffer, partial: &mut PartialMdl) -> Option<u32> {
    let half = partial.describe(buffer.mdl(), 0, buffer.mdl().length() / 2)?;
    #[cfg(not(misuse))]
    let length = half.mdl().length();
    #[cfg(not(misuse))]
    drop(half);
    drop(buffer); //~ ERROR E0505: cannot move out of `buffer` because it is borrowed
    #[cfg(misuse)]
    let length = half.mdl().length();
    Some(length)
}
