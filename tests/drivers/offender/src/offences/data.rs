//! Offences with what a request transfers.

use core::ffi::c_void;

use crate::{
    kernel::{CompletionRoutine, NtStatus, STATUS_SUCCESS},
    objects::{Device, Irp},
    request::{Request, complete_followed},
    switch::Conduct,
};

/// Where an MDL has the address that its pages are mapped at.
const MAPPED_SYSTEM_VA: usize = 0x18;

/// Changes the first byte that a READ has brought.
pub(super) fn change(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(change_and_complete, complete_followed))
}

extern "system" fn change_and_complete(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    let buffer = buffer(irp);
    if irp.status() == STATUS_SUCCESS && !buffer.is_null() {
        // SAFETY: the buffer of a READ that brought at least a byte.
        let byte = unsafe { buffer.read_volatile() };
        // SAFETY: as above.
        unsafe { buffer.write_volatile(!byte) };
    }
    complete_followed(device, irp, context)
}

/// Where a request's data is, with either kind of buffering.
fn buffer(irp: Irp) -> *mut u8 {
    let list = irp.mdl();
    if list.is_null() {
        return irp.system_buffer().cast();
    }
    // SAFETY: the MDL of a request is there as long as the request, and the initiator has mapped its pages.
    unsafe { list.wrapping_byte_add(MAPPED_SYSTEM_VA).cast::<*mut u8>().read() }
}
