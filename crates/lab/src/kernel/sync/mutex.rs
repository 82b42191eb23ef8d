//! Mutexes: the kernel's own, fast mutexes, and guarded mutexes.
//!
//! Who holds a mutex stands in the driver's memory, where Windows has it.

use crate::{
    kernel::{
        Machine,
        layout::{fast_mutex, kevent, kmutant},
        scheduler::APC_LEVEL,
        sync::{deadlock::LockKind, dispatcher::kind},
    },
    rules,
};

impl Machine {
    fn current_thread_object(&self) -> usize {
        self.processor_data.thread(self.current())
    }

    /// KeInitializeMutex.
    pub(crate) fn initialise_mutex(&self, mutex: usize) {
        self.lock_initialised(mutex);
        crate::guest::zero(mutex, kmutant::BYTES);
        self.initialise_object(mutex, kind::MUTANT, 1);
    }

    /// KeReleaseMutex; returns the state before.
    pub(crate) fn release_mutex(&self, mutex: usize) -> i32 {
        if kmutant::OWNER_THREAD.get(mutex) != self.current_thread_object() {
            self.lock_released(mutex, LockKind::Mutex);
        }
        let old = kevent::SIGNAL_STATE.get(mutex);
        if old == 0 {
            self.lock_released(mutex, LockKind::Mutex);
            self.current().regions.leave_critical();
            kmutant::OWNER_THREAD.set(mutex, 0);
        }
        self.signal(mutex, old.saturating_add(1))
    }

    /// ExInitializeFastMutex and KeInitializeGuardedMutex.
    pub(crate) fn initialise_fast_mutex(&self, mutex: usize) {
        self.lock_initialised(mutex);
        crate::guest::zero(mutex, fast_mutex::BYTES);
        fast_mutex::COUNT.set(mutex, 1);
        self.initialise_object(fast_mutex::EVENT.address(mutex), kind::SYNCHRONIZATION_EVENT, 0);
    }

    /// ExAcquireFastMutex and KeAcquireGuardedMutex, and their unsafe forms.
    pub(crate) fn acquire_fast_mutex(&'static self, mutex: usize, kind: LockKind, call: &str) {
        self.wait_allowed(call, true);
        self.check_fast_mutex(mutex, call);
        self.lock_wanted(mutex, kind, true);
        let old_irql = self.irql();
        if kind == LockKind::FastMutex {
            self.current().irql.set(APC_LEVEL);
        }
        self.wait_for_condition(mutex, || {
            let is_free = fast_mutex::COUNT.get(mutex) == 1;
            if !is_free {
                let contention = fast_mutex::CONTENTION.get(mutex);
                fast_mutex::CONTENTION.set(mutex, contention.wrapping_add(1));
            }
            is_free
        });
        self.take_fast_mutex(mutex, kind, old_irql);
    }

    /// A fast mutex has an event in it, whose list of waiters is a ring as soon as it is initialised, by the kernel or by
    /// code that was inlined into the driver.
    fn check_fast_mutex(&self, mutex: usize, call: &str) {
        let waiters = kevent::WAIT_LIST_HEAD.address(fast_mutex::EVENT.address(mutex));
        if crate::guest::read::<usize>(waiters) == 0 {
            self.violation(
                &rules::LOCK_NOT_INITIALISED,
                &format!("{call} with a mutex that has not been initialised"),
            );
        }
    }

    fn take_fast_mutex(&self, mutex: usize, kind: LockKind, old_irql: u8) {
        self.lock_acquired(mutex, kind);
        fast_mutex::COUNT.set(mutex, 0);
        fast_mutex::OWNER.set(mutex, self.current_thread_object());
        fast_mutex::OLD_IRQL.set(mutex, u32::from(old_irql));
    }

    /// ExTryToAcquireFastMutex and KeTryToAcquireGuardedMutex.
    pub(crate) fn try_acquire_fast_mutex(&self, mutex: usize, kind: LockKind, call: &str) -> bool {
        self.wait_allowed(call, true);
        self.check_fast_mutex(mutex, call);
        if fast_mutex::COUNT.get(mutex) != 1 {
            return false;
        }
        self.lock_wanted(mutex, kind, false);
        let old_irql = self.irql();
        if kind == LockKind::FastMutex {
            self.current().irql.set(APC_LEVEL);
        }
        self.take_fast_mutex(mutex, kind, old_irql);
        true
    }

    /// ExReleaseFastMutex and KeReleaseGuardedMutex, and their unsafe forms.
    pub(crate) fn release_fast_mutex(&self, mutex: usize, kind: LockKind) {
        self.lock_released(mutex, kind);
        if kind == LockKind::FastMutex && self.irql() != APC_LEVEL {
            self.violation(
                &rules::FAST_MUTEX_RELEASED_AT_BAD_IRQL,
                &format!("ExReleaseFastMutex at IRQL {}, and not at APC_LEVEL", self.irql()),
            );
        }
        let old_irql = u8::try_from(fast_mutex::OLD_IRQL.get(mutex)).unwrap_or_default();
        fast_mutex::OWNER.set(mutex, 0);
        fast_mutex::COUNT.set(mutex, 1);
        if kind == LockKind::FastMutex {
            self.current().irql.set(old_irql);
        }
        self.wake_waiters(mutex);
    }
}
