//! A partial MDL describes one part at a time: the part borrows it, and undoes its mapping when it is dropped.
//!
//! Enforced by: `PartialMdl`
#![no_std]

use wdm::mdl::{MdlRef, PartialMdl};

/// The lengths of the two halves of a buffer.
pub fn halves(mdl: MdlRef<'_>, partial: &mut PartialMdl) -> Option<u32> {
    let half = mdl.length() / 2;
    let first = partial.describe(mdl, 0, half)?;
    let first_length = first.mdl().length();
    #[cfg(not(misuse))]
    drop(first);
    let second = partial.describe(mdl, half, half)?; //~ ERROR E0499: cannot borrow `*partial` as mutable more than once at a time
    let length = second.mdl().length().checked_add(first_length);
    #[cfg(misuse)]
    drop(first);
    length
}
