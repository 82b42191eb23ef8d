//! Offences with IRPs that the driver allocates.
//!
//! Each READ goes down in an IRP of the driver's own, with the buffers of the one that arrived. That one is returned
//! as pending and is completed, with the result, once the driver's own is back.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        FALSE, IRP_MJ_READ, IoAllocateIrp, IoFreeIrp, IofCallDriver, IofCompleteRequest, NO_INCREMENT, NtStatus,
        STATUS_DEVICE_NOT_READY, STATUS_INSUFFICIENT_RESOURCES, STATUS_MORE_PROCESSING_REQUIRED, STATUS_PENDING,
    },
    meeting::Meeting,
    objects::{Device, Irp},
    request::Request,
    switch::Conduct,
};

/// Passes on what says of itself that it is no IRP.
pub(super) fn of_no_type(request: Request, conduct: Conduct) -> NtStatus {
    let lower = request.device.lower();
    let spoil = |own: Irp| {
        if conduct.offends() {
            own.set_kind(0);
        }
    };
    send(request, lower, lower.stack_size(), spoil, |_| ())
}

/// Frees an IRP while the lower driver has it queued.
pub(super) fn free_in_flight(request: Request, conduct: Conduct) -> NtStatus {
    let lower = request.device.lower();
    let free = |own| {
        if conduct.offends() {
            IoFreeIrp(own);
        }
    };
    send(request, lower, lower.stack_size(), |_| (), free)
}

/// Completes a request while the lower driver has an IRP queued that is for its data.
pub(super) fn complete_before_part(request: Request, conduct: Conduct) -> NtStatus {
    let lower = request.device.lower();
    let complete = |_: Irp| {
        if conduct.offends() {
            request.irp.set_status(STATUS_DEVICE_NOT_READY);
            request.irp.set_information(0);
            IofCompleteRequest(request.irp, NO_INCREMENT);
        }
    };
    send(request, lower, lower.stack_size(), |_| (), complete)
}

/// Sends an IRP to the driver's own device, which passes it on like any READ, though it may have one stack location
/// only.
pub(super) fn out_of_stack_locations(request: Request, conduct: Conduct) -> NtStatus {
    let mark = request.device.as_ptr();
    if request.irp.driver_context() == mark {
        if conduct.offends() {
            // Nothing is written to the location that is not there. It would be the middle of the IRP.
            return IofCallDriver(request.device.lower(), request.irp);
        }
        return request.follow();
    }
    let stack_size = conduct.choose(1, request.device.stack_size());
    send(
        request,
        request.device,
        stack_size,
        |own| own.set_driver_context(mark),
        |_| (),
    )
}

/// Sends a READ like `request` to `target`. Its IRP is handed to `prepare` before, and to `while_queued` where the
/// driver below has queued it: it is there for that, whatever that driver does meanwhile.
fn send(
    request: Request,
    target: Device,
    stack_size: i8,
    prepare: impl FnOnce(Irp),
    while_queued: impl FnOnce(Irp),
) -> NtStatus {
    let Some(meeting) = Meeting::of(request) else {
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    };
    let own = IoAllocateIrp(stack_size, FALSE);
    if own.is_null() {
        meeting.call_off();
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    }
    let arrived = request.irp;
    own.set_mdl(arrived.mdl());
    own.set_system_buffer(arrived.system_buffer());
    own.set_user_buffer(arrived.user_buffer());
    own.set_thread(arrived.thread());
    let next = own.next_location();
    next.set_major_function(IRP_MJ_READ);
    next.set_parameters(arrived.location().parameters());
    next.set_file_object(arrived.location().file_object());
    own.set_completion_routine(complete_own, meeting.to_context());
    prepare(own);

    arrived.mark_pending();
    let status = IofCallDriver(target, own);
    if status == STATUS_PENDING && meeting.other_is_expected() {
        while_queued(own);
    }
    if meeting.leave() {
        finish(own, request);
    }
    STATUS_PENDING
}

/// The device is null here: an IRP of the driver's own has no stack location for the driver.
extern "system" fn complete_own(_device: Device, own: Irp, context: *mut c_void) -> NtStatus {
    let meeting = Meeting::from_context(context);
    let request = meeting.request();
    if meeting.leave() {
        finish(own, request);
    }
    // The IRP is the driver's: there is nobody above to whom completion could go on.
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Hands the result to the request that arrived.
fn finish(own: Irp, request: Request) {
    request.irp.set_status(own.status());
    request.irp.set_information(own.information());
    // The MDL was lent.
    own.set_mdl(ptr::null_mut());
    IoFreeIrp(own);
    IofCompleteRequest(request.irp, NO_INCREMENT);
    request.release_lock();
}
