//! Dispatcher objects: what a thread can wait for. Events, timers, semaphores.
//!
//! The state of an object is in its header, where the driver may read it. Who waits is known here. When an object is
//! signalled all who wait for it look again, and the first of them takes a synchronisation object's signal.

use std::cell::RefCell;

use crate::{
    kernel::{
        Machine,
        io::irp::AddressMap,
        layout::{kevent, kmutant},
        scheduler::{Context, DISPATCH_LEVEL},
        status::{NtStatus, STATUS_SUCCESS, STATUS_TIMEOUT},
        sync::deadlock::LockKind,
    },
    rules,
};

/// The types of dispatcher objects, as they stand in the header.
pub(crate) mod kind {
    /// A notification event stays signalled.
    pub(crate) const NOTIFICATION_EVENT: u8 = 0;
    /// A synchronisation event is reset by the wait that it ends.
    pub(crate) const SYNCHRONIZATION_EVENT: u8 = 1;
    /// A mutex.
    pub(crate) const MUTANT: u8 = 2;
    /// A semaphore.
    pub(crate) const SEMAPHORE: u8 = 5;
    /// A thread, signalled when it is over.
    pub(crate) const THREAD: u8 = 6;
    /// A notification timer.
    pub(crate) const NOTIFICATION_TIMER: u8 = 8;
    /// A synchronisation timer.
    pub(crate) const SYNCHRONIZATION_TIMER: u8 = 9;
}

