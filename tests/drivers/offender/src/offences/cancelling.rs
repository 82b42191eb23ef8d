//! Offences with cancel routines, which must be cleared by who gives the IRP away.

use core::ffi::c_void;

use crate::{
    kernel::{CompletionRoutine, NtStatus},
    objects::{Device, Irp},
    request::{Request, complete_followed},
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

fn set_and_maybe_clear(irp: Irp, conduct: Conduct) {
    irp.set_cancel_routine();
    if !conduct.offends() {
        irp.clear_cancel_routine();
    }
}
