//! Offences with STATUS_PENDING, which goes together with the mark in the stack location.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        CompletionRoutine, Dpc, KeInitializeDpc, KeInsertQueueDpc, NtStatus, STATUS_CONTINUE_COMPLETION,
        STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS,
    },
    objects::{Device, Irp},
    pool,
    request::{Request, complete_followed},
    switch::Conduct,
};

/// Does not pass the mark on: its completion routine lets completion go on and never looks at PendingReturned.
pub(super) fn not_propagated(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(complete_without_mark, complete_followed))
}

extern "system" fn complete_without_mark(device: Device, irp: Irp, _context: *mut c_void) -> NtStatus {
    Request { device, irp }.release_lock();
    STATUS_CONTINUE_COMPLETION
}

/// Keeps the IRP for a DPC and returns STATUS_PENDING, without the mark.
pub(super) fn not_marked(request: Request, conduct: Conduct) -> NtStatus {
    let kept = pool::allocate(size_of::<Kept>()).cast::<Kept>();
    if kept.is_null() {
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    }
    let dpc = Dpc::default();
    // SAFETY: pool of this size, aligned to 16 bytes, that nobody else knows of.
    unsafe { kept.write(Kept { dpc, request }) };
    // The DPC is the first field.
    let dpc = kept.cast::<Dpc>();
    KeInitializeDpc(dpc, complete_later, kept.cast());
    if !conduct.offends() {
        request.irp.mark_pending();
    }
    KeInsertQueueDpc(dpc, ptr::null_mut(), ptr::null_mut());
    STATUS_PENDING
}

/// A request that a DPC completes.
#[repr(C)]
struct Kept {
    dpc: Dpc,
    request: Request,
}

extern "system" fn complete_later(_dpc: *mut Dpc, context: *mut c_void, _first: *mut c_void, _second: *mut c_void) {
    let kept = context.cast::<Kept>();
    // SAFETY: the block was written before the DPC was queued, and is freed here only.
    let request = unsafe { (*kept).request };
    // A DPC is no longer queued while its routine runs, so it may go.
    pool::free(kept.cast());
    request.refuse();
}

/// Sets the mark, and returns something else than STATUS_PENDING.
pub(super) fn marked_only(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.irp.mark_pending();
    }
    request.complete(STATUS_SUCCESS)
}

/// Keeps the IRP, in the right way, and forgets it.
pub(super) fn parked(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        return request.skip_and_call();
    }
    request.irp.mark_pending();
    request.release_lock();
    STATUS_PENDING
}

/// Marks START_DEVICE pending, and returns what the lower driver made of it.
pub(super) fn marked_start(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.irp.mark_pending();
    }
    request.follow()
}

/// Completes the request, and returns that it is pending.
pub(super) fn completed_and_pending(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.refuse();
    conduct.choose(STATUS_PENDING, status)
}
