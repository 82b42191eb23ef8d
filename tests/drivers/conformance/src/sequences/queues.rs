//! Cancel-safe queues.

use core::{
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed},
};

use super::completing::expect_order;
use crate::{
    check::Check,
    journal::{self, SENDER},
    kernel::{
        Csq, CsqContext, Device, IoCancelIrp, IoCsqInitialize, IoCsqInitializeEx, IoCsqInsertIrp, IoCsqInsertIrpEx,
        IoCsqRemoveIrp, IoCsqRemoveNextIrp, IoFreeIrp, IofCompleteRequest, Irp, Irql, KeAcquireSpinLockRaiseToDpc,
        KeReleaseSpinLock, NO_INCREMENT, NtStatus, Object, STATUS_CANCELLED, STATUS_DEVICE_NOT_READY, STATUS_PENDING,
        STATUS_SUCCESS, SpinLock,
    },
    layers::{Stack, complete, layer},
    objects::{Field, NULL, current_location, extension, irp, location},
    requests::{allocate, send},
    threads,
};

/// The queue with what its callbacks work on, in nonpaged pool, whose address is that of the queue itself.
mod queue {
    use super::{Csq, CsqContext, Field, Irp, SpinLock};

    pub(super) const CSQ: Field<Csq> = Field::at(0x00);
    pub(super) const LOCK: Field<SpinLock> = Field::at(0x40);
    /// Two contexts, one for each IRP.
    pub(super) const CONTEXTS: Field<[CsqContext; 2]> = Field::at(0x50);
    /// The IRPs, in the order in which they were inserted; a place that is empty is null.
    pub(super) const IRPS: Field<[Irp; 2]> = Field::at(0x90);
    pub(super) const BYTES: usize = 0xa0;
}

/// The queue of the sequence that runs, and what its callbacks have seen.
static QUEUE: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static INSERT_CONTEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static PEEK_CONTEXT: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
static LOCKED: AtomicBool = AtomicBool::new(false);
static CALLED_UNLOCKED: AtomicU32 = AtomicU32::new(0);
static CANCELLED: AtomicU32 = AtomicU32::new(0);
static REFUSES: AtomicBool = AtomicBool::new(false);

fn note_lock() {
    if !LOCKED.load(Relaxed) {
        CALLED_UNLOCKED.fetch_add(1, Relaxed);
    }
}

extern "system" fn insert(csq: Object, request: Irp) {
    note_lock();
    let mut irps = queue::IRPS.of(csq);
    if let Some(place) = irps.iter_mut().find(|place| place.is_null()) {
        *place = request;
    }
    queue::IRPS.set(csq, irps);
}

extern "system" fn insert_unless_refused(csq: Object, request: Irp, context: Object) -> NtStatus {
    INSERT_CONTEXT.store(context, Relaxed);
    if REFUSES.load(Relaxed) {
        return STATUS_DEVICE_NOT_READY;
    }
    insert(csq, request);
    STATUS_SUCCESS
}

extern "system" fn remove(csq: Object, request: Irp) {
    note_lock();
    let mut irps = queue::IRPS.of(csq);
    for place in &mut irps {
        if *place == request {
            *place = NULL;
        }
    }
    queue::IRPS.set(csq, irps);
}

extern "system" fn peek_next(csq: Object, after: Irp, context: Object) -> Irp {
    note_lock();
    PEEK_CONTEXT.store(context, Relaxed);
    let irps = queue::IRPS.of(csq);
    let mut rest = irps.iter().copied();
    if !after.is_null() {
        rest.find(|&request| request == after);
    }
    rest.find(|request| !request.is_null()).unwrap_or(NULL)
}

extern "system" fn acquire_lock(csq: Object, irql: *mut Irql) {
    let old = KeAcquireSpinLockRaiseToDpc(queue::LOCK.place(csq));
    LOCKED.store(true, Relaxed);
    Field::at(0).set(irql.cast(), old);
}

extern "system" fn release_lock(csq: Object, irql: Irql) {
    LOCKED.store(false, Relaxed);
    KeReleaseSpinLock(queue::LOCK.place(csq), irql);
}

extern "system" fn complete_cancelled(_csq: Object, request: Irp) {
    CANCELLED.fetch_add(1, Relaxed);
    end(request, STATUS_CANCELLED);
}

