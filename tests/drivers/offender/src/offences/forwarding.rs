//! Offences in passing an IRP on: to what, at which IRQL, how often.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL, IofCallDriver, IofCompleteRequest, Irql, KeLowerIrql, KfRaiseIrql,
        NO_INCREMENT, NtStatus, STATUS_CONTINUE_COMPLETION, STATUS_INSUFFICIENT_RESOURCES,
        STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING,
    },
    meeting::Meeting,
    objects::{Device, Irp},
    request::{Request, complete_followed},
    switch::Conduct,
};

/// Passes the IRP to what is no device object: the driver object of the device that is meant.
pub(super) fn to_no_device(request: Request, conduct: Conduct) -> NtStatus {
    let lower = request.device.lower();
    let target = conduct.choose(lower.driver().in_place_of_a_device(), lower);
    pass_to(request, target)
}

/// Passes the IRP to no device at all.
pub(super) fn to_null(request: Request, conduct: Conduct) -> NtStatus {
    let target = conduct.choose(Device::NULL, request.device.lower());
    pass_to(request, target)
}

fn pass_to(request: Request, target: Device) -> NtStatus {
    request.irp.skip_location();
    let status = IofCallDriver(target, request.irp);
    request.release_lock();
    status
}

/// Passes the IRP on at an IRQL at which no driver may be called; the twin raises to one at which READ may be passed
/// on.
pub(super) fn above_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    let irql = conduct.choose(ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL);
    pass_on_at(request, irql)
}

/// Passes a flush on at an IRQL at which drivers get no flush.
pub(super) fn flush_at_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        pass_on_at(request, DISPATCH_LEVEL)
    } else {
        request.skip_and_call()
    }
}

fn pass_on_at(request: Request, irql: Irql) -> NtStatus {
    let old = KfRaiseIrql(irql);
    let status = request.skip_and_call_only();
    KeLowerIrql(old);
    request.release_lock();
    status
}

/// Passes an IRP on once more while the lower driver has it queued.
pub(super) fn twice(request: Request, conduct: Conduct) -> NtStatus {
    pass_on_and(request, |request| {
        if conduct.offends() {
            // A skip, so that the lower driver is given the very location that it has: a second copy would run out of
            // stack locations first.
            request.irp.skip_location();
            IofCallDriver(request.device.lower(), request.irp);
        }
    })
}

/// Passes the IRP on with what its own location has in Control, that the IRP is pending, in the location below.
pub(super) fn with_stale_control(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.mark_pending();
    request.irp.copy_location_to_next();
    request.irp.set_completion_routine(complete_followed, ptr::null_mut());
    if conduct.offends() {
        let next = request.irp.next_location();
        next.set_control(next.control() | request.irp.location().control());
    }
    IofCallDriver(request.device.lower(), request.irp);
    STATUS_PENDING
}

/// Copies all of the stack location: with the routine, the context and Control, which are the upper driver's.
pub(super) fn with_the_uppers_routine(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        return request.follow();
    }
    let own = request.irp.location();
    let next = request.irp.next_location();
    next.set_request(own.request());
    next.set_completion_routine(own.completion_routine());
    next.set_context(own.context());
    next.set_control(own.control());
    let status = IofCallDriver(request.device.lower(), request.irp);
    request.release_lock();
    status
}

/// Passes the IRP on and, where the lower driver has queued it, does something `while_queued`.
///
/// The IRP is there for it, whatever the lower driver does meanwhile. It is returned as pending in every case, since
/// it may be completed here.
pub(super) fn pass_on_and(request: Request, while_queued: impl FnOnce(Request)) -> NtStatus {
    let Some(meeting) = Meeting::of(request) else {
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    };
    request.irp.copy_location_to_next();
    request.irp.set_completion_routine(complete_met, meeting.to_context());
    request.irp.mark_pending();
    let status = IofCallDriver(request.device.lower(), request.irp);
    if status == STATUS_PENDING && meeting.other_is_expected() {
        while_queued(request);
    }
    if meeting.leave() {
        // The completion routine has stopped the completion; it goes on from there.
        IofCompleteRequest(request.irp, NO_INCREMENT);
        request.release_lock();
    }
    STATUS_PENDING
}

extern "system" fn complete_met(_device: Device, _irp: Irp, context: *mut c_void) -> NtStatus {
    let meeting = Meeting::from_context(context);
    let request = meeting.request();
    if meeting.leave() {
        request.release_lock();
        return STATUS_CONTINUE_COMPLETION;
    }
    STATUS_MORE_PROCESSING_REQUIRED
}
