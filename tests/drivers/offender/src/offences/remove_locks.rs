//! Offences with the remove lock.

use crate::{
    kernel::{IoInitializeRemoveLockEx, NtStatus, STATUS_DELETE_PENDING, STATUS_SUCCESS},
    pool,
    request::{REMOVE_LOCK_BYTES, Request},
    sending::send_to_self,
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

/// Releases the lock before it sends the request down, and so holds nothing while that is below.
pub(super) fn forward_unlocked(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.release_lock();
        return request.skip_and_call_only();
    }
    request.skip_and_call()
}

/// The same with IRP_MN_SURPRISE_REMOVAL, which has succeeded.
pub(super) fn forward_surprise_unlocked(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.set_status(STATUS_SUCCESS);
    forward_unlocked(request, conduct)
}

/// Sends the removal down without the lock, and acquires it only to wait for it.
pub(super) fn forward_removal_unlocked(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        request.release_lock();
    }
    let status = request.send_removal();
    if conduct.offends() {
        request.acquire_lock();
    }
    request.wait_for_others();
    request.detach();
    request.delete();
    status
}

/// Sends a request down for which the lock was refused.
pub(super) fn forward_refused(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        return request.skip_and_call_only();
    }
    request.complete_only(STATUS_DELETE_PENDING);
    STATUS_DELETE_PENDING
}

/// Removes the device, where somebody who still has a pointer to it sends a request when the lock has been waited for.
pub(crate) fn remove_and_send(request: Request, major_function: u8, minor_function: u8) -> NtStatus {
    request.wait_for_others();
    send_to_self(request.device, major_function, minor_function);
    let status = request.send_removal();
    request.detach();
    request.delete();
    status
}

/// Removes the device and leaves the lock alone, which it holds.
pub(super) fn remove_without_waiting(request: Request, conduct: Conduct) -> NtStatus {
    remove_or(request, conduct, |_| {})
}

/// Releases the lock when the device is removed, and does not wait for who else holds it.
pub(super) fn remove_after_release(request: Request, conduct: Conduct) -> NtStatus {
    remove_or(request, conduct, Request::release_lock)
}

fn remove_or(request: Request, conduct: Conduct, instead_of_waiting: fn(Request)) -> NtStatus {
    let status = request.send_removal();
    if conduct.offends() {
        instead_of_waiting(request);
    } else {
        request.wait_for_others();
    }
    request.detach();
    request.delete();
    status
}

/// Waits for the lock when the device is only known to be gone.
pub(super) fn wait_by_surprise(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.set_status(STATUS_SUCCESS);
    let status = request.skip_and_call_only();
    if conduct.offends() {
        request.wait_for_others();
    } else {
        request.release_lock();
    }
    status
}
