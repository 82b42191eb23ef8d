//! Work items and system threads.

use core::{
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering::Relaxed},
};

use crate::{
    check::Check,
    kernel::{
        DELAYED_WORK_QUEUE, FALSE, IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem, IoQueueWorkItemEx,
        KeGetCurrentIrql, KeInitializeEvent, KeSetEvent, NOTIFICATION, Object, PASSIVE_LEVEL, STATUS_SUCCESS, Waitable,
    },
    layers::Stack,
    threads,
};

/// What the routines have seen.
static CALLS: AtomicU32 = AtomicU32::new(0);
static IRQL: AtomicU8 = AtomicU8::new(0);
static ARGUMENTS: [AtomicPtr<c_void>; 3] = [const { AtomicPtr::new(ptr::null_mut()) }; 3];

fn note(arguments: [Object; 3]) {
    for (place, value) in ARGUMENTS.iter().zip(arguments) {
        place.store(value, Relaxed);
    }
    IRQL.store(KeGetCurrentIrql(), Relaxed);
    CALLS.fetch_add(1, Relaxed);
}

extern "system" fn work(device: Object, event: Object) {
    note([device, event, ptr::null_mut()]);
    KeSetEvent(event, 0, FALSE);
}

extern "system" fn work_ex(device: Object, event: Object, item: Object) {
    note([device, event, item]);
    KeSetEvent(event, 0, FALSE);
}

/// Queues a work item with an event for its context, waits until that is set, and has `look` see what there is.
fn queue(check: &mut Check, stack: Stack, extended: bool, look: impl FnOnce(&mut Check, [Object; 3])) {
    let Some(event) = check.have(c"pool", threads::allocate(size_of::<Waitable>())) else {
        return;
    };
    CALLS.store(0, Relaxed);
    KeInitializeEvent(event, NOTIFICATION, FALSE);
    if let Some(item) = check.have(c"IoAllocateWorkItem", IoAllocateWorkItem(stack.bottom)) {
        if extended {
            IoQueueWorkItemEx(item, work_ex, DELAYED_WORK_QUEUE, event);
        } else {
            IoQueueWorkItem(item, work, DELAYED_WORK_QUEUE, event);
        }
        check.equal(c"wait", STATUS_SUCCESS, threads::wait(event));
        look(check, [stack.bottom, event, item]);
        IoFreeWorkItem(item);
    }
    threads::free(event);
}

pub(super) fn a_work_item_runs_once_at_passive_level(check: &mut Check, stack: Stack) {
    queue(check, stack, false, |check, _| {
        threads::pause(1);
        check.equal(c"calls", 1, CALLS.load(Relaxed));
        check.equal(c"IRQL", PASSIVE_LEVEL, IRQL.load(Relaxed));
    });
}

pub(super) fn a_work_item_gets_its_device_and_context(check: &mut Check, stack: Stack) {
    queue(check, stack, false, |check, expected| {
        for (place, value) in ARGUMENTS.iter().zip(expected).take(2) {
            check.equal(c"argument", value, place.load(Relaxed));
        }
    });
}

pub(super) fn an_extended_work_item_gets_itself_too(check: &mut Check, stack: Stack) {
    queue(check, stack, true, |check, expected| {
        for (place, value) in ARGUMENTS.iter().zip(expected) {
            check.equal(c"argument", value, place.load(Relaxed));
        }
    });
}

extern "system" fn run(context: Object) {
    note([context, ptr::null_mut(), ptr::null_mut()]);
}

pub(super) fn a_system_thread_runs_at_passive_level_and_is_signalled_at_its_end(check: &mut Check, stack: Stack) {
    CALLS.store(0, Relaxed);
    let thread = threads::start(run, stack.top);
    if check.have(c"PsCreateSystemThread", thread).is_none() {
        return;
    }
    check.equal(c"wait", STATUS_SUCCESS, threads::join(thread));
    check.equal(c"calls", 1, CALLS.load(Relaxed));
    check.equal(c"IRQL", PASSIVE_LEVEL, IRQL.load(Relaxed));
    for (place, expected) in ARGUMENTS.iter().zip([stack.top]) {
        check.equal(c"context", expected, place.load(Relaxed));
    }
}
