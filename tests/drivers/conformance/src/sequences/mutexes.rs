//! Mutexes of the kernel, and fast mutexes.

use core::sync::atomic::{AtomicI32, AtomicU8, Ordering::Relaxed};

use crate::{
    check::Check,
    kernel::{
        APC_LEVEL, ExAcquireFastMutex, ExReleaseFastMutex, ExTryToAcquireFastMutex, FALSE, FastMutex, KeGetCurrentIrql,
        KeInitializeEvent, KeInitializeMutex, KeReadStateMutex, KeReleaseMutex, Object, PASSIVE_LEVEL, STATUS_SUCCESS,
        STATUS_TIMEOUT, SYNCHRONIZATION, Waitable,
    },
    layers::Stack,
    objects::Field,
    threads,
};

/// What another thread found.
static FOUND: AtomicI32 = AtomicI32::new(0);
static TRIED: AtomicU8 = AtomicU8::new(0);

fn with_object(check: &mut Check, bytes: usize, work: impl FnOnce(&mut Check, Object)) {
    if let Some(block) = check.have(c"pool", threads::allocate(bytes)) {
        work(check, block);
        threads::free(block);
    }
}

pub(super) fn a_mutex_is_owned_until_it_is_released_as_often_as_acquired(check: &mut Check, _stack: Stack) {
    with_object(check, size_of::<Waitable>(), |check, mutex| {
        KeInitializeMutex(mutex, 0);
        check.equal(c"KeReadStateMutex", 1, KeReadStateMutex(mutex));
        check.equal(c"wait", STATUS_SUCCESS, threads::wait(mutex));
        check.equal(c"KeReadStateMutex", 0, KeReadStateMutex(mutex));
        check.equal(c"second wait", STATUS_SUCCESS, threads::wait(mutex));
        check.holds(
            c"KeReleaseMutex tells that it is still owned",
            KeReleaseMutex(mutex, FALSE) != 0,
        );
        check.equal(c"KeReleaseMutex", 0, KeReleaseMutex(mutex, FALSE));
        check.equal(c"KeReadStateMutex", 1, KeReadStateMutex(mutex));
    });
}

extern "system" fn poll_mutex(mutex: Object) {
    let status = threads::poll(mutex);
    FOUND.store(status, Relaxed);
    if status == STATUS_SUCCESS {
        KeReleaseMutex(mutex, FALSE);
    }
}

pub(super) fn a_mutex_that_is_owned_is_not_had_by_another_thread(check: &mut Check, _stack: Stack) {
    with_object(check, size_of::<Waitable>(), |check, mutex| {
        KeInitializeMutex(mutex, 0);
        threads::wait(mutex);
        let thread = threads::start(poll_mutex, mutex);
        check.holds(c"PsCreateSystemThread", !thread.is_null());
        threads::join(thread);
        check.equal(c"wait by another thread", STATUS_TIMEOUT, FOUND.load(Relaxed));
        KeReleaseMutex(mutex, FALSE);
        threads::join(threads::start(poll_mutex, mutex));
        check.equal(
            c"wait by another thread after the release",
            STATUS_SUCCESS,
            FOUND.load(Relaxed),
        );
    });
}

/// FAST_MUTEX as ExInitializeFastMutex, which is inlined, makes it.
fn initialise_fast(mutex: Object) {
    const COUNT: Field<i32> = Field::at(0x00);
    const EVENT: Field<[u64; 3]> = Field::at(0x18);
    COUNT.set(mutex, 1);
    KeInitializeEvent(EVENT.place(mutex).cast(), SYNCHRONIZATION, FALSE);
}

pub(super) fn a_fast_mutex_raises_to_apc_level(check: &mut Check, _stack: Stack) {
    with_object(check, size_of::<FastMutex>(), |check, mutex| {
        initialise_fast(mutex);
        ExAcquireFastMutex(mutex);
        check.equal(c"IRQL", APC_LEVEL, KeGetCurrentIrql());
        ExReleaseFastMutex(mutex);
        check.equal(c"IRQL afterwards", PASSIVE_LEVEL, KeGetCurrentIrql());
    });
}

extern "system" fn try_fast(mutex: Object) {
    let got = ExTryToAcquireFastMutex(mutex);
    TRIED.store(got, Relaxed);
    if got != FALSE {
        ExReleaseFastMutex(mutex);
    }
}

pub(super) fn trying_for_a_fast_mutex_tells_whether_it_was_free(check: &mut Check, _stack: Stack) {
    with_object(check, size_of::<FastMutex>(), |check, mutex| {
        initialise_fast(mutex);
        try_fast(mutex);
        check.equal(c"of one that is free", 1, TRIED.load(Relaxed));
        check.equal(c"IRQL afterwards", PASSIVE_LEVEL, KeGetCurrentIrql());
        let thread = threads::start(hold_fast, mutex);
        check.holds(c"PsCreateSystemThread", !thread.is_null());
        // The other holds it for longer than this.
        threads::pause(2);
        try_fast(mutex);
        check.equal(c"of one that another holds", 0, TRIED.load(Relaxed));
        check.equal(c"IRQL afterwards", PASSIVE_LEVEL, KeGetCurrentIrql());
        threads::join(thread);
    });
}

extern "system" fn hold_fast(mutex: Object) {
    ExAcquireFastMutex(mutex);
    threads::pause(50);
    ExReleaseFastMutex(mutex);
}
