//! Offences that deadlock detection is about, with locks in a block of pool. START_DEVICE itself is passed on; where
//! there is no memory or no thread, that is all.

use core::{ffi::c_void, ptr};

use crate::{
    kernel::{
        EXECUTIVE, Event, ExAcquireFastMutex, ExReleaseFastMutex, ExReleaseFastMutexUnsafe, FALSE, FastMutex,
        KERNEL_MODE, KeAcquireInStackQueuedSpinLock, KeAcquireSpinLockAtDpcLevel, KeAcquireSpinLockRaiseToDpc,
        KeInitializeEvent, KeInitializeMutex, KeLowerIrql, KeRaiseIrqlToDpcLevel, KeReleaseInStackQueuedSpinLock,
        KeReleaseMutex, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, KeSetEvent, KeTryToAcquireSpinLockAtDpcLevel,
        KeWaitForSingleObject, LockQueueHandle, Mutex, NOTIFICATION_EVENT, NtStatus, ObReferenceObjectByHandle,
        ObfDereferenceObject, PASSIVE_LEVEL, PsCreateSystemThread, STATUS_SUCCESS, SYNCHRONIZATION_EVENT, SpinLock,
        ThreadRoutine, ZwClose,
    },
    pool,
    request::Request,
    switch::Conduct,
};

/// What an offence works with: zeroed, so that the spin locks are free and the rest is to be initialised.
#[repr(C)]
struct Locks {
    first: SpinLock,
    second: SpinLock,
    fast: FastMutex,
    mutex: Mutex,
    is_held: Event,
    may_go_on: Event,
    /// Whether a thread that works with the locks does what is wrong.
    offends: u8,
}

/// Works with new locks, where there is memory for them.
fn with_locks(request: Request, work: impl FnOnce(*mut Locks)) -> NtStatus {
    let locks = pool::allocate(size_of::<Locks>()).cast::<Locks>();
    if !locks.is_null() {
        work(locks);
        pool::free(locks.cast());
    }
    request.skip_and_call()
}

/// The address of a lock.
macro_rules! lock {
    ($locks:ident . $field:ident) => {
        // SAFETY: only the address of a field in the block is computed.
        unsafe { &raw mut (*$locks).$field }
    };
}

/// ExInitializeFastMutex, which is inlined into drivers.
fn initialise_fast(mutex: *mut FastMutex) {
    // SAFETY: a mutex in the block, which nobody else knows of yet.
    unsafe { (*mutex).count = 1 };
    // SAFETY: as above.
    let event = unsafe { &mut (*mutex).event };
    KeInitializeEvent(event, SYNCHRONIZATION_EVENT, FALSE);
}

fn wait_for(object: *mut c_void) {
    KeWaitForSingleObject(object.cast(), EXECUTIVE, KERNEL_MODE, FALSE, ptr::null());
}

/// Acquires a spin lock twice, and waits for itself; the twin releases it in between.
pub(super) fn acquire_again(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let lock = lock!(locks.first);
        let old = KeAcquireSpinLockRaiseToDpc(lock);
        if !conduct.offends() {
            KeReleaseSpinLockFromDpcLevel(lock);
        }
        KeAcquireSpinLockAtDpcLevel(lock);
        KeReleaseSpinLock(lock, old);
    })
}

/// Acquires two spin locks in one order and then in the other. The twin does not wait for the last of them: it tries.
pub(super) fn acquire_in_other_order(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let (first, second) = (lock!(locks.first), lock!(locks.second));
        let old = KeAcquireSpinLockRaiseToDpc(first);
        KeAcquireSpinLockAtDpcLevel(second);
        KeReleaseSpinLockFromDpcLevel(second);
        KeReleaseSpinLockFromDpcLevel(first);
        KeAcquireSpinLockAtDpcLevel(second);
        if conduct.offends() {
            KeAcquireSpinLockAtDpcLevel(first);
            KeReleaseSpinLockFromDpcLevel(first);
        } else if KeTryToAcquireSpinLockAtDpcLevel(first) != FALSE {
            KeReleaseSpinLockFromDpcLevel(first);
        }
        KeReleaseSpinLock(second, old);
    })
}

/// Releases the outer of two spin locks first.
pub(super) fn release_out_of_order(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let (first, second) = (lock!(locks.first), lock!(locks.second));
        let old = KeRaiseIrqlToDpcLevel();
        KeAcquireSpinLockAtDpcLevel(first);
        KeAcquireSpinLockAtDpcLevel(second);
        KeReleaseSpinLockFromDpcLevel(conduct.choose(first, second));
        KeReleaseSpinLockFromDpcLevel(conduct.choose(second, first));
        KeLowerIrql(old);
    })
}

/// Acquires a fast mutex that is nothing but zeros.
pub(super) fn acquire_uninitialised(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let mutex = lock!(locks.fast);
        if !conduct.offends() {
            initialise_fast(mutex);
        }
        ExAcquireFastMutex(mutex);
        ExReleaseFastMutex(mutex);
    })
}

