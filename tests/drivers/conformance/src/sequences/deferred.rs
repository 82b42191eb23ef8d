//! DPCs and timers.

use core::{
    ffi::c_void,
    ptr,
    sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering::Relaxed},
};

use crate::{
    check::Check,
    kernel::{
        DISPATCH_LEVEL, Dpc, KeCancelTimer, KeFlushQueuedDpcs, KeGetCurrentIrql, KeInitializeDpc, KeInitializeTimerEx,
        KeInsertQueueDpc, KeLowerIrql, KeReadStateTimer, KeRemoveQueueDpc, KeSetTimer, KeSetTimerEx, KfRaiseIrql,
        NOTIFICATION, Object, STATUS_SUCCESS, STATUS_TIMEOUT, SYNCHRONIZATION, Waitable,
    },
    layers::Stack,
    objects::{Field, NULL},
    threads,
};

/// What is used, in nonpaged pool.
const TIMER: Field<Waitable> = Field::at(0x00);
const DPC: Field<Dpc> = Field::at(0x40);
const BYTES: usize = 0x80;

/// Due times, in units of 100 ns: so far away that no sequence sees it, and soon.
const FAR: i64 = -36_000_000_000;
const SOON: i64 = -10_000;

/// What the routine has seen.
static CALLS: AtomicU32 = AtomicU32::new(0);
static IRQL: AtomicU8 = AtomicU8::new(0);
static ARGUMENTS: [AtomicPtr<c_void>; 4] = [const { AtomicPtr::new(ptr::null_mut()) }; 4];

extern "system" fn deferred(dpc: Object, context: Object, first: Object, second: Object) {
    for (place, value) in ARGUMENTS.iter().zip([dpc, context, first, second]) {
        place.store(value, Relaxed);
    }
    IRQL.store(KeGetCurrentIrql(), Relaxed);
    CALLS.fetch_add(1, Relaxed);
}

/// Does something with a DPC and a timer. The timer must not be set when it is done.
fn with_objects(check: &mut Check, kind: i32, work: impl FnOnce(&mut Check, Object, Object)) {
    let Some(block) = check.have(c"pool", threads::allocate(BYTES)) else {
        return;
    };
    let (timer, dpc): (Object, Object) = (TIMER.place(block).cast(), DPC.place(block).cast());
    CALLS.store(0, Relaxed);
    KeInitializeTimerEx(timer, kind);
    KeInitializeDpc(dpc, deferred, block);
    work(check, timer, dpc);
    KeFlushQueuedDpcs();
    threads::free(block);
}

pub(super) fn a_dpc_that_is_queued_is_not_queued_again(check: &mut Check, _stack: Stack) {
    with_objects(check, NOTIFICATION, |check, _, dpc| {
        let old = KfRaiseIrql(DISPATCH_LEVEL);
        check.equal(c"KeInsertQueueDpc", 1, KeInsertQueueDpc(dpc, NULL, NULL));
        check.equal(c"KeInsertQueueDpc again", 0, KeInsertQueueDpc(dpc, NULL, NULL));
        check.equal(c"calls at DISPATCH_LEVEL", 0, CALLS.load(Relaxed));
        KeLowerIrql(old);
        KeFlushQueuedDpcs();
        check.equal(c"calls", 1, CALLS.load(Relaxed));
    });
}

pub(super) fn a_dpc_that_has_run_can_be_queued_again(check: &mut Check, _stack: Stack) {
    with_objects(check, NOTIFICATION, |check, _, dpc| {
        for calls in 1..4 {
            check.equal(c"KeInsertQueueDpc", 1, KeInsertQueueDpc(dpc, NULL, NULL));
            KeFlushQueuedDpcs();
            check.equal(c"calls", calls, CALLS.load(Relaxed));
        }
    });
}

pub(super) fn a_dpc_that_is_removed_does_not_run(check: &mut Check, _stack: Stack) {
    with_objects(check, NOTIFICATION, |check, _, dpc| {
        let old = KfRaiseIrql(DISPATCH_LEVEL);
        check.equal(c"KeRemoveQueueDpc of one not queued", 0, KeRemoveQueueDpc(dpc));
        KeInsertQueueDpc(dpc, NULL, NULL);
        check.equal(c"KeRemoveQueueDpc", 1, KeRemoveQueueDpc(dpc));
        check.equal(c"KeRemoveQueueDpc again", 0, KeRemoveQueueDpc(dpc));
        KeLowerIrql(old);
        KeFlushQueuedDpcs();
        check.equal(c"calls", 0, CALLS.load(Relaxed));
    });
}

