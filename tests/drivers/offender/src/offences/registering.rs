//! Offences with completion routines: how one is registered, and what is done with the IRP then.

use crate::{
    kernel::{IofCallDriver, NtStatus, STATUS_SUCCESS},
    request::{Request, complete_followed},
    switch::Conduct,
};

/// Passes the IRP on although the completion routine was refused. IoSetCompletionRoutineEx has to be made to fail.
///
/// It is passed on by a skip, as if nobody had wanted to follow it: a copied location without a routine would be an
/// offence of its own.
pub(super) fn forward_after_refusal(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.copy_location_to_next();
    let registered = request.register(request.device, complete_followed);
    if registered < STATUS_SUCCESS {
        if conduct.offends() {
            return request.skip_and_call();
        }
        return request.complete(registered);
    }
    IofCallDriver(request.device.lower(), request.irp)
}

/// Registers a routine and then gives the location that has it away: the routine never runs, and what the kernel
/// allocated for it is never freed.
pub(super) fn lose(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        return request.follow();
    }
    let registered = request.register(request.device, complete_followed);
    if registered < STATUS_SUCCESS {
        return request.complete(registered);
    }
    request.skip_and_call()
}

/// Registers the routine on behalf of a device of another driver, which is then kept loaded in the place of this one.
pub(super) fn with_lower_device(request: Request, conduct: Conduct) -> NtStatus {
    let owner = conduct.choose(request.device.lower(), request.device);
    request.irp.copy_location_to_next();
    let registered = request.register(owner, complete_followed);
    if registered < STATUS_SUCCESS {
        return request.complete(registered);
    }
    IofCallDriver(request.device.lower(), request.irp)
}

/// Registers a routine and completes the IRP instead of passing it on.
pub(super) fn and_complete(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.copy_location_to_next();
    let registered = request.register(request.device, complete_followed);
    if registered < STATUS_SUCCESS {
        return request.complete(registered);
    }
    if conduct.offends() {
        return request.complete(STATUS_SUCCESS);
    }
    IofCallDriver(request.device.lower(), request.irp)
}

/// Copies the stack location for a completion routine, and sets none.
pub(super) fn copy_without_routine(request: Request, conduct: Conduct) -> NtStatus {
    if !conduct.offends() {
        return request.follow();
    }
    request.irp.copy_location_to_next();
    let status = IofCallDriver(request.device.lower(), request.irp);
    request.release_lock();
    status
}
