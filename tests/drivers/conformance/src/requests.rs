//! Requests of this driver's own: made, sent, taken back and freed the way that is documented.

use crate::{
    check::Check,
    journal,
    kernel::{
        Device, FALSE, IRP_MJ_INTERNAL_DEVICE_CONTROL, IoAllocateIrp, IofCallDriver, Irp, NtStatus, Object,
        STATUS_MORE_PROCESSING_REQUIRED,
    },
    objects::{NULL, device_object, location, next_location, set_completion_routine},
};

/// A device control code with METHOD_NEITHER, so that there are no buffers.
pub(crate) const CONTROL_CODE: u32 = 0x0022_0003;

/// An IRP for a device, with a request in the next stack location that any layer can complete.
pub(crate) fn allocate(check: &mut Check, device: Device) -> Option<Irp> {
    let request = check.have(
        c"IoAllocateIrp",
        IoAllocateIrp(device_object::STACK_SIZE.of(device), FALSE),
    )?;
    describe(request);
    Some(request)
}

/// Writes the request into the next stack location.
pub(crate) fn describe(request: Irp) {
    let next = next_location(request);
    location::MAJOR_FUNCTION.set(next, IRP_MJ_INTERNAL_DEVICE_CONTROL);
    location::CONTROL_CODE.set(next, CONTROL_CODE);
}

/// Sends an IRP, which comes back to this driver alone.
pub(crate) fn send(device: Device, request: Irp) -> NtStatus {
    set_completion_routine(request, take_back, NULL, location::INVOKE_ALWAYS);
    IofCallDriver(device, request)
}

/// The completion routine of who sends an IRP of its own.
pub(crate) extern "system" fn take_back(device: Device, request: Irp, context: Object) -> NtStatus {
    journal::note(journal::SENDER, device, request, context);
    STATUS_MORE_PROCESSING_REQUIRED
}
