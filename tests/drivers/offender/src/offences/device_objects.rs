//! Offences with device objects: what a filter device does not take over in AddDevice from the device that it is attached
//! to, and references.

use crate::{
    add_device::{DO_BUFFERED_IO, DO_DIRECT_IO, DO_POWER_PAGABLE, Plan, Target},
    kernel::{IoGetAttachedDeviceReference, NtStatus, ObfDereferenceObject},
    request::Request,
    switch::Conduct,
};

/// Does not take over how the device may be powered. No offence where the lower device has not the flag.
pub(super) fn without_power_pagable(plan: &mut Plan) {
    plan.inherited_flags &= !DO_POWER_PAGABLE;
}

/// Leaves the device as one that is still being made, so that nobody can open it or attach to it.
pub(super) fn still_initialising(plan: &mut Plan) {
    plan.is_initialised = false;
}

/// Attaches to a stack that nobody has asked for.
pub(super) fn attached_elsewhere(plan: &mut Plan) {
    plan.target = Target::OwnDevice;
}

/// Does not take over how buffers come with a request.
pub(super) fn without_io_flags(plan: &mut Plan) {
    plan.inherited_flags &= !(DO_BUFFERED_IO | DO_DIRECT_IO);
}

/// Is of no known type, on a device that is of one.
pub(super) fn without_type(plan: &mut Plan) {
    plan.inherits_type = false;
}

/// Takes a reference to the device at the top of the stack, and keeps it.
pub(super) fn leave_reference(request: Request, conduct: Conduct) -> NtStatus {
    let top = IoGetAttachedDeviceReference(request.device.lower());
    if !conduct.offends() {
        ObfDereferenceObject(top.as_ptr());
    }
    request.skip_and_call()
}