/// The objects that somebody waits for.
#[derive(Default)]
pub(crate) struct Waits(RefCell<AddressMap<Vec<&'static Context>>>);

impl Machine {
    /// KeInitializeEvent and its like.
    pub(crate) fn initialise_object(&self, object: usize, kind: u8, state: i32) {
        self.lock_of_event_initialised(object);
        crate::guest::zero(object, kevent::BYTES);
        kevent::TYPE.set(object, kind);
        kevent::SIGNAL_STATE.set(object, state);
        let list = kevent::WAIT_LIST_HEAD.address(object);
        crate::guest::write(list, list);
        crate::guest::write(list + 8, list);
    }

    /// Sets the state of an object and lets those look that wait for it; returns the state before.
    pub(crate) fn signal(&self, object: usize, state: i32) -> i32 {
        let old = kevent::SIGNAL_STATE.get(object);
        kevent::SIGNAL_STATE.set(object, state);
        let waiters = self.waits.0.borrow_mut().remove(&object);
        for context in waiters.into_iter().flatten() {
            self.wake(context);
        }
        old
    }

    /// Whether a wait for the object by the running thread would end at once.
    fn is_signalled(&self, object: usize) -> bool {
        kevent::SIGNAL_STATE.get(object) > 0
            || (kevent::TYPE.get(object) == kind::MUTANT
                && kmutant::OWNER_THREAD.get(object) == self.processor_data.thread(self.current()))
    }

    /// Takes an object's signal. False where it is not signalled.
    fn take_signal(&self, object: usize) -> bool {
        if !self.is_signalled(object) {
            return false;
        }
        let state = kevent::SIGNAL_STATE.get(object);
        match kevent::TYPE.get(object) {
            kind::SYNCHRONIZATION_EVENT | kind::SYNCHRONIZATION_TIMER => kevent::SIGNAL_STATE.set(object, 0),
            kind::SEMAPHORE => kevent::SIGNAL_STATE.set(object, state - 1),
            kind::MUTANT => {
                if state > 0 {
                    self.lock_acquired(object, LockKind::Mutex);
                }
                kevent::SIGNAL_STATE.set(object, state - 1);
                kmutant::OWNER_THREAD.set(object, self.processor_data.thread(self.current()));
                if state == 1 {
                    self.current().regions.enter_critical();
                }
            }
            _ => {}
        }
        true
    }

    /// Lets the running thread wait until `ready` says so, which is asked again after each [`Self::wake_waiters`].
    pub(crate) fn wait_for_condition(&'static self, key: usize, mut ready: impl FnMut() -> bool) {
        while !ready() {
            let context = self.current();
            self.waits.0.borrow_mut().entry(key).or_default().push(context);
            self.block();
        }
    }

    /// Lets those look again that wait at `key`.
    pub(crate) fn wake_waiters(&self, key: usize) {
        let waiters = self.waits.0.borrow_mut().remove(&key);
        for context in waiters.into_iter().flatten() {
            self.wake(context);
        }
    }

    /// Waiting is for threads below DISPATCH_LEVEL, unless they would not.
    pub(crate) fn wait_allowed(&self, call: &str, would_wait: bool) {
        let irql = self.irql();
        if irql > DISPATCH_LEVEL || (would_wait && irql == DISPATCH_LEVEL) {
            self.violation(
                &rules::WAIT_AT_DISPATCH,
                &format!("{call} at IRQL {irql}, where no thread can wait"),
            );
        }
    }

    /// In a wait in UserMode the thread's stack may be paged out, and with it what is on it.
    pub(crate) fn check_wait_mode(&self, mode: u8, objects: &[usize]) {
        let stack = self.current().kernel_stack();
        if mode != 0 && objects.iter().any(|object| stack.contains(object)) {
            self.violation(
                &rules::USER_WAIT_FOR_STACK,
                "a wait in UserMode for an object on the thread's kernel stack",
            );
        }
    }

    /// KeWaitForSingleObject. `timeout` is the address of a LARGE_INTEGER, or 0.
    pub(crate) fn wait_for_object(&'static self, object: usize, timeout: usize) -> NtStatus {
        let deadline_ns = self.deadline(timeout);
        self.wait_allowed("KeWaitForSingleObject", deadline_ns != Some(0));
        self.wait_until(&[object], false, deadline_ns)
    }

    /// KeWaitForMultipleObjects, for all of them or the first.
    pub(crate) fn wait_for_objects(&'static self, objects: &[usize], all: bool, timeout: usize) -> NtStatus {
        let deadline_ns = self.deadline(timeout);
        self.wait_allowed("KeWaitForMultipleObjects", deadline_ns != Some(0));
        self.wait_until(objects, all, deadline_ns)
    }

    /// When a wait with this timeout is over: never, at once (0), or at a time.
    pub(crate) fn deadline(&self, timeout: usize) -> Option<u64> {
        if timeout == 0 {
            return None;
        }
        let timeout = crate::guest::read::<i64>(timeout);
        let now = self.clock.now_ns();
        Some(match timeout {
            0 => 0,
            relative if relative < 0 => now.saturating_add(relative.unsigned_abs().saturating_mul(100)),
            absolute => {
                let ticks = absolute.unsigned_abs().saturating_sub(self.clock.system_time());
                now.saturating_add(ticks.saturating_mul(100))
            }
        })
    }

    /// The status of a wait that ended is the index of the object, where it was for any of them.
    fn wait_until(&'static self, objects: &[usize], all: bool, deadline_ns: Option<u64>) -> NtStatus {
        let context = self.current();
        let mut timer_set = false;
        // Who waits for any of several objects, or for some time, is not kept by one of them for ever.
        let for_ever = deadline_ns.is_none() && (all || objects.len() == 1);
        for &object in objects {
            if kevent::TYPE.get(object) == kind::MUTANT && !self.holds_lock(object) {
                self.lock_wanted(object, LockKind::Mutex, for_ever);
            }
        }
        loop {
            if all {
                if objects.iter().all(|&object| self.is_signalled(object)) {
                    for &object in objects {
                        self.take_signal(object);
                    }
                    return STATUS_SUCCESS;
                }
            } else if let Some(index) = objects.iter().position(|&object| self.take_signal(object)) {
                return NtStatus::try_from(index).unwrap_or(STATUS_SUCCESS);
            }
            if let Some(deadline_ns) = deadline_ns {
                if deadline_ns <= self.clock.now_ns() {
                    return STATUS_TIMEOUT;
                }
                if !timer_set {
                    timer_set = true;
                    self.clock
                        .at(deadline_ns, Box::new(move |machine| machine.wake(context)));
                }
            }
            for &object in objects {
                self.waits.0.borrow_mut().entry(object).or_default().push(context);
            }
            self.block();
        }
    }

    /// KeDelayExecutionThread.
    pub(crate) fn delay(&'static self, interval: usize) {
        self.wait_allowed("KeDelayExecutionThread", true);
        let Some(deadline_ns) = self.deadline(interval) else {
            return;
        };
        self.sleep_until(deadline_ns);
    }

    /// Lets the running thread sleep.
    pub(crate) fn sleep_until(&'static self, deadline_ns: u64) {
        let context = self.current();
        if deadline_ns <= self.clock.now_ns() {
            return;
        }
        self.clock
            .at(deadline_ns, Box::new(move |machine| machine.wake(context)));
        while self.clock.now_ns() < deadline_ns {
            self.block();
        }
    }
}
