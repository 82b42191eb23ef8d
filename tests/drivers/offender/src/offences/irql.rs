//! Offences with the IRQL.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        ABOVE_DISPATCH_LEVEL, CompletionRoutine, DISPATCH_LEVEL, EXECUTIVE, Event, FALSE, KERNEL_MODE,
        KeInitializeEvent, KeLowerIrql, KeRaiseIrqlToDpcLevel, KeWaitForSingleObject, KfRaiseIrql, NOTIFICATION_EVENT,
        NtStatus, PASSIVE_LEVEL, STATUS_CONTINUE_COMPLETION, TRUE,
    },
    objects::{Device, Irp},
    request::{Request, complete_followed},
    switch::Conduct,
};

/// Returns from dispatch at DISPATCH_LEVEL. No offence where dispatch was called there.
pub(super) fn return_at_other(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call();
    let old = KeRaiseIrqlToDpcLevel();
    if !conduct.offends() {
        KeLowerIrql(old);
    }
    status
}

/// Returns from a completion routine at another IRQL than it was called at.
pub(super) fn change_in_completion_routine(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(raise_and_complete, raise_lower_and_complete))
}

extern "system" fn raise_and_complete(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    complete_followed(device, irp, context);
    // Above both levels at which a completion routine may be called.
    KfRaiseIrql(ABOVE_DISPATCH_LEVEL);
    STATUS_CONTINUE_COMPLETION
}

extern "system" fn raise_lower_and_complete(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    complete_followed(device, irp, context);
    let old = KfRaiseIrql(ABOVE_DISPATCH_LEVEL);
    KeLowerIrql(old);
    STATUS_CONTINUE_COMPLETION
}

/// Raises the IRQL to a lower one.
pub(super) fn raise_downwards(request: Request, conduct: Conduct) -> NtStatus {
    let old = KeRaiseIrqlToDpcLevel();
    KfRaiseIrql(conduct.choose(PASSIVE_LEVEL, DISPATCH_LEVEL));
    KeLowerIrql(old);
    request.skip_and_call()
}

/// Lowers the IRQL to a higher one. No offence where dispatch was called at DISPATCH_LEVEL.
pub(super) fn lower_upwards(request: Request, conduct: Conduct) -> NtStatus {
    let old = KeRaiseIrqlToDpcLevel();
    if conduct.offends() {
        KeLowerIrql(old);
    }
    KeLowerIrql(DISPATCH_LEVEL);
    KeLowerIrql(old);
    request.skip_and_call()
}

/// Reads at DISPATCH_LEVEL where there is nothing; the twin reads what is on its stack.
pub(super) fn read_null(request: Request, conduct: Conduct) -> NtStatus {
    const FIELD: *const u64 = ptr::without_provenance(8);
    let local = 0;
    let old = KeRaiseIrqlToDpcLevel();
    // SAFETY: a local variable; or nothing, which is the offence.
    unsafe { conduct.choose(FIELD, &raw const local).read_volatile() };
    KeLowerIrql(old);
    request.skip_and_call()
}

/// Waits at DISPATCH_LEVEL, without a time limit; the twin has one of zero, with which that is allowed.
pub(super) fn wait_at_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    // Signalled, so that nobody waits for long.
    let mut event = Event::default();
    KeInitializeEvent(&mut event, NOTIFICATION_EVENT, TRUE);
    let at_once = 0;
    let timeout = if conduct.offends() {
        ptr::null()
    } else {
        &raw const at_once
    };
    let old = KeRaiseIrqlToDpcLevel();
    KeWaitForSingleObject(&raw mut event, EXECUTIVE, KERNEL_MODE, FALSE, timeout);
    KeLowerIrql(old);
    request.skip_and_call()
}
