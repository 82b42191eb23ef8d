//! Which of InvokeOnSuccess, InvokeOnError and InvokeOnCancel has a completion routine called, in all combinations.

use super::completing::expect_order;
use crate::{
    check::Check,
    journal::{self, SENDER},
    kernel::{
        IoCancelIrp, IoFreeIrp, NtStatus, STATUS_BUFFER_OVERFLOW, STATUS_CANCELLED, STATUS_DEVICE_NOT_READY,
        STATUS_OBJECT_NAME_EXISTS, STATUS_SUCCESS,
    },
    layers::{Stack, complete, end_held, follow_registered, layer, pend},
    objects::{extension, location},
    requests::{allocate, send},
};

/// The three flags, in all combinations.
const COMBINATIONS: [u8; 8] = [
    0,
    location::INVOKE_ON_SUCCESS,
    location::INVOKE_ON_ERROR,
    location::INVOKE_ON_CANCEL,
    location::INVOKE_ON_SUCCESS | location::INVOKE_ON_ERROR,
    location::INVOKE_ON_SUCCESS | location::INVOKE_ON_CANCEL,
    location::INVOKE_ON_ERROR | location::INVOKE_ON_CANCEL,
    location::INVOKE_ALWAYS,
];

/// Expects the routine of the middle to be called for this status exactly where one of these flags is set.
fn invoked_by(check: &mut Check, stack: Stack, status: NtStatus, cancelled: bool, flags: u8) {
    for combination in COMBINATIONS {
        journal::clear();
        stack.tell(if cancelled { pend } else { complete });
        layer::STATUS.set(extension(stack.bottom), status);
        layer::INVOKE.set(extension(stack.middle), combination);
        let Some(request) = allocate(check, stack.middle) else {
            return;
        };
        send(stack.middle, request);
        if cancelled {
            IoCancelIrp(request);
            end_held(stack.bottom);
        }
        if combination & flags == 0 {
            expect_order(check, &[SENDER]);
        } else {
            expect_order(check, &[1, SENDER]);
        }
        IoFreeIrp(request);
    }
}

pub(super) fn success_invokes_on_success(check: &mut Check, stack: Stack) {
    invoked_by(check, stack, STATUS_SUCCESS, false, location::INVOKE_ON_SUCCESS);
}

pub(super) fn an_informational_status_invokes_on_success(check: &mut Check, stack: Stack) {
    invoked_by(
        check,
        stack,
        STATUS_OBJECT_NAME_EXISTS,
        false,
        location::INVOKE_ON_SUCCESS,
    );
}

pub(super) fn a_warning_invokes_on_error(check: &mut Check, stack: Stack) {
    invoked_by(check, stack, STATUS_BUFFER_OVERFLOW, false, location::INVOKE_ON_ERROR);
}

pub(super) fn an_error_invokes_on_error(check: &mut Check, stack: Stack) {
    invoked_by(check, stack, STATUS_DEVICE_NOT_READY, false, location::INVOKE_ON_ERROR);
}

pub(super) fn the_status_alone_is_no_cancellation(check: &mut Check, stack: Stack) {
    invoked_by(check, stack, STATUS_CANCELLED, false, location::INVOKE_ON_ERROR);
}

pub(super) fn cancellation_with_an_error_invokes_on_either(check: &mut Check, stack: Stack) {
    let flags = location::INVOKE_ON_ERROR | location::INVOKE_ON_CANCEL;
    invoked_by(check, stack, STATUS_CANCELLED, true, flags);
}

pub(super) fn cancellation_with_success_invokes_on_either(check: &mut Check, stack: Stack) {
    let flags = location::INVOKE_ON_SUCCESS | location::INVOKE_ON_CANCEL;
    invoked_by(check, stack, STATUS_SUCCESS, true, flags);
}

pub(super) fn a_registered_routine_is_invoked_by_the_same_flags(check: &mut Check, stack: Stack) {
    for (status, flag) in [
        (STATUS_SUCCESS, location::INVOKE_ON_SUCCESS),
        (STATUS_DEVICE_NOT_READY, location::INVOKE_ON_ERROR),
    ] {
        journal::clear();
        layer::BEHAVIOUR.set(extension(stack.middle), follow_registered);
        layer::INVOKE.set(extension(stack.middle), flag);
        layer::STATUS.set(extension(stack.bottom), status);
        let Some(request) = allocate(check, stack.middle) else {
            return;
        };
        send(stack.middle, request);
        expect_order(check, &[1, SENDER]);
        IoFreeIrp(request);
    }
}
