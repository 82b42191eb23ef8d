//! Pool of this driver: zeroed, tagged, and nonpaged unless it is said otherwise.

use core::ffi::c_void;

use crate::kernel::{ExAllocatePool2, ExFreePoolWithTag};

/// The tag of every allocation, and of the remove locks.
pub(crate) const TAG: u32 = u32::from_le_bytes(*b"Ofnd");

const POOL_FLAG_NON_PAGED: u64 = 0x40;
const POOL_FLAG_PAGED: u64 = 0x100;

/// Allocates a block, which has to be freed. Null where there is no memory.
pub(crate) fn allocate(bytes: usize) -> *mut c_void {
    ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, TAG)
}

/// Allocates a block that may be paged out, which has to be freed. Null where there is no memory.
pub(crate) fn allocate_paged(bytes: usize) -> *mut c_void {
    ExAllocatePool2(POOL_FLAG_PAGED, bytes, TAG)
}

/// Frees a block.
pub(crate) fn free(block: *mut c_void) {
    ExFreePoolWithTag(block, TAG);
}

/// Frees a block of the I/O manager's that is this driver's to free.
pub(crate) fn free_untagged(block: *mut c_void) {
    ExFreePoolWithTag(block, 0);
}
