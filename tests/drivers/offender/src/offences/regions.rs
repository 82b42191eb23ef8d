//! Offences with critical and guarded regions, and with the locks that want one.

use core::ffi::c_void;

use crate::{
    kernel::{
        CompletionRoutine, DISPATCH_LEVEL, ExAcquireFastMutex, ExAcquireFastMutexUnsafe,
        ExAcquireResourceExclusiveLite, ExDeleteResourceLite, ExInitializeResourceLite, ExReleaseFastMutex,
        ExReleaseFastMutexUnsafe, ExReleaseResourceLite, FastMutex, KeEnterCriticalRegion, KeEnterGuardedRegion,
        KeLeaveCriticalRegion, KeLeaveGuardedRegion, KeLowerIrql, KfRaiseIrql, NtStatus, PASSIVE_LEVEL, Resource, TRUE,
    },
    objects::{Device, Irp},
    pool,
    request::{Request, complete_followed},
    switch::Conduct,
};

use super::irql_limits::with_fast_mutex;

/// Returns from dispatch in a critical region.
pub(super) fn stay_in_critical(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call();
    KeEnterCriticalRegion();
    if !conduct.offends() {
        KeLeaveCriticalRegion();
    }
    status
}

/// Returns from dispatch in a guarded region.
pub(super) fn stay_in_guarded(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call();
    KeEnterGuardedRegion();
    if !conduct.offends() {
        KeLeaveGuardedRegion();
    }
    status
}

/// Returns from DriverUnload in a critical region.
pub(super) fn stay_in_critical_at_unload(conduct: Conduct) {
    KeEnterCriticalRegion();
    if !conduct.offends() {
        KeLeaveCriticalRegion();
    }
}

/// Leaves a critical region more often than it was entered.
pub(super) fn leave_critical_twice(request: Request, conduct: Conduct) -> NtStatus {
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    if conduct.offends() {
        KeLeaveCriticalRegion();
    }
    request.skip_and_call()
}

/// Returns from a completion routine in a critical region.
pub(super) fn stay_in_critical_at_completion(request: Request, conduct: Conduct) -> NtStatus {
    request.follow_with(conduct.choose::<CompletionRoutine>(complete_and_enter, complete_followed))
}

extern "system" fn complete_and_enter(device: Device, irp: Irp, context: *mut c_void) -> NtStatus {
    // The bus driver completes START_DEVICE at once, so at PASSIVE_LEVEL, and here entering is right.
    KeEnterCriticalRegion();
    complete_followed(device, irp, context)
}

/// Acquires a resource in the thread of a request, outside of a critical region.
pub(super) fn acquire_resource(request: Request, conduct: Conduct) -> NtStatus {
    with_resource(request, |resource| {
        if !conduct.offends() {
            KeEnterCriticalRegion();
        }
        ExAcquireResourceExclusiveLite(resource, TRUE);
        ExReleaseResourceLite(resource);
        if !conduct.offends() {
            KeLeaveCriticalRegion();
        }
    })
}

/// Leaves the critical region before the resource is released.
pub(super) fn release_resource(request: Request, conduct: Conduct) -> NtStatus {
    with_resource(request, |resource| {
        KeEnterCriticalRegion();
        ExAcquireResourceExclusiveLite(resource, TRUE);
        if conduct.offends() {
            KeLeaveCriticalRegion();
        }
        ExReleaseResourceLite(resource);
        if !conduct.offends() {
            KeLeaveCriticalRegion();
        }
    })
}

/// Releases a resource more often than it was acquired.
pub(super) fn release_resource_twice(request: Request, conduct: Conduct) -> NtStatus {
    with_resource(request, |resource| {
        KeEnterCriticalRegion();
        ExAcquireResourceExclusiveLite(resource, TRUE);
        ExReleaseResourceLite(resource);
        if conduct.offends() {
            ExReleaseResourceLite(resource);
        }
        KeLeaveCriticalRegion();
    })
}

/// Initialises a resource that is in use.
pub(super) fn initialise_resource_twice(request: Request, conduct: Conduct) -> NtStatus {
    with_resource(request, |resource| {
        if !conduct.offends() {
            ExDeleteResourceLite(resource);
        }
        ExInitializeResourceLite(resource);
    })
}

/// Deletes a resource that has been deleted.
pub(super) fn delete_resource_twice(request: Request, conduct: Conduct) -> NtStatus {
    with_resource(request, |resource| {
        ExDeleteResourceLite(resource);
        if !conduct.offends() {
            ExInitializeResourceLite(resource);
        }
    })
}

/// Does something with a resource, and passes the request on. No offence where there is no memory, or where dispatch
/// was called at DISPATCH_LEVEL.
fn with_resource(request: Request, work: impl FnOnce(*mut Resource)) -> NtStatus {
    if is_at_passive() {
        let resource = pool::allocate(size_of::<Resource>()).cast::<Resource>();
        if !resource.is_null() {
            ExInitializeResourceLite(resource);
            work(resource);
            ExDeleteResourceLite(resource);
            pool::free(resource.cast());
        }
    }
    request.skip_and_call()
}

fn is_at_passive() -> bool {
    let old = KfRaiseIrql(DISPATCH_LEVEL);
    KeLowerIrql(old);
    old == PASSIVE_LEVEL
}

/// Acquires a fast mutex with the function that leaves APCs to its caller, who has not kept them away.
pub(super) fn acquire_unsafely(request: Request, conduct: Conduct) -> NtStatus {
    with_mutex(request, |mutex| {
        if !conduct.offends() {
            KeEnterCriticalRegion();
        }
        ExAcquireFastMutexUnsafe(mutex);
        ExReleaseFastMutexUnsafe(mutex);
        if !conduct.offends() {
            KeLeaveCriticalRegion();
        }
    })
}

/// Lets APCs come before a fast mutex is released that was acquired without them.
pub(super) fn release_unsafely(request: Request, conduct: Conduct) -> NtStatus {
    with_mutex(request, |mutex| {
        KeEnterCriticalRegion();
        ExAcquireFastMutexUnsafe(mutex);
        if conduct.offends() {
            KeLeaveCriticalRegion();
        }
        ExReleaseFastMutexUnsafe(mutex);
        if !conduct.offends() {
            KeLeaveCriticalRegion();
        }
    })
}

/// Raises the IRQL while it holds a fast mutex, and releases it there.
pub(super) fn release_at_dispatch(request: Request, conduct: Conduct) -> NtStatus {
    with_mutex(request, |mutex| {
        ExAcquireFastMutex(mutex);
        if conduct.offends() {
            KfRaiseIrql(DISPATCH_LEVEL);
        }
        ExReleaseFastMutex(mutex);
    })
}

/// Does something with a fast mutex, and passes the request on. No offence where dispatch was called at DISPATCH_LEVEL.
fn with_mutex(request: Request, work: impl FnOnce(*mut FastMutex)) -> NtStatus {
    if is_at_passive() {
        with_fast_mutex(work);
    }
    request.skip_and_call()
}
