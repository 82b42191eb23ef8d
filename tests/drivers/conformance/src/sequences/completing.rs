//! In which order completion routines are called, with what, and who can stop that.

use crate::{
    check::Check,
    journal::{self, SENDER, seen},
    kernel::{
        Device, FALSE, IoAllocateIrp, IoFreeIrp, Irp, NtStatus, Object, STATUS_DEVICE_NOT_READY, STATUS_PENDING,
        STATUS_SUCCESS,
    },
    layers::{Stack, complete, end_held, follow, layer, pend, send_twice, skip},
    objects::{NULL, current_location, device_object, extension, location, set_completion_routine, set_next_location},
    requests::{allocate, describe, send, take_back},
};

/// Sends a request to a device and gives back what IoCallDriver returned. The IRP is back, and freed.
pub(super) fn send_one(check: &mut Check, device: Device) -> Option<NtStatus> {
    let request = allocate(check, device)?;
    let status = send(device, request);
    IoFreeIrp(request);
    Some(status)
}

/// Expects these layers' routines to have been called, in this order, and no other.
pub(super) fn expect_order(check: &mut Check, layers: &[u8]) {
    check.equal(c"number of calls", layers.len(), journal::count());
    for (number, &layer) in layers.iter().enumerate() {
        check.equal(c"whose routine is called", layer, seen(number).layer);
    }
}

pub(super) fn routines_of_two_layers_last_registered_first(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.middle);
    expect_order(check, &[1, SENDER]);
}

pub(super) fn routines_of_three_layers_last_registered_first(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.top);
    expect_order(check, &[1, 2, SENDER]);
}

pub(super) fn a_layer_that_skips_has_no_routine_called(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::BEHAVIOUR.set(extension(stack.middle), skip);
    send_one(check, stack.top);
    expect_order(check, &[2, SENDER]);
}

pub(super) fn each_routine_gets_its_own_device(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.top);
    check.equal(c"device of the middle", stack.middle, seen(0).device);
    check.equal(c"device of the top", stack.top, seen(1).device);
}

pub(super) fn each_routine_gets_its_own_context(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.top);
    check.equal(c"context of the middle", extension(stack.middle), seen(0).context);
    check.equal(c"context of the top", extension(stack.top), seen(1).context);
}

pub(super) fn a_sender_without_a_location_gets_no_device(check: &mut Check, stack: Stack) {
    send_one(check, stack.bottom);
    expect_order(check, &[SENDER]);
    check.equal(c"device of the sender", NULL, seen(0).device);
}

pub(super) fn a_sender_with_a_location_gets_the_device_that_it_put_there(check: &mut Check, stack: Stack) {
    let locations = device_object::STACK_SIZE.of(stack.bottom).wrapping_add(1);
    let Some(request) = check.have(c"IoAllocateIrp", IoAllocateIrp(locations, FALSE)) else {
        return;
    };
    set_next_location(request);
    location::DEVICE.set(current_location(request), stack.top);
    describe(request);
    send(stack.bottom, request);
    check.equal(c"device of the sender", stack.top, seen(0).device);
    IoFreeIrp(request);
}

pub(super) fn each_routine_sees_what_the_lowest_driver_completed_with(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::STATUS.set(extension(stack.bottom), STATUS_DEVICE_NOT_READY);
    layer::INFORMATION.set(extension(stack.bottom), 0x1234);
    send_one(check, stack.top);
    for number in 0..3 {
        check.equal(c"status", STATUS_DEVICE_NOT_READY, seen(number).status);
        check.equal(c"information", 0x1234, seen(number).information);
    }
}

pub(super) fn call_driver_returns_what_the_dispatch_routine_returned(check: &mut Check, stack: Stack) {
    for status in [STATUS_SUCCESS, STATUS_DEVICE_NOT_READY] {
        layer::STATUS.set(extension(stack.bottom), status);
        if let Some(returned) = send_one(check, stack.bottom) {
            check.equal(c"result of IoCallDriver", status, returned);
        }
    }
}

pub(super) fn more_processing_required_stops_completion(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::KEEPS.set(extension(stack.middle), true);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    let returned = send(stack.top, request);
    check.equal(c"result of IoCallDriver", STATUS_PENDING, returned);
    expect_order(check, &[1]);
    end_held(stack.middle);
    IoFreeIrp(request);
}

pub(super) fn completing_again_goes_on_above_who_kept(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::KEEPS.set(extension(stack.middle), true);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    journal::clear();
    end_held(stack.middle);
    expect_order(check, &[2, SENDER]);
    IoFreeIrp(request);
}

pub(super) fn what_was_kept_twice_is_kept_twice(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::KEEPS.set(extension(stack.middle), true);
    layer::KEEPS.set(extension(stack.top), true);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    expect_order(check, &[1]);
    end_held(stack.middle);
    expect_order(check, &[1, 2]);
    end_held(stack.top);
    expect_order(check, &[1, 2, SENDER]);
    IoFreeIrp(request);
}

pub(super) fn what_was_kept_can_be_sent_down_again(check: &mut Check, stack: Stack) {
    layer::BEHAVIOUR.set(extension(stack.middle), send_twice);
    layer::BEHAVIOUR.set(extension(stack.top), follow);
    send_one(check, stack.top);
    check.equal(
        c"times that the bottom was sent it",
        2,
        layer::ARRIVALS.of(extension(stack.bottom)),
    );
    expect_order(check, &[1, 1, 2, SENDER]);
}

pub(super) fn a_request_that_pends_is_completed_later(check: &mut Check, stack: Stack) {
    stack.tell(pend);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    let returned = send(stack.top, request);
    check.equal(c"result of IoCallDriver", STATUS_PENDING, returned);
    expect_order(check, &[]);
    end_held(stack.bottom);
    expect_order(check, &[1, 2, SENDER]);
    IoFreeIrp(request);
}

pub(super) fn the_context_of_the_sender_is_passed(check: &mut Check, stack: Stack) {
    let Some(request) = allocate(check, stack.bottom) else {
        return;
    };
    let context: Object = stack.top;
    set_completion_routine(request, take_back, context, location::INVOKE_ALWAYS);
    call(stack.bottom, request);
    check.equal(c"context", context, seen(0).context);
    IoFreeIrp(request);
}

fn call(device: Device, request: Irp) {
    crate::kernel::IofCallDriver(device, request);
}
