//! Offences with associated IRPs.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        FALSE, IRP_MJ_READ, IoAllocateMdl, IoBuildPartialMdl, IoFreeIrp, IoInitializeIrp, IoMakeAssociatedIrp,
        IofCallDriver, NtStatus, STATUS_CONTINUE_COMPLETION, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING,
        STATUS_SUCCESS,
    },
    objects::{Device, Irp},
    request::Request,
    switch::Conduct,
};

/// Initialises an associated IRP, which is not sent after all.
pub(super) fn initialise(request: Request, conduct: Conduct) -> NtStatus {
    let associated = IoMakeAssociatedIrp(request.irp, request.device.lower().stack_size());
    if !associated.is_null() {
        if conduct.offends() {
            IoInitializeIrp(associated, associated.bytes(), associated.stack_size());
        }
        IoFreeIrp(associated);
    }
    request.follow()
}

/// Sends a READ down in an associated IRP and does not say that there is one. The I/O manager frees it with its MDL, and
/// completes the READ.
pub(super) fn forget_count(request: Request, conduct: Conduct) -> NtStatus {
    let master = request.irp;
    let [bytes, ..] = master.location().parameters();
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is padding")]
    let bytes = bytes as u32;
    if master.mdl().is_null() {
        return request.follow();
    }
    let associated = IoMakeAssociatedIrp(master, request.device.stack_size());
    if associated.is_null() {
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    }
    let start = master.mdl_list().start();
    let part = IoAllocateMdl(start, bytes, FALSE, FALSE, ptr::null_mut());
    if part.is_null() {
        IoFreeIrp(associated);
        return request.complete(STATUS_INSUFFICIENT_RESOURCES);
    }
    IoBuildPartialMdl(master.mdl_list(), part, start, bytes);
    associated.set_mdl(part.as_ptr());
    // A location of the driver's own, so that its completion routine gets its device.
    associated.set_next_location();
    let own = associated.location();
    own.set_device(request.device);
    let next = associated.next_location();
    next.set_major_function(IRP_MJ_READ);
    next.set_parameters(master.location().parameters());
    associated.set_completion_routine(part_read, master.as_ptr());
    master.set_status(STATUS_SUCCESS);
    master.set_information(bytes as usize);
    master.set_irp_count(conduct.choose(0, 1));
    master.mark_pending();
    IofCallDriver(request.device.lower(), associated);
    STATUS_PENDING
}

extern "system" fn part_read(device: Device, part: Irp, context: *mut c_void) -> NtStatus {
    let master = Irp::from_context(context);
    if part.status() < STATUS_SUCCESS {
        master.set_status(part.status());
        master.set_information(0);
    }
    if part.pending_returned() {
        part.mark_pending();
    }
    Request { device, irp: master }.release_lock();
    STATUS_CONTINUE_COMPLETION
}
