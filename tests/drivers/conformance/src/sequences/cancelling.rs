//! IoCancelIrp and cancel routines.

use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering::Relaxed};

use super::completing::expect_order;
use crate::{
    check::Check,
    journal::SENDER,
    kernel::{
        CancelRoutine, DISPATCH_LEVEL, Device, FALSE, IoAcquireCancelSpinLock, IoCancelIrp, IoFreeIrp,
        IoReleaseCancelSpinLock, IofCompleteRequest, Irp, KeGetCurrentIrql, KeLowerIrql, KfRaiseIrql, NO_INCREMENT,
        NtStatus, Object, PASSIVE_LEVEL, STATUS_CANCELLED, STATUS_PENDING, STATUS_SUCCESS, TRUE,
    },
    layers::{Stack, end_held, layer, pend},
    objects::{NULL, exchange_cancel_routine, extension, irp, mark_pending},
    requests::{allocate, send},
};

/// What the cancel routine has seen.
static CALLS: AtomicU32 = AtomicU32::new(0);
static IRQL: AtomicU8 = AtomicU8::new(0);
static CANCEL_IRQL: AtomicU8 = AtomicU8::new(0);
static CANCEL: AtomicU8 = AtomicU8::new(0);
static DEVICE: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(core::ptr::null_mut());
static ROUTINE_LEFT: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(core::ptr::null_mut());

/// Completes the IRP as cancelled.
extern "system" fn cancel_routine(device: Device, request: Irp) {
    CALLS.fetch_add(1, Relaxed);
    IRQL.store(KeGetCurrentIrql(), Relaxed);
    CANCEL_IRQL.store(irp::CANCEL_IRQL.of(request), Relaxed);
    CANCEL.store(irp::CANCEL.of(request), Relaxed);
    DEVICE.store(device, Relaxed);
    ROUTINE_LEFT.store(irp::CANCEL_ROUTINE.of(request), Relaxed);
    IoReleaseCancelSpinLock(irp::CANCEL_IRQL.of(request));
    irp::STATUS.set(request, STATUS_CANCELLED);
    irp::INFORMATION.set(request, 0);
    IofCompleteRequest(request, NO_INCREMENT);
}

fn routine() -> Object {
    cancel_routine as CancelRoutine as Object
}

/// Pends the IRP with a cancel routine.
fn pend_cancellable(device: Device, request: Irp) -> NtStatus {
    mark_pending(request);
    layer::HELD.set(extension(device), request);
    exchange_cancel_routine(request, routine());
    STATUS_PENDING
}

/// Sends a request that stays with the bottom. It is the caller's to end and to free.
fn send_pending(check: &mut Check, stack: Stack, cancellable: bool) -> Option<Irp> {
    CALLS.store(0, Relaxed);
    stack.tell(if cancellable { pend_cancellable } else { pend });
    let request = allocate(check, stack.middle)?;
    send(stack.middle, request);
    Some(request)
}

pub(super) fn an_irp_without_a_cancel_routine_is_only_marked(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, false) else {
        return;
    };
    check.equal(c"Cancel before", FALSE, irp::CANCEL.of(request));
    check.equal(c"result of IoCancelIrp", FALSE, IoCancelIrp(request));
    check.equal(c"Cancel", TRUE, irp::CANCEL.of(request));
    expect_order(check, &[]);
    end_held(stack.bottom);
    expect_order(check, &[1, SENDER]);
    IoFreeIrp(request);
}

pub(super) fn an_irp_that_was_not_sent_is_marked_too(check: &mut Check, stack: Stack) {
    let Some(request) = allocate(check, stack.bottom) else {
        return;
    };
    check.equal(c"result of IoCancelIrp", FALSE, IoCancelIrp(request));
    check.equal(c"Cancel", TRUE, irp::CANCEL.of(request));
    IoFreeIrp(request);
}

pub(super) fn the_cancel_routine_is_called_once(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, true) else {
        return;
    };
    check.equal(c"result of IoCancelIrp", TRUE, IoCancelIrp(request));
    check.equal(c"calls", 1, CALLS.load(Relaxed));
    expect_order(check, &[1, SENDER]);
    check.equal(c"status", STATUS_CANCELLED, irp::STATUS.of(request));
    IoFreeIrp(request);
}

