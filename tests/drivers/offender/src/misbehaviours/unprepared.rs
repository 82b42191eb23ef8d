//! What goes wrong only where a certain call fails: nothing does as long as there is memory.
//!
//! The failures are survived and told to the caller; what is wrong is what they leave behind.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{NtStatus, STATUS_INSUFFICIENT_RESOURCES, STATUS_SUCCESS},
    pool,
    request::Request,
    switch::Conduct,
};

const BLOCK_BYTES: usize = 64;

/// DriverEntry needs two blocks for a while, and forgets the first where it does not get the second.
pub(super) fn leak_in_entry() -> NtStatus {
    if leave_first_behind() {
        STATUS_SUCCESS
    } else {
        STATUS_INSUFFICIENT_RESOURCES
    }
}

/// START_DEVICE does the same.
pub(super) fn leak_in_start(request: Request, _conduct: Conduct) -> NtStatus {
    if leave_first_behind() {
        request.skip_and_call()
    } else {
        request.complete(STATUS_INSUFFICIENT_RESOURCES)
    }
}

/// START_DEVICE makes do with two smaller blocks where it does not get a large one, and forgets the first of these where
/// it does not get the second.
pub(super) fn leak_in_fallback(request: Request, _conduct: Conduct) -> NtStatus {
    let large = pool::allocate(2 * BLOCK_BYTES);
    let is_served = if large.is_null() {
        leave_first_behind()
    } else {
        pool::free(large);
        true
    };
    if is_served {
        request.skip_and_call()
    } else {
        request.complete(STATUS_INSUFFICIENT_RESOURCES)
    }
}

/// False where one of two blocks is not to be had. The one that is had is lost then.
#[inline(never)]
fn leave_first_behind() -> bool {
    let first = pool::allocate(BLOCK_BYTES);
    if first.is_null() {
        return false;
    }
    // The two calls are not the same place, also for a compiler that sees they do the same.
    let second = second_block(first);
    if second.is_null() {
        return false;
    }
    pool::free(second);
    pool::free(first);
    true
}

#[inline(never)]
fn second_block(first: *mut c_void) -> *mut c_void {
    let second = pool::allocate(BLOCK_BYTES);
    if second == first { ptr::null_mut() } else { second }
}
