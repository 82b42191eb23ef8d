//! Offences with what a request transfers.

use core::ffi::c_void;

use super::mdls::system_address;
use crate::{
    kernel::{CompletionRoutine, NtStatus, STATUS_SUCCESS},
    objects::{Device, Irp},
    request::{Request, complete_followed},
    switch::Conduct,
};

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

/// Writes to the data of a request, where an MDL describes it, before it is passed on. The twin writes what is there.
pub(super) fn change_on_the_way_down(request: Request, conduct: Conduct) -> NtStatus {
    let list = request.irp.mdl_list();
    if !list.is_null() {
        let first = system_address(list).cast::<u8>();
        if !first.is_null() {
            // SAFETY: the first byte of the buffer of a READ or WRITE, which has at least one.
            let byte = unsafe { first.read_volatile() };
            // SAFETY: as above.
            unsafe { first.write_volatile(byte ^ conduct.choose(0xFF, 0)) };
        }
    }
    request.follow()
}

/// Where a request's data is, with either kind of buffering. Null where it cannot be mapped.
fn buffer(irp: Irp) -> *mut u8 {
    let list = irp.mdl_list();
    if list.is_null() {
        return irp.system_buffer().cast();
    }
    system_address(list).cast()
}
