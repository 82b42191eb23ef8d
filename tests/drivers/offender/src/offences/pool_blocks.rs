//! Offences with pool. The READ itself is passed on; where there is no memory, that is all.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        ExAllocatePoolWithTag, ExDeleteResourceLite, ExInitializeResourceLite, KeCancelTimer, KeInitializeTimer,
        KeSetTimer, NtStatus, Resource, Timer, wcscpy,
    },
    pool,
    request::Request,
    switch::Conduct,
};

use super::irql_limits::utf16;

/// A multiple of the 16 bytes to which pool is aligned: a special pool block of this size ends where its page ends.
const WHOLE_BYTES: usize = 64;

/// No multiple of it: behind such a block its page has a few bytes more, the slack.
const SLACK_BYTES: usize = 40;

/// Allocates with each READ what nobody frees.
pub(super) fn leak(request: Request, conduct: Conduct) -> NtStatus {
    with_block(WHOLE_BYTES, |block| {
        if !conduct.offends() {
            pool::free(block);
        }
    });
    request.skip_and_call()
}

/// Frees an address within a block; the twin the block.
pub(super) fn free_inside(request: Request, conduct: Conduct) -> NtStatus {
    with_block(WHOLE_BYTES, |block| {
        let offset = conduct.choose(16, 0);
        pool::free(block.wrapping_byte_add(offset));
    });
    request.skip_and_call()
}

/// Frees a block twice.
pub(super) fn free_twice(request: Request, conduct: Conduct) -> NtStatus {
    with_block(WHOLE_BYTES, |block| {
        pool::free(block);
        if conduct.offends() {
            pool::free(block);
        }
    });
    request.skip_and_call()
}

/// Writes to the first byte behind a block that no page boundary protects; the twin to the last in it.
pub(super) fn overwrite_slack(request: Request, conduct: Conduct) -> NtStatus {
    with_block(SLACK_BYTES, |block| {
        write_near_end(block, SLACK_BYTES, conduct);
        pool::free(block);
    });
    request.skip_and_call()
}

/// Writes to the first byte behind a block that ends with its page; the twin to the last in it.
pub(super) fn overrun(request: Request, conduct: Conduct) -> NtStatus {
    with_block(WHOLE_BYTES, |block| {
        write_near_end(block, WHOLE_BYTES, conduct);
        pool::free(block);
    });
    request.skip_and_call()
}

/// Reads a block that has been freed; the twin reads it before.
pub(super) fn use_after_free(request: Request, conduct: Conduct) -> NtStatus {
    with_block(WHOLE_BYTES, |block| {
        if conduct.offends() {
            pool::free(block);
            read(block);
        } else {
            read(block);
            pool::free(block);
        }
    });
    request.skip_and_call()
}

/// Frees a block with a timer in it that is set.
pub(super) fn free_with_timer(request: Request, conduct: Conduct) -> NtStatus {
    const A_MINUTE: i64 = -600_000_000;

    with_block(size_of::<Timer>(), |block| {
        let timer = block.cast();
        KeInitializeTimer(timer);
        KeSetTimer(timer, A_MINUTE, ptr::null_mut());
        if !conduct.offends() {
            KeCancelTimer(timer);
        }
        pool::free(block);
    });
    request.skip_and_call()
}

/// Frees a block with a resource in it that was not deleted.
pub(super) fn free_with_resource(request: Request, conduct: Conduct) -> NtStatus {
    with_block(size_of::<Resource>(), |block| {
        let resource = block.cast();
        ExInitializeResourceLite(resource);
        if !conduct.offends() {
            ExDeleteResourceLite(resource);
        }
        pool::free(block);
    });
    request.skip_and_call()
}

/// Does something with a new block, where there is one.
fn with_block(bytes: usize, work: impl FnOnce(*mut c_void)) {
    let block = pool::allocate(bytes);
    if !block.is_null() {
        work(block);
    }
}

fn write_near_end(block: *mut c_void, bytes: usize, conduct: Conduct) {
    let offset = if conduct.offends() {
        bytes
    } else {
        bytes.wrapping_sub(1)
    };
    // SAFETY: the last byte of the block; or the one behind it, which is the offence.
    unsafe { block.cast::<u8>().wrapping_add(offset).write_volatile(0x5A) };
}

fn read(block: *const c_void) {
    // SAFETY: the first byte of the block, which has been freed where that is the offence.
    unsafe { block.cast::<u8>().read_volatile() };
}

/// Asks for a block without a byte.
pub(super) fn allocate_nothing(request: Request, conduct: Conduct) -> NtStatus {
    with_block(conduct.choose(0, WHOLE_BYTES), pool::free);
    request.skip_and_call()
}

/// Allocates with a function that leaves in the block what was there.
pub(super) fn allocate_with_old_function(request: Request, conduct: Conduct) -> NtStatus {
    /// NonPagedPoolNx of POOL_TYPE.
    const NON_PAGED_POOL_NX: i32 = 0x200;
    let block = if conduct.offends() {
        ExAllocatePoolWithTag(NON_PAGED_POOL_NX, WHOLE_BYTES, pool::TAG)
    } else {
        pool::allocate(WHOLE_BYTES)
    };
    if !block.is_null() {
        pool::free(block);
    }
    request.skip_and_call()
}

/// Copies a string with a function that is not told how long the target is.
pub(super) fn copy_string(request: Request, conduct: Conduct) -> NtStatus {
    let source = utf16(b"text\0");
    let mut target = [0; 5];
    if conduct.offends() {
        wcscpy(target.as_mut_ptr(), source.as_ptr());
    } else {
        target.copy_from_slice(&source);
    }
    request.skip_and_call()
}
