//! Offences with the remove lock.

use crate::{
    kernel::{IoInitializeRemoveLockEx, NtStatus},
    pool,
    request::{REMOVE_LOCK_BYTES, Request},
    switch::Conduct,
};

/// Releases the lock under a tag under which it is not held: the device's address instead of the IRP's.
pub(super) fn release_other_tag(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call_only();
    if conduct.offends() {
        request.release_lock_as(request.device.as_ptr());
    } else {
        request.release_lock();
    }
    status
}

/// Waits for the other holders under a tag under which the lock is not held.
pub(super) fn wait_with_other_tag(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.send_removal();
    if conduct.offends() {
        request.wait_for_others_as(request.device.as_ptr());
    } else {
        request.wait_for_others();
    }
    request.detach();
    request.delete();
    status
}

/// Initialises the lock again, while it is held for IRP_MN_START_DEVICE itself.
pub(super) fn initialise_twice(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        IoInitializeRemoveLockEx(request.device.remove_lock(), pool::TAG, 0, 0, REMOVE_LOCK_BYTES);
    }
    request.skip_and_call()
}

/// Never releases the lock that it acquired for a READ.
pub(super) fn leak(request: Request, conduct: Conduct) -> NtStatus {
    let status = request.skip_and_call_only();
    if !conduct.offends() {
        request.release_lock();
    }
    status
}
