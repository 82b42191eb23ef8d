//! Offences with cancel routines, which must be cleared by who gives the IRP away.

use core::ffi::c_void;

use crate::{
    kernel::{CompletionRoutine, IoCancelIrp, IoReleaseCancelSpinLock, IofCallDriver, NtStatus, STATUS_PENDING},
    objects::{Device, Irp},
    request::{Request, complete_followed},
    sending::{new_event, set_and_keep, wait_for},
    switch::Conduct,
};

/// Completes an IRP that has a cancel routine.
pub(super) fn complete(request: Request, conduct: Conduct) -> NtStatus {
    set_and_maybe_clear(request.irp, conduct);
    request.refuse()
}

/// Passes on an IRP that has a cancel routine.
pub(super) fn forward(request: Request, conduct: Conduct) -> NtStatus {
    set_and_maybe_clear(request.irp, conduct);
    request.skip_and_call()
}

/// Lets the completion of an IRP go on that has a cancel routine.
pub(super) fn leave_behind(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(set_and_complete, set_clear_and_complete))
}

extern "system" fn set_and_complete(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    set_and_maybe_clear(irp, Conduct::Offending);
    complete_followed(device, irp, context)
}

extern "system" fn set_clear_and_complete(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    set_and_maybe_clear(irp, Conduct::Clean);
    complete_followed(device, irp, context)
}

/// Sets a cancel routine while a lower driver has the IRP.
pub(super) fn set_below(request: Request, conduct: Conduct) -> NtStatus {
    let irp = request.irp;
    let mut event = new_event();
    irp.copy_location_to_next();
    irp.set_completion_routine(set_and_keep, (&raw mut event).cast());
    let status = IofCallDriver(request.device.lower(), irp);
    if status == STATUS_PENDING {
        // It is this driver's IRP again when the event is set, so it is there in any case.
        if conduct.offends() {
            irp.set_cancel_routine();
        }
        wait_for(&mut event);
    }
    irp.clear_cancel_routine();
    let status = irp.status();
    request.complete_as_it_is();
    status
}

/// Holds an IRP with a cancel routine, and does not look whether it was cancelled before the routine was set.
///
/// Whoever sent the IRP could have cancelled it just then. Here it is this driver, so that it happens.
pub(super) fn set_too_late(request: Request, conduct: Conduct) -> NtStatus {
    let irp = request.irp;
    irp.mark_pending();
    IoCancelIrp(irp);
    irp.set_cancel_routine_to(complete_cancelled);
    if !conduct.offends() && irp.cancel() && irp.take_cancel_routine() {
        request.refuse();
    }
    STATUS_PENDING
}

extern "system" fn complete_cancelled(device: Device, irp: Irp) {
    IoReleaseCancelSpinLock(irp.cancel_irql());
    Request { device, irp }.refuse();
}

fn set_and_maybe_clear(irp: Irp, conduct: Conduct) {
    irp.set_cancel_routine();
    if !conduct.offends() {
        irp.clear_cancel_routine();
    }
}