pub(super) fn the_cancel_routine_is_called_under_the_cancel_spin_lock(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, true) else {
        return;
    };
    IoCancelIrp(request);
    check.equal(c"IRQL", DISPATCH_LEVEL, IRQL.load(Relaxed));
    check.equal(c"CancelIrql", PASSIVE_LEVEL, CANCEL_IRQL.load(Relaxed));
    check.equal(c"IRQL afterwards", PASSIVE_LEVEL, KeGetCurrentIrql());
    IoFreeIrp(request);
}

pub(super) fn the_cancel_irql_is_that_of_who_cancels(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, true) else {
        return;
    };
    let old = KfRaiseIrql(DISPATCH_LEVEL);
    IoCancelIrp(request);
    check.equal(c"CancelIrql", DISPATCH_LEVEL, CANCEL_IRQL.load(Relaxed));
    check.equal(c"IRQL afterwards", DISPATCH_LEVEL, KeGetCurrentIrql());
    KeLowerIrql(old);
    IoFreeIrp(request);
}

pub(super) fn the_cancel_routine_finds_itself_taken_out_and_the_irp_marked(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, true) else {
        return;
    };
    IoCancelIrp(request);
    check.equal(c"CancelRoutine", NULL, ROUTINE_LEFT.load(Relaxed));
    check.equal(c"Cancel", TRUE, CANCEL.load(Relaxed));
    IoFreeIrp(request);
}

pub(super) fn the_cancel_routine_gets_the_device_of_the_current_location(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, true) else {
        return;
    };
    IoCancelIrp(request);
    check.equal(c"device", stack.bottom, DEVICE.load(Relaxed));
    IoFreeIrp(request);
}

pub(super) fn a_routine_that_was_taken_back_is_not_called(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, true) else {
        return;
    };
    check.equal(c"routine before", routine(), exchange_cancel_routine(request, NULL));
    check.equal(c"result of IoCancelIrp", FALSE, IoCancelIrp(request));
    check.equal(c"calls", 0, CALLS.load(Relaxed));
    end_held(stack.bottom);
    IoFreeIrp(request);
}

pub(super) fn a_routine_that_is_set_too_late_can_be_taken_back(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, false) else {
        return;
    };
    IoCancelIrp(request);
    exchange_cancel_routine(request, routine());
    check.equal(c"Cancel", TRUE, irp::CANCEL.of(request));
    check.equal(c"routine before", routine(), exchange_cancel_routine(request, NULL));
    check.equal(c"calls", 0, CALLS.load(Relaxed));
    end_held(stack.bottom);
    IoFreeIrp(request);
}

pub(super) fn an_irp_that_is_being_cancelled_has_no_routine_to_take_back(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, true) else {
        return;
    };
    IoCancelIrp(request);
    check.equal(c"routine before", NULL, exchange_cancel_routine(request, NULL));
    IoFreeIrp(request);
}

pub(super) fn the_cancel_spin_lock_raises_to_dispatch_level(check: &mut Check, _stack: Stack) {
    let mut old = DISPATCH_LEVEL;
    IoAcquireCancelSpinLock(&raw mut old);
    check.equal(c"IRQL that is given", PASSIVE_LEVEL, old);
    check.equal(c"IRQL", DISPATCH_LEVEL, KeGetCurrentIrql());
    IoReleaseCancelSpinLock(old);
    check.equal(c"IRQL afterwards", PASSIVE_LEVEL, KeGetCurrentIrql());
}

pub(super) fn an_irp_can_succeed_although_it_is_cancelled(check: &mut Check, stack: Stack) {
    let Some(request) = send_pending(check, stack, false) else {
        return;
    };
    IoCancelIrp(request);
    end_held(stack.bottom);
    check.equal(c"status", STATUS_SUCCESS, irp::STATUS.of(request));
    check.equal(c"Cancel", TRUE, irp::CANCEL.of(request));
    IoFreeIrp(request);
}
