//! Mutexes: the kernel's own, fast mutexes, and guarded mutexes.
//!
//! Who holds a mutex stands in the driver's memory, where Windows has it.

use crate::{
    kernel::{
        Machine,
        layout::{fast_mutex, kevent, kmutant},
        scheduler::APC_LEVEL,
        status::{NtStatus, STATUS_MUTANT_NOT_OWNED},
        sync::dispatcher::kind,
    },
    rules,
};

impl Machine {
    fn current_thread_object(&self) -> usize {
        self.processor_data.thread(self.current())
    }

    /// KeInitializeMutex.
    pub(crate) fn initialise_mutex(&self, mutex: usize) {
        crate::guest::zero(mutex, kmutant::BYTES);
        self.initialise_object(mutex, kind::MUTANT, 1);
    }

    /// KeReleaseMutex; returns the state before.
    pub(crate) fn release_mutex(&self, mutex: usize) -> i32 {
        if kmutant::OWNER_THREAD.get(mutex) != self.current_thread_object() {
            let status: NtStatus = STATUS_MUTANT_NOT_OWNED;
            self.violation(
                &rules::DRIVER_FAULT,
                &format!(
                    "KeReleaseMutex by a thread that does not hold it raises {}",
                    crate::status::name(status)
                ),
            );
        }
        let old = kevent::SIGNAL_STATE.get(mutex);
        if old == 0 {
            self.current().regions.leave_critical();
            kmutant::OWNER_THREAD.set(mutex, 0);
        }
        self.signal(mutex, old.saturating_add(1))
    }

    /// ExInitializeFastMutex and KeInitializeGuardedMutex.
    pub(crate) fn initialise_fast_mutex(&self, mutex: usize) {
        crate::guest::zero(mutex, fast_mutex::BYTES);
        fast_mutex::COUNT.set(mutex, 1);
        self.initialise_object(fast_mutex::EVENT.address(mutex), kind::SYNCHRONIZATION_EVENT, 0);
    }

    /// ExAcquireFastMutex, and without `raise` its unsafe form and KeAcquireGuardedMutex.
    pub(crate) fn acquire_fast_mutex(&'static self, mutex: usize, raise: bool, call: &str) {
        self.wait_allowed(call, true);
        let thread = self.current_thread_object();
        if fast_mutex::COUNT.get(mutex) != 1 && fast_mutex::OWNER.get(mutex) == thread {
            self.violation(
                &rules::STUCK,
                &format!("{call} with a mutex that the thread holds: it waits for itself for ever"),
            );
        }
        let old_irql = self.irql();
        if raise {
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
        self.take_fast_mutex(mutex, old_irql);
    }

    fn take_fast_mutex(&self, mutex: usize, old_irql: u8) {
        fast_mutex::COUNT.set(mutex, 0);
        fast_mutex::OWNER.set(mutex, self.current_thread_object());
        fast_mutex::OLD_IRQL.set(mutex, u32::from(old_irql));
    }

    /// ExTryToAcquireFastMutex and KeTryToAcquireGuardedMutex.
    pub(crate) fn try_acquire_fast_mutex(&self, mutex: usize, raise: bool, call: &str) -> bool {
        self.wait_allowed(call, true);
        if fast_mutex::COUNT.get(mutex) != 1 {
            return false;
        }
        let old_irql = self.irql();
        if raise {
            self.current().irql.set(APC_LEVEL);
        }
        self.take_fast_mutex(mutex, old_irql);
        true
    }

    /// ExReleaseFastMutex, and without `lower` its unsafe form and KeReleaseGuardedMutex.
    pub(crate) fn release_fast_mutex(&self, mutex: usize, lower: bool, call: &str) {
        if fast_mutex::COUNT.get(mutex) == 1 || fast_mutex::OWNER.get(mutex) != self.current_thread_object() {
            self.violation(
                &rules::BUG_CHECK,
                &format!("{call} with a mutex that the thread does not hold"),
            );
        }
        if lower && self.irql() != APC_LEVEL {
            self.violation(
                &rules::FAST_MUTEX_RELEASED_AT_BAD_IRQL,
                &format!("{call} at IRQL {}, and not at APC_LEVEL", self.irql()),
            );
        }
        let old_irql = u8::try_from(fast_mutex::OLD_IRQL.get(mutex)).unwrap_or_default();
        fast_mutex::OWNER.set(mutex, 0);
        fast_mutex::COUNT.set(mutex, 1);
        if lower {
            self.current().irql.set(old_irql);
        }
        self.wake_waiters(mutex);
    }
}
