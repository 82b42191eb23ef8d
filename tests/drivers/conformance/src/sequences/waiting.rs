//! Events, semaphores, and waits for one and for several objects.

use core::{
    ptr,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use crate::{
    check::Check,
    kernel::{
        EXECUTIVE, FALSE, KERNEL_MODE, KeClearEvent, KeInitializeEvent, KeInitializeSemaphore, KeReadStateEvent,
        KeReadStateSemaphore, KeReleaseSemaphore, KeResetEvent, KeSetEvent, KeWaitForMultipleObjects,
        KeWaitForSingleObject, NOTIFICATION, NtStatus, Object, STATUS_SUCCESS, STATUS_TIMEOUT, STATUS_WAIT_1,
        SYNCHRONIZATION, TRUE, WAIT_ALL, WAIT_ANY, Waitable,
    },
    layers::Stack,
    objects::Field,
    threads,
};

/// KUSER_SHARED_DATA, which is at the same address on each machine.
const SHARED_DATA: usize = 0xffff_f780_0000_0000;

/// Ten milliseconds, from now on.
const TEN_MILLISECONDS: i64 = -100_000;

/// Does something with two objects in nonpaged pool.
fn with_objects(check: &mut Check, work: impl FnOnce(&mut Check, [Object; 2])) {
    let each = size_of::<Waitable>();
    if let Some(first) = check.have(c"pool", threads::allocate(each.wrapping_mul(2))) {
        work(check, [first, first.wrapping_byte_add(each)]);
        threads::free(first);
    }
}

/// Waits for both objects, or any of them, without giving up the processor.
fn poll_both(objects: &[Object; 2], kind: i32) -> NtStatus {
    KeWaitForMultipleObjects(
        2,
        objects.as_ptr(),
        kind,
        EXECUTIVE,
        KERNEL_MODE,
        FALSE,
        &raw const threads::ZERO,
        ptr::null_mut(),
    )
}

pub(super) fn setting_and_resetting_an_event_tell_its_state_before(check: &mut Check, _stack: Stack) {
    with_objects(check, |check, [event, _]| {
        KeInitializeEvent(event, NOTIFICATION, FALSE);
        check.equal(c"KeReadStateEvent", 0, KeReadStateEvent(event));
        check.equal(c"KeSetEvent", 0, KeSetEvent(event, 0, FALSE));
        check.equal(c"KeReadStateEvent", 1, KeReadStateEvent(event));
        check.equal(c"KeSetEvent again", 1, KeSetEvent(event, 0, FALSE));
        check.equal(c"KeResetEvent", 1, KeResetEvent(event));
        check.equal(c"KeResetEvent again", 0, KeResetEvent(event));
        KeSetEvent(event, 0, FALSE);
        KeClearEvent(event);
        check.equal(c"KeReadStateEvent after KeClearEvent", 0, KeReadStateEvent(event));
        KeInitializeEvent(event, NOTIFICATION, TRUE);
        check.equal(c"KeReadStateEvent of one initialised so", 1, KeReadStateEvent(event));
    });
}

pub(super) fn a_notification_event_stays_signalled(check: &mut Check, _stack: Stack) {
    with_objects(check, |check, [event, _]| {
        KeInitializeEvent(event, NOTIFICATION, TRUE);
        check.equal(c"wait", STATUS_SUCCESS, threads::poll(event));
        check.equal(c"second wait", STATUS_SUCCESS, threads::poll(event));
        check.equal(c"KeReadStateEvent", 1, KeReadStateEvent(event));
    });
}

pub(super) fn a_synchronization_event_is_reset_by_the_wait(check: &mut Check, _stack: Stack) {
    with_objects(check, |check, [event, _]| {
        KeInitializeEvent(event, SYNCHRONIZATION, TRUE);
        check.equal(c"wait", STATUS_SUCCESS, threads::poll(event));
        check.equal(c"KeReadStateEvent", 0, KeReadStateEvent(event));
        check.equal(c"second wait", STATUS_TIMEOUT, threads::poll(event));
    });
}

/// How many threads have got through.
static THROUGH: AtomicU32 = AtomicU32::new(0);

extern "system" fn wait_and_count(event: Object) {
    threads::wait(event);
    THROUGH.fetch_add(1, Relaxed);
}

/// Has two threads wait for an event, and tells how many got through when it was set once.
fn threads_let_through(check: &mut Check, kind: i32) -> u32 {
    let mut through = 0;
    with_objects(check, |check, [event, _]| {
        THROUGH.store(0, Relaxed);
        KeInitializeEvent(event, kind, FALSE);
        let started = [(); 2].map(|()| threads::start(wait_and_count, event));
        check.holds(c"PsCreateSystemThread", started.iter().all(|thread| !thread.is_null()));
        threads::pause(5);
        check.equal(c"threads before the event was set", 0, THROUGH.load(Relaxed));
        KeSetEvent(event, 0, FALSE);
        threads::pause(5);
        through = THROUGH.load(Relaxed);
        // Whoever still waits is let go.
        KeSetEvent(event, 0, FALSE);
        for thread in started {
            threads::join(thread);
        }
    });
    through
}

pub(super) fn a_synchronization_event_lets_one_thread_through(check: &mut Check, _stack: Stack) {
    let through = threads_let_through(check, SYNCHRONIZATION);
    check.equal(c"threads", 1, through);
}

pub(super) fn a_notification_event_lets_all_threads_through(check: &mut Check, _stack: Stack) {
    let through = threads_let_through(check, NOTIFICATION);
    check.equal(c"threads", 2, through);
}

pub(super) fn a_wait_for_any_tells_which(check: &mut Check, _stack: Stack) {
    with_objects(check, |check, objects| {
        let [first, second] = objects;
        KeInitializeEvent(first, SYNCHRONIZATION, FALSE);
        KeInitializeEvent(second, SYNCHRONIZATION, FALSE);
        check.equal(c"neither", STATUS_TIMEOUT, poll_both(&objects, WAIT_ANY));
        KeSetEvent(second, 0, FALSE);
        check.equal(c"the second", STATUS_WAIT_1, poll_both(&objects, WAIT_ANY));
        check.equal(c"neither any more", STATUS_TIMEOUT, poll_both(&objects, WAIT_ANY));
        KeSetEvent(first, 0, FALSE);
        check.equal(c"the first", STATUS_SUCCESS, poll_both(&objects, WAIT_ANY));
    });
}

pub(super) fn a_wait_for_all_takes_none_until_it_has_all(check: &mut Check, _stack: Stack) {
    with_objects(check, |check, objects| {
        let [first, second] = objects;
        KeInitializeEvent(first, SYNCHRONIZATION, TRUE);
        KeInitializeEvent(second, SYNCHRONIZATION, FALSE);
        check.equal(c"one of both", STATUS_TIMEOUT, poll_both(&objects, WAIT_ALL));
        check.equal(c"state of the first", 1, KeReadStateEvent(first));
        KeSetEvent(second, 0, FALSE);
        check.equal(c"both", STATUS_SUCCESS, poll_both(&objects, WAIT_ALL));
        check.equal(c"state of the first", 0, KeReadStateEvent(first));
        check.equal(c"state of the second", 0, KeReadStateEvent(second));
    });
}

pub(super) fn a_semaphore_counts(check: &mut Check, _stack: Stack) {
    with_objects(check, |check, [semaphore, _]| {
        KeInitializeSemaphore(semaphore, 1, 3);
        check.equal(c"KeReadStateSemaphore", 1, KeReadStateSemaphore(semaphore));
        check.equal(c"KeReleaseSemaphore", 1, KeReleaseSemaphore(semaphore, 0, 2, FALSE));
        check.equal(c"KeReadStateSemaphore", 3, KeReadStateSemaphore(semaphore));
        for left in [2, 1, 0] {
            check.equal(c"wait", STATUS_SUCCESS, threads::poll(semaphore));
            check.equal(c"KeReadStateSemaphore", left, KeReadStateSemaphore(semaphore));
        }
        check.equal(c"wait for none", STATUS_TIMEOUT, threads::poll(semaphore));
        check.equal(c"KeReleaseSemaphore", 0, KeReleaseSemaphore(semaphore, 0, 1, FALSE));
        check.equal(c"wait", STATUS_SUCCESS, threads::poll(semaphore));
    });
}

/// KeQueryInterruptTime: the time that timeouts go by, in units of 100 ns.
fn now() -> u64 {
    const INTERRUPT_TIME: Field<u64> = Field::at(0x8);
    INTERRUPT_TIME.of(ptr::without_provenance_mut(SHARED_DATA))
}

pub(super) fn a_wait_ends_at_its_timeout_and_not_before(check: &mut Check, _stack: Stack) {
    with_objects(check, |check, [event, _]| {
        KeInitializeEvent(event, NOTIFICATION, FALSE);
        let before = now();
        let timeout = TEN_MILLISECONDS;
        let status = KeWaitForSingleObject(event, EXECUTIVE, KERNEL_MODE, FALSE, &raw const timeout);
        check.equal(c"wait", STATUS_TIMEOUT, status);
        check.holds(
            c"time that has passed",
            now().wrapping_sub(before) >= TEN_MILLISECONDS.unsigned_abs(),
        );
    });
}

pub(super) fn a_delay_lasts_as_long_as_was_asked_for(check: &mut Check, _stack: Stack) {
    let before = now();
    check.equal(c"KeDelayExecutionThread", STATUS_SUCCESS, threads::pause(10));
    check.holds(
        c"time that has passed",
        now().wrapping_sub(before) >= TEN_MILLISECONDS.unsigned_abs(),
    );
}
