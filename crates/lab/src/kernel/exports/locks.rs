//! Locks of threads: mutexes, fast and guarded mutexes, resources, rundown protection; and queued spin locks.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{layout::kevent, sync::deadlock::LockKind},
    rules,
};

/// The most objects that a thread can wait for at once.
const WAIT_OBJECTS_MAX: u32 = 64;

pub(super) const EXPORTS: &[Export] = &[
    export("KeInitializeMutex", |call| {
        call.machine.initialise_mutex(call.pointer(0));
        0
    }),
    export("KeReleaseMutex", |call| {
        call.machine.release_mutex(call.pointer(0)).cast_unsigned() as usize
    }),
    export("KeReadStateMutex", state),
    export("KeReadStateSemaphore", state),
    export("KeReadStateTimer", state),
    export("KeWaitForMutexObject", |call| {
        call.machine.check_wait_mode(call.u8(2), &[call.pointer(0)]);
        let status = call.machine.wait_for_object(call.pointer(0), call.pointer(4));
        status.cast_unsigned() as usize
    }),
    export("KeWaitForMultipleObjects", |call| {
        let count = call.u32(0);
        if count > WAIT_OBJECTS_MAX {
            call.machine.violation(
                &rules::BUG_CHECK,
                &format!(
                    "KeWaitForMultipleObjects with {count} objects, more than the {WAIT_OBJECTS_MAX} that there can be"
                ),
            );
        }
        let objects: Vec<usize> = (0..count as usize)
            .map(|index| guest::read(call.pointer(1).wrapping_add(8 * index)))
            .collect();
        call.machine.check_wait_mode(call.u8(4), &objects);
        let all = call.u32(2) == 0;
        let status = call.machine.wait_for_objects(&objects, all, call.pointer(6));
        status.cast_unsigned() as usize
    }),
    export("ExInitializeFastMutex", initialise_fast),
    export("KeInitializeGuardedMutex", initialise_fast),
    export("ExAcquireFastMutex", |call| {
        acquire(call, LockKind::FastMutex, "ExAcquireFastMutex")
    }),
    export("ExAcquireFastMutexUnsafe", |call| {
        let rule = &rules::UNSAFE_MUTEX_ACQUIRED_WITH_APCS;
        call.machine.check_apcs_disabled(rule, "ExAcquireFastMutexUnsafe");
        acquire(call, LockKind::FastMutexUnsafe, "ExAcquireFastMutexUnsafe")
    }),
    export("KeAcquireGuardedMutex", |call| {
        call.machine.current().regions.enter_guarded();
        acquire(call, LockKind::GuardedMutex, "KeAcquireGuardedMutex")
    }),
    export("KeAcquireGuardedMutexUnsafe", |call| {
        acquire(call, LockKind::GuardedMutexUnsafe, "KeAcquireGuardedMutexUnsafe")
    }),
    export("ExTryToAcquireFastMutex", |call| {
        let machine = call.machine;
        usize::from(machine.try_acquire_fast_mutex(call.pointer(0), LockKind::FastMutex, "ExTryToAcquireFastMutex"))
    }),
    export("KeTryToAcquireGuardedMutex", |call| {
        let machine = call.machine;
        let (mutex, kind) = (call.pointer(0), LockKind::GuardedMutex);
        let acquired = machine.try_acquire_fast_mutex(mutex, kind, "KeTryToAcquireGuardedMutex");
        if acquired {
            machine.current().regions.enter_guarded();
        }
        usize::from(acquired)
    }),
    export("ExReleaseFastMutex", |call| release(call, LockKind::FastMutex)),
    export("ExReleaseFastMutexUnsafe", |call| {
        let rule = &rules::UNSAFE_MUTEX_RELEASED_WITH_APCS;
        call.machine.check_apcs_disabled(rule, "ExReleaseFastMutexUnsafe");
        release(call, LockKind::FastMutexUnsafe)
    }),
    export("KeReleaseGuardedMutex", |call| {
        release(call, LockKind::GuardedMutex);
        call.machine.leave_guarded_region();
        0
    }),
    export("KeReleaseGuardedMutexUnsafe", |call| {
        release(call, LockKind::GuardedMutexUnsafe)
    }),
    export("KeEnterGuardedRegion", |call| {
        call.machine.current().regions.enter_guarded();
        0
    }),
    export("KeLeaveGuardedRegion", |call| {
        call.machine.leave_guarded_region();
        0
    }),
    export("KeAreApcsDisabled", |call| {
        usize::from(call.machine.are_apcs_disabled())
    }),
    export("KeAreAllApcsDisabled", |call| {
        usize::from(call.machine.are_all_apcs_disabled())
    }),
    export("ExInitializeResourceLite", |call| {
        call.machine.initialise_resource(call.pointer(0)).cast_unsigned() as usize
    }),
    export("ExReinitializeResourceLite", |call| {
        call.machine.reinitialise_resource(call.pointer(0)).cast_unsigned() as usize
    }),
    export("ExDeleteResourceLite", |call| {
        call.machine.delete_resource(call.pointer(0));
        0
    }),
    export("ExAcquireResourceExclusiveLite", |call| {
        resource(call, true, "ExAcquireResourceExclusiveLite")
    }),
    export("ExAcquireResourceSharedLite", |call| {
        resource(call, false, "ExAcquireResourceSharedLite")
    }),
    export("ExAcquireSharedStarveExclusive", |call| {
        resource(call, false, "ExAcquireSharedStarveExclusive")
    }),
    export("ExAcquireSharedWaitForExclusive", |call| {
        resource(call, false, "ExAcquireSharedWaitForExclusive")
    }),
    export("ExEnterCriticalRegionAndAcquireResourceExclusive", |call| {
        let call_name = "ExEnterCriticalRegionAndAcquireResourceExclusive";
        call.machine.current().regions.enter_critical();
        call.machine.acquire_resource(call.pointer(0), true, true, call_name);
        current_thread(call)
    }),
    export("ExEnterCriticalRegionAndAcquireResourceShared", |call| {
        let call_name = "ExEnterCriticalRegionAndAcquireResourceShared";
        call.machine.current().regions.enter_critical();
        call.machine.acquire_resource(call.pointer(0), false, true, call_name);
        current_thread(call)
    }),
    export("ExReleaseResourceLite", release_resource),
    export("ExReleaseResourceAndLeaveCriticalRegion", |call| {
        release_resource(call);
        call.machine.leave_critical_region();
        0
    }),
    export("ExReleaseResourceForThreadLite", |call| {
        let machine = call.machine;
        machine.release_resource(call.pointer(0), call.pointer(1), "ExReleaseResourceForThreadLite");
        0
    }),
    export("ExConvertExclusiveToSharedLite", |call| {
        call.machine.share_resource(call.pointer(0));
        0
    }),
    export("ExIsResourceAcquiredExclusiveLite", |call| {
        usize::from(call.machine.holds_resource(call.pointer(0), true) > 0)
    }),
    export("ExIsResourceAcquiredSharedLite", |call| {
        call.machine.holds_resource(call.pointer(0), false)
    }),
    export("ExInitializeRundownProtection", |call| {
        guest::write(call.pointer(0), 0_usize);
        0
    }),
    export("ExReInitializeRundownProtection", |call| {
        guest::write(call.pointer(0), 0_usize);
        0
    }),
    export("ExAcquireRundownProtection", |call| {
        usize::from(call.machine.acquire_rundown(call.pointer(0), 1))
    }),
    export("ExAcquireRundownProtectionEx", |call| {
        usize::from(call.machine.acquire_rundown(call.pointer(0), call.u32(1) as usize))
    }),
    export("ExReleaseRundownProtection", |call| {
        call.machine.release_rundown(call.pointer(0), 1);
        0
    }),
    export("ExReleaseRundownProtectionEx", |call| {
        call.machine.release_rundown(call.pointer(0), call.u32(1) as usize);
        0
    }),
    export("ExWaitForRundownProtectionRelease", |call| {
        call.machine.wait_for_rundown(call.pointer(0));
        0
    }),
    export("ExRundownCompleted", |call| {
        guest::write(call.pointer(0), 1_usize);
        0
    }),
    // KLOCK_QUEUE_HANDLE: the next in the queue, the lock, the IRQL before.
    export("KeAcquireInStackQueuedSpinLock", |call| {
        let handle = call.pointer(1);
        guest::write(handle.wrapping_add(8), call.pointer(0));
        let irql = call
            .machine
            .acquire_spin_lock_raise(call.pointer(0), LockKind::QueuedSpinLock);
        guest::write(handle.wrapping_add(16), irql);
        0
    }),
    export("KeReleaseInStackQueuedSpinLock", |call| {
        let handle = call.pointer(0);
        call.machine.release_spin_lock(
            guest::read(handle.wrapping_add(8)),
            guest::read(handle.wrapping_add(16)),
            LockKind::QueuedSpinLock,
        );
        0
    }),
    export("KeAcquireInStackQueuedSpinLockAtDpcLevel", |call| {
        guest::write(call.pointer(1).wrapping_add(8), call.pointer(0));
        call.machine
            .acquire_spin_lock(call.pointer(0), LockKind::QueuedSpinLock);
        0
    }),
    export("KeReleaseInStackQueuedSpinLockFromDpcLevel", |call| {
        call.machine
            .release_spin_lock_from_dpc(guest::read(call.pointer(0).wrapping_add(8)), LockKind::QueuedSpinLock);
        0
    }),
    export("KeAcquireSpinLockForDpc", |call| {
        usize::from(
            call.machine
                .acquire_spin_lock_raise(call.pointer(0), LockKind::SpinLock),
        )
    }),
    export("KeReleaseSpinLockForDpc", |call| {
        call.machine
            .release_spin_lock(call.pointer(0), call.u8(1), LockKind::SpinLock);
        0
    }),
    export("KeTestSpinLock", |call| {
        usize::from(guest::read::<usize>(call.pointer(0)) == 0)
    }),
];

