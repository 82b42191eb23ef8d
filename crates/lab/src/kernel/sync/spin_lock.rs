//! IRQL and spin locks.
//!
//! A spin lock's word in the driver's memory is what counts, 0 or 1, so that code which was inlined into the driver and
//! the lab agree; who holds it is known here.

use crate::{
    kernel::{
        Machine,
        scheduler::{DISPATCH_LEVEL, HIGH_LEVEL},
        sync::deadlock::LockKind,
    },
    rules,
};

impl Machine {
    /// KfRaiseIrql; returns the IRQL before.
    pub(crate) fn raise_irql(&self, irql: u8) -> u8 {
        let context = self.current();
        let old = context.irql.get();
        if irql < old || irql > HIGH_LEVEL {
            self.violation(
                &rules::IRQL_RAISED_DOWNWARDS,
                &format!("KeRaiseIrql from IRQL {old} to {irql}"),
            );
        }
        context.irql.set(irql);
        old
    }

    /// KeLowerIrql.
    pub(crate) fn lower_irql(&self, irql: u8) {
        let context = self.current();
        let old = context.irql.get();
        if irql > old {
            self.violation(
                &rules::IRQL_LOWERED_UPWARDS,
                &format!("KeLowerIrql from IRQL {old} to {irql}"),
            );
        }
        context.irql.set(irql);
    }

    /// KeAcquireSpinLockRaiseToDpc; returns the IRQL before.
    pub(crate) fn acquire_spin_lock_raise(&self, lock: usize, kind: LockKind) -> u8 {
        let context = self.current();
        let old = context.irql.get();
        if old > DISPATCH_LEVEL {
            self.violation(
                &rules::IRQL_RAISED_DOWNWARDS,
                &format!("KeAcquireSpinLock at IRQL {old}"),
            );
        }
        context.irql.set(DISPATCH_LEVEL);
        self.acquire_spin_lock(lock, kind);
        old
    }

    /// KeReleaseSpinLock.
    pub(crate) fn release_spin_lock(&self, lock: usize, irql: u8, kind: LockKind) {
        let context = self.current();
        self.release_spin_lock_from_dpc(lock, kind);
        if irql > context.irql.get() {
            self.violation(
                &rules::IRQL_LOWERED_UPWARDS,
                &format!("KeReleaseSpinLock to IRQL {irql}, which is higher than the current one"),
            );
        }
        context.irql.set(irql);
    }

    /// KeAcquireSpinLockAtDpcLevel.
    pub(crate) fn acquire_spin_lock(&self, lock: usize, kind: LockKind) {
        self.take_spin_lock(lock, kind, true);
    }

    fn take_spin_lock(&self, lock: usize, kind: LockKind, waits: bool) {
        let context = self.current();
        if context.irql.get() < DISPATCH_LEVEL {
            self.violation(
                &rules::SPIN_LOCK_RELEASED_BELOW_DISPATCH,
                "KeAcquireSpinLockAtDpcLevel below DISPATCH_LEVEL",
            );
        }
        self.lock_wanted(lock, kind, waits);
        while crate::guest::read::<usize>(lock) != 0 {
            self.spin(lock);
        }
        crate::guest::write(lock, 1_usize);
        self.lock_acquired(lock, kind);
        context.spin_locks.borrow_mut().push(lock);
    }

    /// KeReleaseSpinLockFromDpcLevel.
    pub(crate) fn release_spin_lock_from_dpc(&self, lock: usize, kind: LockKind) {
        let context = self.current();
        if context.irql.get() < DISPATCH_LEVEL {
            self.violation(
                &rules::SPIN_LOCK_RELEASED_BELOW_DISPATCH,
                &format!("a spin lock is released at IRQL {}", context.irql.get()),
            );
        }
        self.note_queued_under_lock();
        self.lock_released(lock, kind);
        let held = context.spin_locks.borrow().iter().rposition(|&held| held == lock);
        if let Some(index) = held {
            context.spin_locks.borrow_mut().remove(index);
        }
        crate::guest::write(lock, 0_usize);
    }

    /// KeTryToAcquireSpinLockAtDpcLevel.
    pub(crate) fn try_acquire_spin_lock(&self, lock: usize) -> bool {
        if crate::guest::read::<usize>(lock) != 0 {
            return false;
        }
        self.take_spin_lock(lock, LockKind::SpinLock, false);
        true
    }
}
