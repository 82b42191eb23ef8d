//! IRPs as they are allocated, initialised and reused.

use crate::{
    check::Check,
    kernel::{
        FALSE, IoAllocateIrp, IoCancelIrp, IoFreeIrp, IoGetIoPriorityHint, IoInitializeIrp, IoReuseIrp,
        IoSetIoPriorityHint, Irp, STATUS_DEVICE_NOT_READY, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_SUCCESS,
    },
    layers::{Stack, complete, layer, pend_and_complete},
    objects::{NULL, current_location, extension, irp, location, size_of_irp},
    requests::{allocate, describe, send},
    threads,
};

/// IO_TYPE_IRP.
const IO_TYPE_IRP: i16 = 6;

/// Expects an IRP with this many locations, in which there is nothing yet.
fn expect_fresh(check: &mut Check, request: Irp, locations: i8) {
    check.equal(c"Type", IO_TYPE_IRP, irp::TYPE.of(request));
    check.equal(c"Size", size_of_irp(locations), irp::SIZE.of(request));
    check.equal(c"StackCount", locations, irp::STACK_COUNT.of(request));
    check.equal(
        c"CurrentLocation",
        locations.wrapping_add(1),
        irp::CURRENT_LOCATION.of(request),
    );
    let bytes = usize::from(locations.cast_unsigned()).wrapping_mul(location::BYTES);
    let end = request.wrapping_byte_add(irp::BYTES.wrapping_add(bytes));
    check.equal(c"location", end, current_location(request));
    check.equal(c"MdlAddress", NULL, irp::MDL_ADDRESS.of(request));
    check.equal(c"Flags", 0, irp::FLAGS.of(request));
    check.equal(c"SystemBuffer", NULL, irp::SYSTEM_BUFFER.of(request));
    check.equal(c"PendingReturned", FALSE, irp::PENDING_RETURNED.of(request));
    check.equal(c"Cancel", FALSE, irp::CANCEL.of(request));
    check.equal(c"CancelRoutine", NULL, irp::CANCEL_ROUTINE.of(request));
    check.equal(c"UserIosb", NULL, irp::USER_STATUS_BLOCK.of(request));
    check.equal(c"UserEvent", NULL, irp::USER_EVENT.of(request));
    check.equal(c"UserBuffer", NULL, irp::USER_BUFFER.of(request));
    let mut own = request.wrapping_byte_add(irp::BYTES);
    for _ in 0..locations {
        check.equal(c"MajorFunction", 0, location::MAJOR_FUNCTION.of(own));
        check.equal(c"Control", 0, location::CONTROL.of(own));
        check.holds(c"no completion routine", location::COMPLETION_ROUTINE.of(own).is_none());
        own = own.wrapping_byte_add(location::BYTES);
    }
}

pub(super) fn an_allocated_irp_is_initialised(check: &mut Check, _stack: Stack) {
    for locations in [1_i8, 3, 8] {
        let Some(request) = check.have(c"IoAllocateIrp", IoAllocateIrp(locations, FALSE)) else {
            return;
        };
        expect_fresh(check, request, locations);
        check.equal(c"status", STATUS_SUCCESS, irp::STATUS.of(request));
        check.equal(c"information", 0, irp::INFORMATION.of(request));
        IoFreeIrp(request);
    }
}

pub(super) fn an_irp_in_memory_of_the_driver_is_initialised_and_can_be_sent(check: &mut Check, stack: Stack) {
    let bytes = size_of_irp(3);
    let Some(request) = check.have(c"pool", threads::allocate(usize::from(bytes))) else {
        return;
    };
    IoInitializeIrp(request, bytes, 3);
    expect_fresh(check, request, 3);
    describe(request);
    stack.tell(complete);
    check.equal(c"result of IoCallDriver", STATUS_SUCCESS, send(stack.top, request));
    threads::free(request);
}

pub(super) fn a_reused_irp_is_initialised_and_has_the_status_that_was_given(check: &mut Check, stack: Stack) {
    stack.tell(pend_and_complete);
    layer::STATUS.set(extension(stack.bottom), STATUS_DEVICE_NOT_READY);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    IoReuseIrp(request, STATUS_OBJECT_NAME_NOT_FOUND);
    expect_fresh(check, request, 3);
    check.equal(c"status", STATUS_OBJECT_NAME_NOT_FOUND, irp::STATUS.of(request));
    IoFreeIrp(request);
}

pub(super) fn a_reused_irp_can_be_sent_again(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    for count in 1_u32..4 {
        check.equal(c"result of IoCallDriver", STATUS_SUCCESS, send(stack.top, request));
        check.equal(
            c"IRPs of the bottom",
            count,
            layer::ARRIVALS.of(extension(stack.bottom)),
        );
        IoReuseIrp(request, STATUS_SUCCESS);
        describe(request);
    }
    IoFreeIrp(request);
}

pub(super) fn a_reused_irp_is_not_cancelled_any_more(check: &mut Check, stack: Stack) {
    let Some(request) = allocate(check, stack.bottom) else {
        return;
    };
    IoCancelIrp(request);
    check.equal(c"Cancel", 1, irp::CANCEL.of(request));
    IoReuseIrp(request, STATUS_SUCCESS);
    check.equal(c"Cancel", 0, irp::CANCEL.of(request));
    IoFreeIrp(request);
}

pub(super) fn a_priority_hint_that_was_set_is_the_one_that_is_got(check: &mut Check, stack: Stack) {
    let Some(request) = allocate(check, stack.bottom) else {
        return;
    };
    // IoPriorityVeryLow to IoPriorityCritical.
    for hint in 0..5 {
        let status = IoSetIoPriorityHint(request, hint);
        check.equal(c"result of IoSetIoPriorityHint", STATUS_SUCCESS, status);
        check.equal(c"hint", hint, IoGetIoPriorityHint(request));
    }
    IoFreeIrp(request);
}
