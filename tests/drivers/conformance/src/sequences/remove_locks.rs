//! Remove locks.

use core::{
    ptr,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use crate::{
    check::Check,
    kernel::{
        IoAcquireRemoveLockEx, IoDeleteDevice, IoInitializeRemoveLockEx, IoReleaseRemoveLockAndWaitEx,
        IoReleaseRemoveLockEx, NtStatus, Object, REMOVE_LOCK_BYTES, STATUS_DELETE_PENDING, STATUS_SUCCESS,
    },
    layers::{Stack, make_device},
    objects::extension,
    threads::{self, TAG},
};

/// Does something with the remove lock of a device that is about to go. The lock has to be removed by it.
fn with_lock(check: &mut Check, stack: Stack, work: impl FnOnce(&mut Check, Object)) {
    let Some(device) = make_device(stack.driver, REMOVE_LOCK_BYTES) else {
        check.missing(c"IoCreateDevice");
        return;
    };
    let lock = extension(device);
    IoInitializeRemoveLockEx(lock, TAG, 0, 0, REMOVE_LOCK_BYTES);
    work(check, lock);
    IoDeleteDevice(device);
}

fn acquire(lock: Object, tag: Object) -> NtStatus {
    IoAcquireRemoveLockEx(lock, tag, ptr::null(), 0, REMOVE_LOCK_BYTES)
}

fn release(lock: Object, tag: Object) {
    IoReleaseRemoveLockEx(lock, tag, REMOVE_LOCK_BYTES);
}

fn release_and_wait(lock: Object, tag: Object) {
    IoReleaseRemoveLockAndWaitEx(lock, tag, REMOVE_LOCK_BYTES);
}

pub(super) fn a_remove_lock_is_acquired_as_often_as_it_takes(check: &mut Check, stack: Stack) {
    with_lock(check, stack, |check, lock| {
        for tag in [stack.top, stack.middle, stack.top] {
            check.equal(c"IoAcquireRemoveLock", STATUS_SUCCESS, acquire(lock, tag));
        }
        for tag in [stack.top, stack.top, stack.middle] {
            release(lock, tag);
        }
        check.equal(c"IoAcquireRemoveLock", STATUS_SUCCESS, acquire(lock, stack.top));
        release_and_wait(lock, stack.top);
    });
}

pub(super) fn a_removed_lock_is_not_acquired_any_more(check: &mut Check, stack: Stack) {
    with_lock(check, stack, |check, lock| {
        check.equal(c"IoAcquireRemoveLock", STATUS_SUCCESS, acquire(lock, stack.top));
        release_and_wait(lock, stack.top);
        check.equal(c"IoAcquireRemoveLock", STATUS_DELETE_PENDING, acquire(lock, stack.top));
        check.equal(
            c"IoAcquireRemoveLock",
            STATUS_DELETE_PENDING,
            acquire(lock, stack.middle),
        );
    });
}

/// How often the lock was released.
static RELEASES: AtomicU32 = AtomicU32::new(0);

/// A system thread that releases what was acquired under the lock's own address, by and by.
extern "system" fn release_later(lock: Object) {
    for _ in 0..2 {
        threads::pause(1);
        RELEASES.fetch_add(1, Relaxed);
        release(lock, lock);
    }
}

pub(super) fn removal_waits_for_each_acquisition(check: &mut Check, stack: Stack) {
    with_lock(check, stack, |check, lock| {
        RELEASES.store(0, Relaxed);
        for tag in [stack.top, lock, lock] {
            check.equal(c"IoAcquireRemoveLock", STATUS_SUCCESS, acquire(lock, tag));
        }
        let thread = threads::start(release_later, lock);
        if thread.is_null() {
            check.missing(c"PsCreateSystemThread");
            release_later(lock);
        }
        release_and_wait(lock, stack.top);
        check.equal(c"releases before removal went on", 2, RELEASES.load(Relaxed));
        threads::join(thread);
    });
}
