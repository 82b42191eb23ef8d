//! IRQL, spin locks and critical regions.

use crate::{
    check::Check,
    kernel::{
        APC_LEVEL, DISPATCH_LEVEL, KeAcquireInStackQueuedSpinLock, KeAcquireSpinLockAtDpcLevel,
        KeAcquireSpinLockRaiseToDpc, KeAreApcsDisabled, KeEnterCriticalRegion, KeGetCurrentIrql, KeLeaveCriticalRegion,
        KeLowerIrql, KeReleaseInStackQueuedSpinLock, KeReleaseSpinLock, KeReleaseSpinLockFromDpcLevel, KfRaiseIrql,
        LockQueueHandle, Object, PASSIVE_LEVEL, SpinLock,
    },
    layers::Stack,
    objects::Field,
    threads,
};

const FIRST: Field<SpinLock> = Field::at(0x00);
const SECOND: Field<SpinLock> = Field::at(0x40);
const BYTES: usize = 0x80;

/// Does something with two spin locks in nonpaged pool. They are free where they are zero, as pool of this driver is.
fn with_locks(check: &mut Check, work: impl FnOnce(&mut Check, *mut SpinLock, *mut SpinLock)) {
    if let Some(block) = check.have(c"pool", threads::allocate(BYTES)) {
        work(check, FIRST.place(block), SECOND.place(block));
        threads::free(block);
    }
}

fn expect_irql(check: &mut Check, irql: u8) {
    check.equal(c"IRQL", irql, KeGetCurrentIrql());
}

pub(super) fn raising_tells_the_irql_before(check: &mut Check, _stack: Stack) {
    expect_irql(check, PASSIVE_LEVEL);
    check.equal(c"KeRaiseIrql", PASSIVE_LEVEL, KfRaiseIrql(APC_LEVEL));
    expect_irql(check, APC_LEVEL);
    check.equal(c"KeRaiseIrql", APC_LEVEL, KfRaiseIrql(DISPATCH_LEVEL));
    expect_irql(check, DISPATCH_LEVEL);
    KeLowerIrql(APC_LEVEL);
    expect_irql(check, APC_LEVEL);
    KeLowerIrql(PASSIVE_LEVEL);
    expect_irql(check, PASSIVE_LEVEL);
}

pub(super) fn a_spin_lock_raises_to_dispatch_level(check: &mut Check, _stack: Stack) {
    with_locks(check, |check, lock, _| {
        let old = KeAcquireSpinLockRaiseToDpc(lock);
        check.equal(c"IRQL before", PASSIVE_LEVEL, old);
        expect_irql(check, DISPATCH_LEVEL);
        KeReleaseSpinLock(lock, old);
        expect_irql(check, PASSIVE_LEVEL);
    });
}

pub(super) fn a_spin_lock_at_dispatch_level_leaves_the_irql(check: &mut Check, _stack: Stack) {
    with_locks(check, |check, outer, inner| {
        let old = KeAcquireSpinLockRaiseToDpc(outer);
        KeAcquireSpinLockAtDpcLevel(inner);
        expect_irql(check, DISPATCH_LEVEL);
        KeReleaseSpinLockFromDpcLevel(inner);
        expect_irql(check, DISPATCH_LEVEL);
        KeReleaseSpinLock(outer, old);
        expect_irql(check, PASSIVE_LEVEL);
    });
}

pub(super) fn spin_locks_in_each_other_restore_each_irql(check: &mut Check, _stack: Stack) {
    with_locks(check, |check, outer, inner| {
        let old = KeAcquireSpinLockRaiseToDpc(outer);
        let nested = KeAcquireSpinLockRaiseToDpc(inner);
        check.equal(c"IRQL before the inner one", DISPATCH_LEVEL, nested);
        KeReleaseSpinLock(inner, nested);
        expect_irql(check, DISPATCH_LEVEL);
        KeReleaseSpinLock(outer, old);
        expect_irql(check, PASSIVE_LEVEL);
    });
}

pub(super) fn a_queued_spin_lock_keeps_the_irql_in_its_handle(check: &mut Check, _stack: Stack) {
    with_locks(check, |check, lock, _| {
        let mut handle = LockQueueHandle::default();
        let handle: Object = (&raw mut handle).cast();
        let old = KfRaiseIrql(APC_LEVEL);
        KeAcquireInStackQueuedSpinLock(lock, handle);
        expect_irql(check, DISPATCH_LEVEL);
        KeReleaseInStackQueuedSpinLock(handle);
        expect_irql(check, APC_LEVEL);
        KeLowerIrql(old);
    });
}

pub(super) fn a_critical_region_disables_normal_apcs(check: &mut Check, _stack: Stack) {
    // DriverEntry may be called by a thread that is in one.
    let before = KeAreApcsDisabled();
    KeEnterCriticalRegion();
    check.equal(c"KeAreApcsDisabled", 1, KeAreApcsDisabled());
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    check.equal(c"KeAreApcsDisabled in the outer region", 1, KeAreApcsDisabled());
    KeLeaveCriticalRegion();
    check.equal(c"KeAreApcsDisabled afterwards", before, KeAreApcsDisabled());
}
