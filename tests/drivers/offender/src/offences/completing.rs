//! Offences in completing an IRP: when, how often, with which status.

use core::ffi::c_void;

use crate::{
    kernel::{
        ABOVE_DISPATCH_LEVEL, CompletionRoutine, DISPATCH_LEVEL, DbgBreakPoint, IofCompleteRequest, KeLowerIrql,
        KfRaiseIrql, NO_INCREMENT, NtStatus, STATUS_DEVICE_NOT_READY, STATUS_PENDING, STATUS_SUCCESS,
        STATUS_UNSUCCESSFUL,
    },
    objects::{Device, Irp},
    request::{Request, complete_followed},
    switch::Conduct,
};

use super::forwarding::pass_on_and;

/// Completes an IRP with the status that says that it is not completed.
pub(super) fn with_pending(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.mark_pending();
    request.complete(conduct.choose(STATUS_PENDING, STATUS_DEVICE_NOT_READY));
    STATUS_PENDING
}

/// Completes an IRP at an IRQL at which completion routines may not run.
pub(super) fn above_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    let old = KfRaiseIrql(conduct.choose(ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL));
    request.complete_only(STATUS_DEVICE_NOT_READY);
    KeLowerIrql(old);
    request.release_lock();
    STATUS_DEVICE_NOT_READY
}

/// Completes an IRP that the lower driver has queued.
pub(super) fn while_pending_below(request: Request, conduct: Conduct) -> NtStatus {
    pass_on_and(request, |request| {
        if conduct.offends() {
            request.complete_only(STATUS_DEVICE_NOT_READY);
        }
    })
}

/// Returns another status than the one that the IRP was completed with.
pub(super) fn return_other_status(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.complete(STATUS_SUCCESS);
    conduct.choose(STATUS_UNSUCCESSFUL, status)
}

/// Returns what nobody has set a status to.
pub(super) fn return_minus_one(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.refuse();
    conduct.choose(-1, status)
}

/// Neither completes the IRP nor passes it on, and does not say that it is pending.
pub(super) fn not_at_all(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.release_lock();
        return STATUS_SUCCESS;
    }
    request.refuse()
}

/// Completes an IRP twice.
pub(super) fn twice(request: Request, conduct: Conduct) -> NtStatus {
    request.complete_only(STATUS_DEVICE_NOT_READY);
    if conduct.offends() {
        // Nothing of the IRP is touched, which may be freed memory.
        IofCompleteRequest(request.irp, NO_INCREMENT);
    }
    request.release_lock();
    STATUS_DEVICE_NOT_READY
}

/// Makes a success of what a lower driver has completed with an error.
pub(super) fn succeed_what_failed_below(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(succeed, complete_followed))
}

extern "system" fn succeed(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    if irp.status() < STATUS_SUCCESS {
        irp.set_status(STATUS_SUCCESS);
    }
    complete_followed(device, irp, context)
}

/// Returns another status than the lower driver did.
pub(super) fn return_other_status_than_lower(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call();
    if conduct.offends() && status == STATUS_SUCCESS {
        return STATUS_UNSUCCESSFUL;
    }
    status
}

/// Stops at a breakpoint.
pub(super) fn break_point(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        DbgBreakPoint();
    }
    request.skip_and_call()
}

/// A word of memory that nobody has written to.
const GARBAGE: NtStatus = 0xDDDD_DDDD_u32.cast_signed();

/// Completes the IRP with what was in memory that nobody has written to.
pub(super) fn with_garbage(request: Request, conduct: Conduct) -> NtStatus {
    request.complete(conduct.choose(GARBAGE, STATUS_DEVICE_NOT_READY))
}