fn state(call: &Call) -> usize {
    kevent::SIGNAL_STATE.get(call.pointer(0)).cast_unsigned() as usize
}

fn current_thread(call: &Call) -> usize {
    call.machine.processor_data.thread(call.machine.current())
}

fn initialise_fast(call: &Call) -> usize {
    call.machine.initialise_fast_mutex(call.pointer(0));
    0
}

fn acquire(call: &Call, kind: LockKind, name: &str) -> usize {
    call.machine.acquire_fast_mutex(call.pointer(0), kind, name);
    0
}

fn release(call: &Call, kind: LockKind) -> usize {
    call.machine.release_fast_mutex(call.pointer(0), kind);
    0
}

fn resource(call: &Call, exclusive: bool, name: &str) -> usize {
    call.machine
        .check_apcs_disabled(&rules::RESOURCE_ACQUIRED_WITH_APCS, name);
    usize::from(
        call.machine
            .acquire_resource(call.pointer(0), exclusive, call.boolean(1), name),
    )
}

fn release_resource(call: &Call) -> usize {
    let thread = current_thread(call);
    call.machine
        .check_apcs_disabled(&rules::RESOURCE_RELEASED_WITH_APCS, "ExReleaseResourceLite");
    call.machine
        .release_resource(call.pointer(0), thread, "ExReleaseResourceLite");
    0
}