/// Releases a fast mutex that nobody has acquired.
pub(super) fn release_unheld(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let mutex = lock!(locks.fast);
        initialise_fast(mutex);
        if !conduct.offends() {
            ExAcquireFastMutex(mutex);
        }
        ExReleaseFastMutex(mutex);
    })
}

/// Releases a fast mutex with the function for those that were acquired without raising the IRQL.
pub(super) fn release_unsafely(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let mutex = lock!(locks.fast);
        initialise_fast(mutex);
        ExAcquireFastMutex(mutex);
        if conduct.offends() {
            ExReleaseFastMutexUnsafe(mutex);
            KeLowerIrql(PASSIVE_LEVEL);
        } else {
            ExReleaseFastMutex(mutex);
        }
    })
}

/// Queues for a spin lock that was acquired without a queue before; the twin for another.
pub(super) fn acquire_as_queued(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let old = KeAcquireSpinLockRaiseToDpc(lock!(locks.first));
        KeReleaseSpinLock(lock!(locks.first), old);
        let mut handle = LockQueueHandle::default();
        let queued = conduct.choose(lock!(locks.first), lock!(locks.second));
        KeAcquireInStackQueuedSpinLock(queued, &mut handle);
        KeReleaseInStackQueuedSpinLock(&mut handle);
    })
}

/// Initialises a mutex that it holds; the twin one that it has released.
pub(super) fn initialise_held(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let mutex = lock!(locks.mutex);
        KeInitializeMutex(mutex, 0);
        wait_for(mutex.cast());
        if conduct.offends() {
            KeInitializeMutex(mutex, 0);
        }
        KeReleaseMutex(mutex, FALSE);
        KeInitializeMutex(mutex, 0);
    })
}

/// Frees a mutex that it holds.
pub(super) fn free_held(request: Request, conduct: Conduct) -> NtStatus {
    with_locks(request, |locks| {
        let mutex = lock!(locks.mutex);
        KeInitializeMutex(mutex, 0);
        wait_for(mutex.cast());
        if !conduct.offends() {
            KeReleaseMutex(mutex, FALSE);
        }
    })
}

/// Releases a fast mutex that a thread has acquired; the twin lets the thread do it.
pub(super) fn release_of_another(request: Request, conduct: Conduct) -> NtStatus {
    extern "system" fn hold(context: *mut c_void) {
        let locks = context.cast::<Locks>();
        ExAcquireFastMutex(lock!(locks.fast));
        KeSetEvent(lock!(locks.is_held), 0, FALSE);
        wait_for(lock!(locks.may_go_on).cast());
        ExReleaseFastMutex(lock!(locks.fast));
    }

    with_locks(request, |locks| {
        initialise_fast(lock!(locks.fast));
        for event in [lock!(locks.is_held), lock!(locks.may_go_on)] {
            // SAFETY: an event in the block, which nobody else knows of yet.
            KeInitializeEvent(unsafe { &mut *event }, NOTIFICATION_EVENT, FALSE);
        }
        while_thread_runs(hold, locks, || {
            wait_for(lock!(locks.is_held).cast());
            if conduct.offends() {
                ExReleaseFastMutex(lock!(locks.fast));
            }
            KeSetEvent(lock!(locks.may_go_on), 0, FALSE);
        });
    })
}

/// Has a thread acquire a mutex and end.
pub(super) fn end_thread_holding(request: Request, conduct: Conduct) -> NtStatus {
    extern "system" fn acquire(context: *mut c_void) {
        let locks = context.cast::<Locks>();
        wait_for(lock!(locks.mutex).cast());
        // SAFETY: a byte of the block, which is there until the thread is over.
        if unsafe { (*locks).offends } == FALSE {
            KeReleaseMutex(lock!(locks.mutex), FALSE);
        }
    }

    with_locks(request, |locks| {
        KeInitializeMutex(lock!(locks.mutex), 0);
        // SAFETY: a byte of the block.
        unsafe { (*locks).offends = u8::from(conduct.offends()) };
        while_thread_runs(acquire, locks, || {});
    })
}

/// Starts a thread with the locks, does something, and waits until the thread is over.
fn while_thread_runs(routine: ThreadRoutine, locks: *mut Locks, work: impl FnOnce()) {
    const THREAD_ALL_ACCESS: u32 = 0x1F_FFFF;

    let mut handle = ptr::null_mut();
    let started = PsCreateSystemThread(
        &mut handle,
        THREAD_ALL_ACCESS,
        ptr::null(),
        ptr::null(),
        ptr::null_mut(),
        routine,
        locks.cast(),
    );
    if started < STATUS_SUCCESS {
        return;
    }
    let mut thread = ptr::null_mut();
    ObReferenceObjectByHandle(
        handle,
        THREAD_ALL_ACCESS,
        ptr::null(),
        KERNEL_MODE,
        &mut thread,
        ptr::null_mut(),
    );
    ZwClose(handle);
    work();
    wait_for(thread);
    ObfDereferenceObject(thread);
}
