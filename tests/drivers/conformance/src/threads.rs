//! Waiting, system threads, and memory.

use core::ptr;

use crate::{
    kernel::{
        EXECUTIVE, ExAllocatePool2, ExFreePoolWithTag, FALSE, KERNEL_MODE, KeDelayExecutionThread,
        KeWaitForSingleObject, NtStatus, ObReferenceObjectByHandle, ObfDereferenceObject, Object, PsCreateSystemThread,
        STATUS_SUCCESS, ThreadRoutine, ZwClose,
    },
    objects::NULL,
};

/// The tag of every allocation, and of the remove locks.
pub(crate) const TAG: u32 = u32::from_le_bytes(*b"Cnfm");

const POOL_FLAG_NON_PAGED: u64 = 0x40;
const THREAD_ALL_ACCESS: u32 = 0x001f_ffff;
/// A millisecond, from now on.
const MILLISECOND: i64 = -10_000;

/// Nonpaged pool, zeroed. Null where there is none.
pub(crate) fn allocate(bytes: usize) -> Object {
    ExAllocatePool2(POOL_FLAG_NON_PAGED, bytes, TAG)
}

pub(crate) fn free(block: Object) {
    ExFreePoolWithTag(block, TAG);
}

/// Waits for an object without end.
pub(crate) fn wait(object: Object) -> NtStatus {
    KeWaitForSingleObject(object, EXECUTIVE, KERNEL_MODE, FALSE, ptr::null())
}

/// Looks whether a wait for an object would end at once, and ends it where it does.
pub(crate) fn poll(object: Object) -> NtStatus {
    KeWaitForSingleObject(object, EXECUTIVE, KERNEL_MODE, FALSE, &raw const ZERO)
}

/// No time at all.
pub(crate) static ZERO: i64 = 0;

/// Lets others run for some milliseconds.
pub(crate) fn pause(milliseconds: i64) -> NtStatus {
    let interval = MILLISECOND.wrapping_mul(milliseconds);
    KeDelayExecutionThread(KERNEL_MODE, FALSE, &raw const interval)
}

/// Starts a system thread and gives its object, which has to be dereferenced. Null where there is none.
pub(crate) fn start(routine: ThreadRoutine, context: Object) -> Object {
    let mut handle = NULL;
    let status = PsCreateSystemThread(&raw mut handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, context);
    if status < STATUS_SUCCESS {
        return NULL;
    }
    let mut thread = NULL;
    // A handle that was just given can be referenced, whatever else there is a lack of.
    ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, NULL, KERNEL_MODE, &raw mut thread, NULL);
    ZwClose(handle);
    thread
}

/// Waits until a thread has ended, and lets go of it.
pub(crate) fn join(thread: Object) -> NtStatus {
    if thread.is_null() {
        return STATUS_SUCCESS;
    }
    let status = wait(thread);
    ObfDereferenceObject(thread);
    status
}
