//! Offences with device objects: what a filter device does not take over in AddDevice from the device that it is attached
//! to, references, and timers.

use core::{ffi::c_void, ptr};

use crate::{
    add_device::{DO_BUFFERED_IO, DO_DIRECT_IO, DO_POWER_PAGABLE, Plan, Target, create},
    kernel::{
        IoDeleteDevice, IoGetAttachedDeviceReference, IoInitializeTimer, KeGetCurrentThread, NtStatus,
        ObfDereferenceObject, ObfReferenceObject, STATUS_SUCCESS,
    },
    objects::Device,
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

/// Says of itself that buffers come with a request in both ways.
pub(super) fn both_io_flags(plan: &mut Plan) {
    plan.own_flags = DO_BUFFERED_IO | DO_DIRECT_IO;
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

/// Keeps a reference to the thread that it runs in.
pub(super) fn leave_thread_reference(request: Request, conduct: Conduct) -> NtStatus {
    let thread = KeGetCurrentThread();
    ObfReferenceObject(thread);
    if !conduct.offends() {
        ObfDereferenceObject(thread);
    }
    request.skip_and_call()
}

/// Gives a reference back once more than it took one.
pub(super) fn give_back_twice(request: Request, conduct: Conduct) -> NtStatus {
    let top = IoGetAttachedDeviceReference(request.device.lower());
    ObfDereferenceObject(top.as_ptr());
    if conduct.offends() {
        ObfDereferenceObject(top.as_ptr());
    }
    request.skip_and_call()
}

/// Initialises the timer of a device again.
pub(super) fn initialise_timer_twice(request: Request, conduct: Conduct) -> NtStatus {
    // A device for this alone: one in a stack is started more than once.
    let mut device = Device::NULL;
    if create(request.device.driver(), &mut device) >= STATUS_SUCCESS {
        IoInitializeTimer(device, tick, ptr::null_mut());
        if conduct.offends() {
            IoInitializeTimer(device, tick, ptr::null_mut());
        }
        IoDeleteDevice(device);
    }
    request.skip_and_call()
}

extern "system" fn tick(_device: Device, _context: *mut c_void) {}

/// Takes a reference to a device that it has deleted; the twin takes it in time, and so keeps the device.
pub(super) fn reference_deleted(request: Request, conduct: Conduct) -> NtStatus {
    let mut device = Device::NULL;
    if create(request.device.driver(), &mut device) >= STATUS_SUCCESS {
        if conduct.offends() {
            IoDeleteDevice(device);
            ObfReferenceObject(device.as_ptr());
        } else {
            ObfReferenceObject(device.as_ptr());
            IoDeleteDevice(device);
        }
        ObfDereferenceObject(device.as_ptr());
    }
    request.skip_and_call()
}
