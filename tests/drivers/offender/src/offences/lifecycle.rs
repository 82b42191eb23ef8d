//! Offences with what happens to a device between its start and its removal: cancelled and surprise removals, sleep, and
//! the files that the system has on it.

use super::removing::send_and_wait;
use crate::{
    add_device::DO_POWER_PAGABLE,
    kernel::{NtStatus, STATUS_SUCCESS},
    request::Request,
    switch::Conduct,
};

/// PowerSystemWorking, and SystemPowerState of POWER_STATE_TYPE.
const POWER_SYSTEM_WORKING: u64 = 1;
const SYSTEM_POWER_STATE: u64 = 0;

/// Fails IRP_MN_CANCEL_REMOVE_DEVICE, which only says that everything goes on.
pub(super) fn fail_cancel_remove(request: Request, conduct: Conduct) -> NtStatus {
    if conduct.offends() {
        return request.refuse();
    }
    request.irp.set_status(STATUS_SUCCESS);
    request.skip_and_call()
}

/// Detaches the device while it is only known to be gone.
pub(super) fn detach_by_surprise(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.set_status(STATUS_SUCCESS);
    let status = request.skip_and_call_only();
    if conduct.offends() {
        request.detach();
    }
    request.release_lock();
    status
}

/// Deletes the device while it is only known to be gone.
pub(super) fn delete_by_surprise(request: Request, conduct: Conduct) -> NtStatus {
    request.irp.set_status(STATUS_SUCCESS);
    let status = request.skip_and_call_only();
    request.release_lock();
    if conduct.offends() {
        request.detach();
        request.delete();
    }
    status
}

/// Fails to go to sleep.
pub(super) fn fail_power_down(request: Request, conduct: Conduct) -> NtStatus {
    fail_power(request, conduct, |state| state != POWER_SYSTEM_WORKING)
}

/// Fails to wake.
pub(super) fn fail_power_up(request: Request, conduct: Conduct) -> NtStatus {
    fail_power(request, conduct, |state| state == POWER_SYSTEM_WORKING)
}

fn fail_power(request: Request, conduct: Conduct, is_meant: fn(u64) -> bool) -> NtStatus {
    // Parameters.Power: the context, the kind of state and the state, which are 32 bits wide.
    let [_, kind, state, _] = request.irp.location().parameters();
    let [kind, state] = [kind, state].map(|word| word & 0xFFFF_FFFF);
    if conduct.offends() && kind == SYSTEM_POWER_STATE && is_meant(state) {
        return request.refuse();
    }
    request.skip_and_call()
}

/// Clears DO_POWER_PAGABLE with the device below when a paging file comes, and does not set it again when that leaves.
pub(super) fn lose_power_pagable(request: Request, conduct: Conduct) -> NtStatus {
    let Request { device, irp } = request;
    let lower = device.lower();
    let status = send_and_wait(irp, lower);
    if lower.flags() & DO_POWER_PAGABLE == 0 {
        device.set_flags(device.flags() & !DO_POWER_PAGABLE);
    } else if !conduct.offends() {
        device.set_flags(device.flags() | DO_POWER_PAGABLE);
    }
    request.complete(status)
}
