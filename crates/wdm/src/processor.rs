//! Which processor runs, and how many there can be: numbers across all processor groups.

use core::ptr;

use wdk_sys::{
    ALL_PROCESSOR_GROUPS,
    ntddk::{KeGetCurrentProcessorNumberEx, KeQueryMaximumProcessorCountEx},
};

/// The number of the processor that this thread runs on, from 0.
///
/// Below DISPATCH_LEVEL it may be another one by the time it is used: a hint where to count, not a right to.
#[must_use]
pub fn current() -> usize {
    // SAFETY: allowed at any IRQL; what is given back through the pointer is optional.
    widen(unsafe { KeGetCurrentProcessorNumberEx(ptr::null_mut()) })
}

/// How many processors this machine can have, those that may be added while it runs among them.
#[must_use]
pub fn maximum() -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "0xFFFF, which the kernel declares as 16 bits"
    )]
    const ALL: u16 = ALL_PROCESSOR_GROUPS as u16;
    // SAFETY: allowed at any IRQL.
    widen(unsafe { KeQueryMaximumProcessorCountEx(ALL) })
}

const fn widen(number: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS) };
    number as usize
}