fn end(request: Irp, status: NtStatus) {
    irp::STATUS.set(request, status);
    irp::INFORMATION.set(request, 0);
    IofCompleteRequest(request, NO_INCREMENT);
}

/// The bottom's behaviour: inserts the IRP with the context of its place.
fn enqueue(device: Device, request: Irp) -> NtStatus {
    let csq = QUEUE.load(Relaxed);
    let number = usize::from(layer::ARRIVALS.of(extension(device)) != 1);
    IoCsqInsertIrp(csq, request, context(csq, number));
    STATUS_PENDING
}

/// The same without a context.
fn enqueue_without_context(_device: Device, request: Irp) -> NtStatus {
    IoCsqInsertIrp(QUEUE.load(Relaxed), request, NULL);
    STATUS_PENDING
}

/// Inserts the IRP, or completes it where the queue does not take it.
fn enqueue_or_refuse(device: Device, request: Irp) -> NtStatus {
    let status = IoCsqInsertIrpEx(QUEUE.load(Relaxed), request, NULL, device);
    if status < STATUS_SUCCESS {
        end(request, status);
        return status;
    }
    STATUS_PENDING
}

fn context(csq: Object, number: usize) -> Object {
    let first: Object = queue::CONTEXTS.place(csq).cast();
    first.wrapping_byte_add(number.wrapping_mul(size_of::<CsqContext>()))
}

/// Makes a queue, has `work` done with it and two IRPs that the bottom puts into it, and frees them all. The work has to
/// end what is in the queue.
fn with_queue(check: &mut Check, stack: Stack, extended: bool, work: impl FnOnce(&mut Check, Object, [Irp; 2])) {
    let Some(block) = check.have(c"pool", threads::allocate(queue::BYTES)) else {
        return;
    };
    let csq = queue::CSQ.place(block).cast();
    let status = if extended {
        IoCsqInitializeEx(
            csq,
            insert_unless_refused,
            remove,
            peek_next,
            acquire_lock,
            release_lock,
            complete_cancelled,
        )
    } else {
        IoCsqInitialize(
            csq,
            insert,
            remove,
            peek_next,
            acquire_lock,
            release_lock,
            complete_cancelled,
        )
    };
    check.equal(c"result of IoCsqInitialize", STATUS_SUCCESS, status);
    QUEUE.store(csq, Relaxed);
    CALLED_UNLOCKED.store(0, Relaxed);
    CANCELLED.store(0, Relaxed);
    REFUSES.store(false, Relaxed);
    layer::BEHAVIOUR.set(
        extension(stack.bottom),
        if extended { enqueue_or_refuse } else { enqueue },
    );
    if let Some(first) = allocate(check, stack.bottom) {
        if let Some(second) = allocate(check, stack.bottom) {
            work(check, csq, [first, second]);
            IoFreeIrp(second);
        }
        IoFreeIrp(first);
    }
    threads::free(block);
}

/// Ends what is in the queue.
fn drain(csq: Object) {
    loop {
        let request = IoCsqRemoveNextIrp(csq, NULL);
        if request.is_null() {
            return;
        }
        end(request, STATUS_SUCCESS);
    }
}

pub(super) fn an_irp_in_a_queue_is_pending_and_can_be_cancelled(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [request, _]| {
        send(stack.bottom, request);
        let control = location::CONTROL.of(current_location(request));
        check.equal(
            c"mark",
            location::PENDING_RETURNED,
            control & location::PENDING_RETURNED,
        );
        check.holds(c"cancel routine", !irp::CANCEL_ROUTINE.of(request).is_null());
        drain(csq);
    });
}

pub(super) fn irps_are_removed_in_the_order_of_the_peek_callback(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [first, second]| {
        send(stack.bottom, first);
        send(stack.bottom, second);
        for expected in [first, second] {
            let request = IoCsqRemoveNextIrp(csq, NULL);
            check.equal(c"IRP", expected, request);
            check.equal(c"CancelRoutine", NULL, irp::CANCEL_ROUTINE.of(expected));
            if !request.is_null() {
                end(request, STATUS_SUCCESS);
            }
        }
        check.equal(c"IRP of an empty queue", NULL, IoCsqRemoveNextIrp(csq, NULL));
    });
}

