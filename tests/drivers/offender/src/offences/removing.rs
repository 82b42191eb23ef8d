//! Offences in IRP_MN_REMOVE_DEVICE: what is left out of removing a device, or done twice, or failed.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        EXECUTIVE, Event, FALSE, IofCallDriver, IofCompleteRequest, KERNEL_MODE, KeInitializeEvent, KeSetEvent,
        KeWaitForSingleObject, NO_INCREMENT, NOTIFICATION_EVENT, NtStatus, STATUS_MORE_PROCESSING_REQUIRED,
        STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
    },
    objects::{Device, Irp},
    request::Request,
    switch::Conduct,
};

/// Deletes the device while it is attached to another.
pub(super) fn delete_attached(request: Request, conduct: Conduct) -> NtStatus {
    remove_with(request, conduct.choose(0, 1), 1)
}

/// Detaches the device from one that nothing is attached to any more.
pub(super) fn detach_twice(request: Request, conduct: Conduct) -> NtStatus {
    remove_with(request, conduct.choose(2, 1), 1)
}

/// Leaves the device as it is.
pub(super) fn leave_attached(request: Request, conduct: Conduct) -> NtStatus {
    remove_with(request, conduct.choose(0, 1), conduct.choose(0, 1))
}

/// Detaches the device and does not delete it.
pub(super) fn leave_undeleted(request: Request, conduct: Conduct) -> NtStatus {
    remove_with(request, 1, conduct.choose(0, 1))
}

/// Deletes the device twice.
pub(super) fn delete_twice(request: Request, conduct: Conduct) -> NtStatus {
    remove_with(request, 1, conduct.choose(2, 1))
}

/// Removes the device, with as many calls for each of the last steps.
fn remove_with(request: Request, detachments: u32, deletions: u32) -> NtStatus {
    let status = request.send_removal();
    request.wait_for_others();
    for _ in 0..detachments {
        request.detach();
    }
    for _ in 0..deletions {
        request.delete();
    }
    status
}

/// Removes the device properly, and fails the request all the same, which may not fail.
pub(super) fn fail(request: Request, conduct: Conduct) -> NtStatus {
    end_with(request, conduct, STATUS_UNSUCCESSFUL)
}

/// Removes the device properly, and says that it has not understood the request.
pub(super) fn say_not_supported(request: Request, conduct: Conduct) -> NtStatus {
    end_with(request, conduct, STATUS_NOT_SUPPORTED)
}

fn end_with(request: Request, conduct: Conduct, wrong: NtStatus) -> NtStatus {
    request.irp.set_status(STATUS_SUCCESS);
    let status = send_and_wait(request.irp, request.device.lower());
    request.wait_for_others();
    request.detach();
    request.delete();
    let status = conduct.choose(wrong, status);
    request.irp.set_status(status);
    IofCompleteRequest(request.irp, NO_INCREMENT);
    status
}

/// Sends the request down and waits until it is back and this driver's again.
pub(super) fn send_and_wait(irp: Irp, lower: Device) -> NtStatus {
    let mut back = Event::default();
    KeInitializeEvent(&mut back, NOTIFICATION_EVENT, FALSE);
    let back = &raw mut back;
    irp.copy_location_to_next();
    irp.set_completion_routine(signal, back.cast());
    IofCallDriver(lower, irp);
    KeWaitForSingleObject(back, EXECUTIVE, KERNEL_MODE, FALSE, ptr::null());
    irp.status()
}

extern "system" fn signal(_device: Device, _irp: Irp, context: *mut c_void) -> NtStatus {
    KeSetEvent(context.cast(), 0, FALSE);
    STATUS_MORE_PROCESSING_REQUIRED
}

/// Deletes the device and only then tells the drivers below that it is removed.
pub(super) fn delete_before_sending(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        return request.remove();
    }
    request.wait_for_others();
    let lower = request.device.lower();
    request.detach();
    request.delete();
    request.irp.skip_location();
    IofCallDriver(lower, request.irp)
}
