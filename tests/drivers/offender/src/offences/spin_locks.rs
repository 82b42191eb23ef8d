//! Offences with a spin lock.

use crate::{
    kernel::{
        KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc, KeLowerIrql, KeRaiseIrqlToDpcLevel,
        KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, NtStatus, STATUS_DEVICE_NOT_READY,
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
