//! Offences in how requests of the PnP manager and the power manager are sent on and answered.

use core::{ffi::c_void, ptr};

use super::{irql_limits::open_and_close_key, removing::send_and_wait};
use crate::{
    kernel::{
        CompletionRoutine, IRP_MN_QUERY_POWER, IofCallDriver, NtStatus, PoRequestPowerIrp, STATUS_CONTINUE_COMPLETION,
        STATUS_NOT_SUPPORTED, STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
    },
    objects::{Device, Irp},
    pool,
    request::{Request, complete_followed},
    sending::started,
    switch::Conduct,
};

/// PowerDeviceD3.
const POWER_DEVICE_D3: u32 = 4;

/// Completes the IRP as one that has succeeded.
pub(super) fn succeed(request: Request, conduct: Conduct) -> NtStatus {
    complete_with(request, conduct, STATUS_SUCCESS)
}

/// Completes the IRP with the status that stands for nobody's having answered it.
pub(super) fn say_not_supported(request: Request, conduct: Conduct) -> NtStatus {
    complete_with(request, conduct, STATUS_NOT_SUPPORTED)
}

fn complete_with(request: Request, conduct: Conduct, status: NtStatus) -> NtStatus {
    if conduct.offends() {
        return request.complete(status);
    }
    request.skip_and_call()
}

/// The same with IRP_MN_SURPRISE_REMOVAL, which its twin says to be understood.
pub(super) fn say_surprise_not_supported(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        request.irp.set_status(STATUS_SUCCESS);
    }
    say_not_supported(request, conduct)
}

/// Fails the IRP, and passes it on all the same.
pub(super) fn forward_failed(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.irp.set_status(STATUS_UNSUCCESSFUL);
    }
    request.skip_and_call()
}

/// Takes back what the drivers below have answered, as if nobody had.
pub(super) fn take_answer_back(request: Request, conduct: Conduct) -> NtStatus {
    let status = send_and_wait(request.irp, request.device.lower());
    request.complete(conduct.choose(STATUS_NOT_SUPPORTED, status))
}

/// The same in a completion routine.
pub(super) fn take_answer_back_later(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(complete_not_supported, complete_followed))
}

extern "system" fn complete_not_supported(device: Device, irp: Irp, _context: *mut c_void) -> NtStatus {
    irp.set_status(STATUS_NOT_SUPPORTED);
    if irp.pending_returned() {
        irp.mark_pending();
    }
    Request { device, irp }.release_lock();
    STATUS_CONTINUE_COMPLETION
}

/// Sends the IRP past the next device, to the one at the bottom of the stack.
pub(super) fn skip_device(request: Request, conduct: Conduct) -> NtStatus {
    let target = conduct.choose(request.device.physical(), request.device.lower());
    request.irp.skip_location();
    let status = IofCallDriver(target, request.irp);
    request.release_lock();
    status
}

/// Sends the IRP on in a stack location that nothing was copied to.
pub(super) fn without_copying(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        return request.follow();
    }
    request.irp.set_completion_routine(complete_followed, ptr::null_mut());
    IofCallDriver(request.device.lower(), request.irp)
}

/// Asks for the address of a power IRP that is not this driver's to touch.
pub(super) fn request_with_address(request: Request, conduct: Conduct) -> NtStatus {
    started(request, |device| {
        let mut irp = Irp::NULL;
        let place = conduct.choose(&raw mut irp, ptr::null_mut());
        PoRequestPowerIrp(
            device.physical(),
            IRP_MN_QUERY_POWER,
            POWER_DEVICE_D3,
            ptr::null(),
            ptr::null_mut(),
            place,
        );
    })
}

/// Opens a key while the disk that the registry is on may be going to sleep.
pub(super) fn open_key(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        open_and_close_key(|open| open());
    }
    request.skip_and_call()
}

/// Allocates while the disk that memory is paged to may be going to sleep.
pub(super) fn allocate(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        let block = pool::allocate(size_of::<Request>());
        if !block.is_null() {
            pool::free(block);
        }
    }
    request.skip_and_call()
}
