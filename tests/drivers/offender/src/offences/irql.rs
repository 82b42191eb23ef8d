//! Offences with the IRQL.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        ABOVE_DISPATCH_LEVEL, APC_LEVEL, CompletionRoutine, DISPATCH_LEVEL, EXECUTIVE, Event, FALSE, Irql, KERNEL_MODE,
        KeInitializeEvent, KeInitializeMutex, KeLowerIrql, KeRaiseIrqlToDpcLevel, KeReleaseMutex,
        KeWaitForMultipleObjects, KeWaitForMutexObject, KeWaitForSingleObject, KfRaiseIrql, Mutex, NOTIFICATION_EVENT,
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

/// Waits above DISPATCH_LEVEL, though for no time at all; the twin does so at DISPATCH_LEVEL.
pub(super) fn wait_above_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    let irql = conduct.choose(ABOVE_DISPATCH_LEVEL, DISPATCH_LEVEL);
    wait_signalled(irql, |event| {
        KeWaitForSingleObject(event, EXECUTIVE, KERNEL_MODE, FALSE, &0);
    });
    request.skip_and_call()
}

/// Waits at DISPATCH_LEVEL for a microsecond at most; the twin for no time.
pub(super) fn wait_for_a_time_at_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    let timeout = conduct.choose(-10, 0);
    wait_signalled(DISPATCH_LEVEL, |event| {
        KeWaitForSingleObject(event, EXECUTIVE, KERNEL_MODE, FALSE, &raw const timeout);
    });
    request.skip_and_call()
}

/// Waits at DISPATCH_LEVEL for one of two objects, without a time limit; the twin has one of zero.
pub(super) fn wait_for_many_at_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    /// WaitAny of WAIT_TYPE.
    const WAIT_ANY: i32 = 1;
    let timeout = timeout(conduct);
    wait_signalled(DISPATCH_LEVEL, |event| {
        let objects = [event.cast::<c_void>(), event.cast()];
        KeWaitForMultipleObjects(
            2,
            objects.as_ptr(),
            WAIT_ANY,
            EXECUTIVE,
            KERNEL_MODE,
            FALSE,
            timeout,
            ptr::null_mut(),
        );
    });
    request.skip_and_call()
}

/// Waits at DISPATCH_LEVEL for a mutex, without a time limit; the twin has one of zero.
pub(super) fn wait_for_mutex_at_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    let mut mutex = Mutex::default();
    let mutex = &raw mut mutex;
    KeInitializeMutex(mutex, 0);
    let old = KeRaiseIrqlToDpcLevel();
    KeWaitForMutexObject(mutex, EXECUTIVE, KERNEL_MODE, FALSE, timeout(conduct));
    KeReleaseMutex(mutex, FALSE);
    KeLowerIrql(old);
    request.skip_and_call()
}

/// No time limit, or one of zero.
fn timeout(conduct: Conduct) -> *const i64 {
    const AT_ONCE: &i64 = &0;
    conduct.choose(ptr::null(), AT_ONCE)
}

/// Works with a signalled event at an IRQL. No offence where dispatch was called above it.
fn wait_signalled(irql: Irql, wait: impl FnOnce(*mut Event)) {
    let mut event = Event::default();
    KeInitializeEvent(&mut event, NOTIFICATION_EVENT, TRUE);
    let old = KfRaiseIrql(irql);
    wait(&raw mut event);
    KeLowerIrql(old);
}

/// Lowers the IRQL to another one than it was raised from.
pub(super) fn lower_to_another(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call();
    let old = KeRaiseIrqlToDpcLevel();
    KeLowerIrql(conduct.choose(APC_LEVEL, old));
    status
}

/// Waits in UserMode for what is on its stack.
pub(super) fn wait_in_user_mode(request: Request, conduct: Conduct) -> NtStatus {
    /// UserMode of MODE.
    const USER_MODE: i8 = 1;
    let mode = conduct.choose(USER_MODE, KERNEL_MODE);
    wait_signalled(DISPATCH_LEVEL, |event| {
        KeWaitForSingleObject(event, EXECUTIVE, mode, FALSE, &0);
    });
    request.skip_and_call()
}
