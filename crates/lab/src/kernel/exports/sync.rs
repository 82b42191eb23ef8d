//! IRQL, spin locks, dispatcher objects, DPCs.

use super::{Call, Export, export};
use crate::{
    guest,
    kernel::{
        scheduler::DISPATCH_LEVEL,
        sync::{deadlock::LockKind, dispatcher::kind},
    },
};

pub(super) const EXPORTS: &[Export] = &[
    export("KeGetCurrentIrql", |call| usize::from(call.machine.irql())),
    export("KfRaiseIrql", |call| usize::from(call.machine.raise_irql(call.u8(0)))),
    export("KeRaiseIrqlToDpcLevel", |call| {
        usize::from(call.machine.raise_irql(DISPATCH_LEVEL))
    }),
    export("KeLowerIrql", lower_irql),
    export("KfLowerIrql", lower_irql),
    export("KeInitializeSpinLock", |call| {
        call.machine.lock_initialised(call.pointer(0));
        guest::write(call.pointer(0), 0_usize);
        0
    }),
    export("KeAcquireSpinLockRaiseToDpc", acquire_spin_lock),
    export("KfAcquireSpinLock", acquire_spin_lock),
    export("KeReleaseSpinLock", release_spin_lock),
    export("KfReleaseSpinLock", release_spin_lock),
    export("KeAcquireSpinLockAtDpcLevel", |call| {
        call.machine.acquire_spin_lock(call.pointer(0), LockKind::SpinLock);
        0
    }),
    export("KeReleaseSpinLockFromDpcLevel", |call| {
        call.machine
            .release_spin_lock_from_dpc(call.pointer(0), LockKind::SpinLock);
        0
    }),
    export("KeTryToAcquireSpinLockAtDpcLevel", |call| {
        usize::from(call.machine.try_acquire_spin_lock(call.pointer(0)))
    }),
    export("KeInitializeEvent", |call| {
        let kind = if call.u32(1) == 0 {
            kind::NOTIFICATION_EVENT
        } else {
            kind::SYNCHRONIZATION_EVENT
        };
        call.machine
            .initialise_object(call.pointer(0), kind, i32::from(call.boolean(2)));
        0
    }),
    export("KeSetEvent", |call| {
        call.machine.check_event_to_set(call.pointer(0));
        call.machine.signal(call.pointer(0), 1).cast_unsigned() as usize
    }),
    export("KeClearEvent", |call| {
        call.machine.signal(call.pointer(0), 0);
        0
    }),
    export("KeResetEvent", |call| {
        call.machine.signal(call.pointer(0), 0).cast_unsigned() as usize
    }),
    export("KeReadStateEvent", |call| {
        guest::read::<i32>(call.pointer(0).wrapping_add(4)).cast_unsigned() as usize
    }),
    export("KeInitializeSemaphore", |call| {
        call.machine
            .initialise_object(call.pointer(0), kind::SEMAPHORE, call.u32(1).cast_signed());
        0
    }),
    export("KeReleaseSemaphore", |call| {
        let old = guest::read::<i32>(call.pointer(0).wrapping_add(4));
        call.machine
            .signal(call.pointer(0), old.saturating_add(call.u32(2).cast_signed()));
        old.cast_unsigned() as usize
    }),
    export("KeWaitForSingleObject", |call| {
        call.machine.check_wait_mode(call.u8(2), &[call.pointer(0)]);
        let status = call.machine.wait_for_object(call.pointer(0), call.pointer(4));
        status.cast_unsigned() as usize
    }),
    export("KeDelayExecutionThread", |call| {
        call.machine.delay(call.pointer(2));
        0
    }),
    export("KeInitializeDpc", |call| {
        call.machine
            .initialise_dpc(call.pointer(0), call.pointer(1), call.pointer(2));
        0
    }),
    export("KeInitializeThreadedDpc", |call| {
        call.machine
            .initialise_dpc(call.pointer(0), call.pointer(1), call.pointer(2));
        0
    }),
    export("KeInsertQueueDpc", |call| {
        let processor = call.machine.current().processor.get();
        let arguments = [call.pointer(1), call.pointer(2)];
        usize::from(call.machine.insert_queue_dpc(call.pointer(0), arguments, processor))
    }),
    export("KeRemoveQueueDpc", |call| {
        usize::from(call.machine.remove_queue_dpc(call.pointer(0)))
    }),
    export("KeFlushQueuedDpcs", |call| {
        call.machine.flush_dpcs();
        0
    }),
    export("KeSetTargetProcessorDpc", |_| 0),
    export("KeSetImportanceDpc", |_| 0),
    export("KeInitializeTimer", |call| {
        call.machine.initialise_timer(call.pointer(0), false);
        0
    }),
    export("KeInitializeTimerEx", |call| {
        call.machine.initialise_timer(call.pointer(0), call.u32(1) != 0);
        0
    }),
    export("KeSetTimer", |call| {
        usize::from(call.machine.set_timer(call.pointer(0), call.i64(1), 0, call.pointer(2)))
    }),
    export("KeSetTimerEx", |call| {
        usize::from(
            call.machine
                .set_timer(call.pointer(0), call.i64(1), call.u32(2), call.pointer(3)),
        )
    }),
    export("KeCancelTimer", |call| {
        usize::from(call.machine.cancel_timer(call.pointer(0)))
    }),
    export("KeEnterCriticalRegion", |call| {
        call.machine.current().regions.enter_critical();
        0
    }),
    export("KeLeaveCriticalRegion", |call| {
        call.machine.leave_critical_region();
        0
    }),
];

fn lower_irql(call: &Call) -> usize {
    call.machine.lower_irql(call.u8(0));
    0
}

fn acquire_spin_lock(call: &Call) -> usize {
    usize::from(
        call.machine
            .acquire_spin_lock_raise(call.pointer(0), LockKind::SpinLock),
    )
}

fn release_spin_lock(call: &Call) -> usize {
    call.machine
        .release_spin_lock(call.pointer(0), call.u8(1), LockKind::SpinLock);
    0
}
