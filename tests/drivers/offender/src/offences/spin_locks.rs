//! Offences with a spin lock.

use crate::{
    kernel::{
        DISPATCH_LEVEL, IoAcquireCancelSpinLock, IoReleaseCancelSpinLock, KeAcquireInStackQueuedSpinLock,
        KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeLowerIrql, KeRaiseIrqlToDpcLevel,
        KeReleaseInStackQueuedSpinLock, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, LockQueueHandle, NtStatus,
        STATUS_DEVICE_NOT_READY,
    },
    request::Request,
    switch::Conduct,
};

/// Releases a spin lock after having lowered the IRQL. No offence where dispatch was called at DISPATCH_LEVEL.
pub(super) fn release_at_passive(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    let old = KeAcquireSpinLockRaiseToDpc(lock);
    if conduct.offends() {
        KeLowerIrql(old);
    }
    KeReleaseSpinLock(lock, old);
    request.skip_and_call()
}

/// Returns from dispatch at the right IRQL, but with a spin lock held.
pub(super) fn hold_at_return(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    // The device must not be removed meanwhile, whose extension has the lock in it.
    let status = request.skip_and_call_only();
    let old = KeRaiseIrqlToDpcLevel();
    KeAcquireSpinLockAtDpcLevel(lock);
    if !conduct.offends() {
        KeReleaseSpinLockFromDpcLevel(lock);
    }
    KeLowerIrql(old);
    request.release_lock();
    status
}

/// Completes an IRP while it holds a spin lock, which the completion routines above may come to want.
pub(super) fn complete_under(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    let old = KeAcquireSpinLockRaiseToDpc(lock);
    if conduct.offends() {
        request.complete_only(STATUS_DEVICE_NOT_READY);
        KeReleaseSpinLock(lock, old);
    } else {
        KeReleaseSpinLock(lock, old);
        request.complete_only(STATUS_DEVICE_NOT_READY);
    }
    request.release_lock();
    STATUS_DEVICE_NOT_READY
}

/// Returns from dispatch with a spin lock held that it acquired with the function that raises the IRQL.
pub(super) fn hold_at_return_at_dpc_level(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    let status = request.skip_and_call_only();
    let old = KeAcquireSpinLockRaiseToDpc(lock);
    if conduct.offends() {
        KeLowerIrql(old);
    } else {
        KeReleaseSpinLock(lock, old);
    }
    request.release_lock();
    status
}

/// Releases a spin lock that it has released.
pub(super) fn release_twice(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    let old = KeAcquireSpinLockRaiseToDpc(lock);
    KeReleaseSpinLockFromDpcLevel(lock);
    if conduct.offends() {
        KeReleaseSpinLockFromDpcLevel(lock);
    }
    KeLowerIrql(old);
    request.skip_and_call()
}

/// Returns from dispatch with a queued spin lock held.
pub(super) fn hold_queued_at_return(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    let status = request.skip_and_call_only();
    let mut handle = LockQueueHandle::default();
    let old = KeRaiseIrqlToDpcLevel();
    KeAcquireInStackQueuedSpinLock(lock, &raw mut handle);
    if !conduct.offends() {
        KeReleaseInStackQueuedSpinLock(&raw mut handle);
    }
    KeLowerIrql(old);
    request.release_lock();
    status
}

/// Releases a queued spin lock that it has released.
pub(super) fn release_queued_twice(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    let mut handle = LockQueueHandle::default();
    let old = KeRaiseIrqlToDpcLevel();
    KeAcquireInStackQueuedSpinLock(lock, &raw mut handle);
    KeReleaseInStackQueuedSpinLock(&raw mut handle);
    if conduct.offends() {
        KeReleaseInStackQueuedSpinLock(&raw mut handle);
    }
    KeLowerIrql(old);
    request.skip_and_call()
}

/// Releases a queued spin lock after having lowered the IRQL. No offence where dispatch was called at DISPATCH_LEVEL.
pub(super) fn release_queued_at_passive(request: Request, conduct: Conduct) -> NtStatus {
    let lock = request.device.spin_lock();
    let mut handle = LockQueueHandle::default();
    let old = KeRaiseIrqlToDpcLevel();
    KeLowerIrql(old);
    KeAcquireInStackQueuedSpinLock(lock, &raw mut handle);
    if conduct.offends() {
        KeLowerIrql(old);
    }
    KeReleaseInStackQueuedSpinLock(&raw mut handle);
    request.skip_and_call()
}

/// Returns from dispatch with the cancel spin lock held, which every driver shares.
pub(super) fn hold_cancel_at_return(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call();
    let mut old = DISPATCH_LEVEL;
    IoAcquireCancelSpinLock(&raw mut old);
    if conduct.offends() {
        KeLowerIrql(old);
    } else {
        IoReleaseCancelSpinLock(old);
    }
    status
}

/// Releases the cancel spin lock, which it has released.
pub(super) fn release_cancel_twice(request: Request, conduct: Conduct) -> NtStatus {
    let mut old = DISPATCH_LEVEL;
    let outer = KeRaiseIrqlToDpcLevel();
    IoAcquireCancelSpinLock(&raw mut old);
    IoReleaseCancelSpinLock(old);
    if conduct.offends() {
        IoReleaseCancelSpinLock(old);
    }
    KeLowerIrql(outer);
    request.skip_and_call()
}