pub(super) fn a_dpc_runs_at_dispatch_level_with_its_arguments(check: &mut Check, stack: Stack) {
    with_objects(check, NOTIFICATION, |check, timer, dpc| {
        KeInsertQueueDpc(dpc, stack.top, stack.bottom);
        KeFlushQueuedDpcs();
        check.equal(c"IRQL", DISPATCH_LEVEL, IRQL.load(Relaxed));
        // The block begins with the timer.
        for (place, expected) in ARGUMENTS.iter().zip([dpc, timer, stack.top, stack.bottom]) {
            check.equal(c"argument", expected, place.load(Relaxed));
        }
    });
}

pub(super) fn setting_and_cancelling_a_timer_tell_whether_it_was_set(check: &mut Check, _stack: Stack) {
    with_objects(check, NOTIFICATION, |check, timer, dpc| {
        check.equal(c"KeCancelTimer of one not set", 0, KeCancelTimer(timer));
        check.equal(c"KeSetTimer", 0, KeSetTimer(timer, FAR, dpc));
        check.equal(c"KeSetTimer again", 1, KeSetTimer(timer, FAR, dpc));
        check.equal(c"KeCancelTimer", 1, KeCancelTimer(timer));
        check.equal(c"KeCancelTimer again", 0, KeCancelTimer(timer));
        check.equal(c"KeSetTimer after it", 0, KeSetTimer(timer, FAR, dpc));
        check.equal(c"KeCancelTimer", 1, KeCancelTimer(timer));
    });
    check.equal(c"calls", 0, CALLS.load(Relaxed));
}

pub(super) fn a_timer_that_is_due_is_signalled_and_queues_its_dpc_once(check: &mut Check, _stack: Stack) {
    with_objects(check, NOTIFICATION, |check, timer, dpc| {
        KeSetTimer(timer, SOON, dpc);
        check.equal(c"KeReadStateTimer", 0, KeReadStateTimer(timer));
        check.equal(c"wait", STATUS_SUCCESS, threads::wait(timer));
        check.equal(c"KeReadStateTimer", 1, KeReadStateTimer(timer));
        threads::pause(2);
        KeFlushQueuedDpcs();
        check.equal(c"calls", 1, CALLS.load(Relaxed));
        check.equal(c"KeCancelTimer", 0, KeCancelTimer(timer));
    });
}

pub(super) fn a_timer_that_is_set_again_is_due_at_the_new_time(check: &mut Check, _stack: Stack) {
    with_objects(check, NOTIFICATION, |check, timer, dpc| {
        KeSetTimer(timer, SOON, dpc);
        KeSetTimer(timer, FAR, dpc);
        threads::pause(5);
        check.equal(c"KeReadStateTimer", 0, KeReadStateTimer(timer));
        check.equal(c"KeSetTimer", 1, KeSetTimer(timer, SOON, NULL));
        check.equal(c"wait", STATUS_SUCCESS, threads::wait(timer));
    });
    check.equal(c"calls", 0, CALLS.load(Relaxed));
}

pub(super) fn a_notification_timer_stays_signalled_until_it_is_set(check: &mut Check, _stack: Stack) {
    with_objects(check, NOTIFICATION, |check, timer, _| {
        KeSetTimer(timer, SOON, NULL);
        threads::wait(timer);
        check.equal(c"second wait", STATUS_SUCCESS, threads::poll(timer));
        KeSetTimer(timer, FAR, NULL);
        check.equal(c"wait for one that was set", STATUS_TIMEOUT, threads::poll(timer));
        KeCancelTimer(timer);
    });
}

pub(super) fn a_synchronization_timer_ends_one_wait(check: &mut Check, _stack: Stack) {
    with_objects(check, SYNCHRONIZATION, |check, timer, _| {
        KeSetTimer(timer, SOON, NULL);
        check.equal(c"wait", STATUS_SUCCESS, threads::wait(timer));
        check.equal(c"second wait", STATUS_TIMEOUT, threads::poll(timer));
    });
}

pub(super) fn a_periodic_timer_is_due_until_it_is_cancelled(check: &mut Check, _stack: Stack) {
    with_objects(check, SYNCHRONIZATION, |check, timer, dpc| {
        KeSetTimerEx(timer, SOON, 1, dpc);
        for _ in 0..3 {
            check.equal(c"wait", STATUS_SUCCESS, threads::wait(timer));
        }
        check.equal(c"KeCancelTimer", 1, KeCancelTimer(timer));
        KeFlushQueuedDpcs();
        check.holds(c"a call each time", CALLS.load(Relaxed) >= 3);
    });
}
