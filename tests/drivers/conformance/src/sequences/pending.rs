//! SL_PENDING_RETURNED and PendingReturned, from the driver that marks to the sender.

use super::completing::{expect_order, send_one};
use crate::{
    check::Check,
    journal::{SENDER, seen},
    kernel::{FALSE, IoFreeIrp, STATUS_PENDING, TRUE},
    layers::{Stack, complete, end_held, layer, pend, pend_and_complete, skip},
    objects::{extension, location},
    requests::{allocate, send},
};

pub(super) fn what_is_completed_at_once_is_pending_nowhere(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    send_one(check, stack.top);
    for number in 0..3 {
        check.equal(c"PendingReturned", FALSE, seen(number).pending_returned);
    }
}

pub(super) fn what_pends_is_pending_in_each_routine(check: &mut Check, stack: Stack) {
    stack.tell(pend);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    end_held(stack.bottom);
    for number in 0..3 {
        check.equal(c"PendingReturned", TRUE, seen(number).pending_returned);
    }
    IoFreeIrp(request);
}

pub(super) fn what_is_marked_and_completed_at_once_is_pending_too(check: &mut Check, stack: Stack) {
    stack.tell(pend_and_complete);
    let returned = send_one(check, stack.top);
    check.equal(c"result of IoCallDriver", STATUS_PENDING, returned.unwrap_or_default());
    for number in 0..3 {
        check.equal(c"PendingReturned", TRUE, seen(number).pending_returned);
    }
}

pub(super) fn the_io_manager_marks_for_a_routine_that_is_not_called(check: &mut Check, stack: Stack) {
    stack.tell(pend);
    layer::INVOKE.set(extension(stack.middle), location::INVOKE_ON_ERROR);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    end_held(stack.bottom);
    expect_order(check, &[2, SENDER]);
    check.equal(c"PendingReturned at the top", TRUE, seen(0).pending_returned);
    IoFreeIrp(request);
}

pub(super) fn a_layer_that_skips_lets_the_mark_pass(check: &mut Check, stack: Stack) {
    stack.tell(pend);
    layer::BEHAVIOUR.set(extension(stack.middle), skip);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    end_held(stack.bottom);
    check.equal(c"PendingReturned at the top", TRUE, seen(0).pending_returned);
    IoFreeIrp(request);
}

pub(super) fn the_mark_is_in_the_location_of_who_pends_alone(check: &mut Check, stack: Stack) {
    stack.tell(pend);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    let marked = |device| {
        let here = layer::LOCATION.of(extension(device));
        location::CONTROL.of(here) & location::PENDING_RETURNED
    };
    check.equal(c"mark of the bottom", location::PENDING_RETURNED, marked(stack.bottom));
    check.equal(c"mark of the middle", 0, marked(stack.middle));
    check.equal(c"mark of the top", 0, marked(stack.top));
    end_held(stack.bottom);
    IoFreeIrp(request);
}

pub(super) fn completing_again_is_pending_where_the_keeper_marked(check: &mut Check, stack: Stack) {
    stack.tell(complete);
    layer::KEEPS.set(extension(stack.middle), true);
    let Some(request) = allocate(check, stack.top) else {
        return;
    };
    send(stack.top, request);
    check.equal(c"PendingReturned in the middle", FALSE, seen(0).pending_returned);
    end_held(stack.middle);
    check.equal(c"PendingReturned at the top", TRUE, seen(1).pending_returned);
    check.equal(c"PendingReturned at the sender", TRUE, seen(2).pending_returned);
    IoFreeIrp(request);
}
