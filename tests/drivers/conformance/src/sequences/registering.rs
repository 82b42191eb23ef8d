//! IoSetCompletionRoutineEx: what it writes, and what its routine is called with.

use super::completing::{expect_order, send_one};
use crate::{
    check::Check,
    journal::{self, SENDER, seen},
    kernel::{IoFreeIrp, IoSetCompletionRoutineEx, IofCallDriver, STATUS_SUCCESS, TRUE},
    layers::{Stack, complete, end_held, follow, follow_registered, layer},
    objects::{extension, irp, location},
    requests::{allocate, send, take_back},
};

fn tell(stack: Stack) {
    stack.tell(complete);
    layer::BEHAVIOUR.set(extension(stack.middle), follow_registered);
    layer::BEHAVIOUR.set(extension(stack.top), follow_registered);
}

pub(super) fn a_registered_routine_gets_its_device_and_context(check: &mut Check, stack: Stack) {
    tell(stack);
    send_one(check, stack.top);
    expect_order(check, &[1, 2, SENDER]);
    for (number, device) in [(0, stack.middle), (1, stack.top)] {
        check.equal(c"device", device, seen(number).device);
        check.equal(c"context", extension(device), seen(number).context);
        check.equal(c"status", STATUS_SUCCESS, seen(number).status);
    }
}

pub(super) fn registering_writes_when_to_invoke(check: &mut Check, stack: Stack) {
    for invoke in [
        location::INVOKE_ON_SUCCESS,
        location::INVOKE_ON_SUCCESS | location::INVOKE_ON_ERROR,
        location::INVOKE_ON_SUCCESS | location::INVOKE_ON_CANCEL,
        location::INVOKE_ALWAYS,
    ] {
        tell(stack);
        layer::INVOKE.set(extension(stack.middle), invoke);
        send_one(check, stack.middle);
        check.equal(c"Control", invoke, layer::CONTROL.of(extension(stack.bottom)));
    }
}

pub(super) fn both_kinds_of_routines_are_called_in_order(check: &mut Check, stack: Stack) {
    tell(stack);
    layer::BEHAVIOUR.set(extension(stack.top), follow);
    send_one(check, stack.top);
    expect_order(check, &[1, 2, SENDER]);
    journal::clear();
    layer::BEHAVIOUR.set(extension(stack.top), follow_registered);
    layer::BEHAVIOUR.set(extension(stack.middle), follow);
    send_one(check, stack.top);
    expect_order(check, &[1, 2, SENDER]);
}

pub(super) fn a_registered_routine_can_keep_the_irp(check: &mut Check, stack: Stack) {
    tell(stack);
    layer::KEEPS.set(extension(stack.middle), true);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    expect_order(check, &[1]);
    check.equal(c"CurrentLocation", 2, irp::CURRENT_LOCATION.of(request));
    end_held(stack.middle);
    expect_order(check, &[1, 2, SENDER]);
    IoFreeIrp(request);
}

pub(super) fn a_registered_routine_takes_back_an_irp_of_the_drivers_own(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    let Some(request) = allocate(check, stack.bottom) else {
        return;
    };
    let context = extension(stack.bottom);
    let registered = IoSetCompletionRoutineEx(stack.top, request, take_back, context, TRUE, TRUE, TRUE);
    if registered >= STATUS_SUCCESS {
        check.equal(
            c"result of IoCallDriver",
            STATUS_SUCCESS,
            IofCallDriver(stack.bottom, request),
        );
        expect_order(check, &[SENDER]);
        check.equal(c"context", context, seen(0).context);
    } else {
        check.missing(c"IoSetCompletionRoutineEx");
    }
    IoFreeIrp(request);
}
