//! IoForwardIrpSynchronously.

use super::completing::expect_order;
use crate::{
    check::Check,
    journal::SENDER,
    kernel::{FALSE, IoAllocateIrp, IoFreeIrp, KeFlushQueuedDpcs, STATUS_DEVICE_NOT_READY, STATUS_SUCCESS},
    layers::{Behaviour, Stack, complete, forward, layer, pend_for_a_while},
    objects::{extension, irp},
    requests::{allocate, describe, send},
};

/// Forwards a request from the top, and expects it back as the bottom completed it.
fn forward_to(check: &mut Check, stack: Stack, bottom: Behaviour, status: i32) {
    stack.tell(bottom);
    layer::BEHAVIOUR.set(extension(stack.top), forward);
    layer::STATUS.set(extension(stack.bottom), status);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    let returned = send(stack.top, request);
    check.equal(
        c"result of IoForwardIrpSynchronously",
        1,
        layer::RETURNED.of(extension(stack.top)),
    );
    check.equal(c"status that the top found", status, returned);
    check.equal(c"status of the IRP", status, irp::STATUS.of(request));
    expect_order(check, &[1, SENDER]);
    KeFlushQueuedDpcs();
    IoFreeIrp(request);
}

pub(super) fn forwarding_gives_back_what_is_completed_at_once(check: &mut Check, stack: Stack) {
    forward_to(check, stack, complete, STATUS_SUCCESS);
}

pub(super) fn forwarding_gives_back_what_fails(check: &mut Check, stack: Stack) {
    forward_to(check, stack, complete, STATUS_DEVICE_NOT_READY);
}

pub(super) fn forwarding_waits_for_what_pends(check: &mut Check, stack: Stack) {
    forward_to(check, stack, pend_for_a_while, STATUS_SUCCESS);
}

pub(super) fn without_a_location_nothing_is_forwarded(check: &mut Check, stack: Stack) {
    layer::BEHAVIOUR.set(extension(stack.top), forward);
    let top = extension(stack.top);
    layer::STATUS.set(top, STATUS_DEVICE_NOT_READY);
    layer::RETURNED.set(top, 1);
    let Some(request) = check.have(c"IoAllocateIrp", IoAllocateIrp(1, FALSE)) else {
        return;
    };
    describe(request);
    send(stack.top, request);
    check.equal(c"result of IoForwardIrpSynchronously", 0, layer::RETURNED.of(top));
    check.equal(c"IRPs of the middle", 0, layer::ARRIVALS.of(extension(stack.middle)));
    IoFreeIrp(request);
}