pub(super) fn an_irp_is_removed_by_its_context_once(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [first, second]| {
        send(stack.bottom, first);
        send(stack.bottom, second);
        let removed = IoCsqRemoveIrp(csq, context(csq, 1));
        check.equal(c"IRP", second, removed);
        if !removed.is_null() {
            end(removed, STATUS_SUCCESS);
        }
        check.equal(c"IRP of the second call", NULL, IoCsqRemoveIrp(csq, context(csq, 1)));
        check.equal(c"IRP that is left", first, IoCsqRemoveNextIrp(csq, NULL));
        end(first, STATUS_SUCCESS);
    });
}

pub(super) fn a_cancelled_irp_is_removed_and_handed_to_the_callback(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [first, second]| {
        send(stack.bottom, first);
        send(stack.bottom, second);
        check.equal(c"result of IoCancelIrp", 1, IoCancelIrp(first));
        check.equal(c"calls of CsqCompleteCanceledIrp", 1, CANCELLED.load(Relaxed));
        check.equal(c"status", STATUS_CANCELLED, irp::STATUS.of(first));
        expect_order(check, &[SENDER]);
        check.equal(c"IRP of its context", NULL, IoCsqRemoveIrp(csq, context(csq, 0)));
        check.equal(c"IRP that is left", second, IoCsqRemoveNextIrp(csq, NULL));
        end(second, STATUS_SUCCESS);
    });
}

pub(super) fn an_irp_without_a_context_is_cancelled_too(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [request, _]| {
        layer::BEHAVIOUR.set(extension(stack.bottom), enqueue_without_context);
        send(stack.bottom, request);
        check.equal(c"result of IoCancelIrp", 1, IoCancelIrp(request));
        check.equal(c"calls of CsqCompleteCanceledIrp", 1, CANCELLED.load(Relaxed));
        check.equal(c"IRP of an empty queue", NULL, IoCsqRemoveNextIrp(csq, NULL));
    });
}

pub(super) fn an_irp_that_was_cancelled_before_does_not_stay_in_the_queue(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [request, _]| {
        IoCancelIrp(request);
        check.equal(c"result of IoCallDriver", STATUS_PENDING, send(stack.bottom, request));
        check.equal(c"calls of CsqCompleteCanceledIrp", 1, CANCELLED.load(Relaxed));
        check.equal(c"IRP of an empty queue", NULL, IoCsqRemoveNextIrp(csq, NULL));
        drain(csq);
    });
}

pub(super) fn the_peek_context_is_passed_to_the_callback(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [request, _]| {
        send(stack.bottom, request);
        let removed = IoCsqRemoveNextIrp(csq, stack.top);
        check.equal(c"context", stack.top, PEEK_CONTEXT.load(Relaxed));
        check.equal(c"IRP", request, removed);
        end(request, STATUS_SUCCESS);
    });
}

pub(super) fn the_queue_is_locked_around_its_callbacks(check: &mut Check, stack: Stack) {
    with_queue(check, stack, false, |check, csq, [first, second]| {
        send(stack.bottom, first);
        send(stack.bottom, second);
        IoCancelIrp(first);
        drain(csq);
        check.equal(c"calls without the lock", 0, CALLED_UNLOCKED.load(Relaxed));
        check.holds(c"lock given back", !LOCKED.load(Relaxed));
    });
}

pub(super) fn a_queue_that_can_refuse_gets_the_insert_context(check: &mut Check, stack: Stack) {
    with_queue(check, stack, true, |check, csq, [request, _]| {
        check.equal(c"result of IoCallDriver", STATUS_PENDING, send(stack.bottom, request));
        check.equal(c"context", stack.bottom, INSERT_CONTEXT.load(Relaxed));
        drain(csq);
    });
}

pub(super) fn an_irp_that_is_refused_is_not_pending(check: &mut Check, stack: Stack) {
    with_queue(check, stack, true, |check, csq, [request, _]| {
        REFUSES.store(true, Relaxed);
        let status = send(stack.bottom, request);
        check.equal(c"result of IoCallDriver", STATUS_DEVICE_NOT_READY, status);
        check.equal(c"PendingReturned", 0, journal::seen(0).pending_returned);
        check.equal(c"IRP of an empty queue", NULL, IoCsqRemoveNextIrp(csq, NULL));
    });
    layer::BEHAVIOUR.set(extension(stack.bottom), complete);
}
