//! Timers.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
};

use crate::kernel::{
    Machine,
    io::irp::AddressMap,
    layout::{kevent, ktimer},
    sync::dispatcher::kind,
};

/// The timers that are set, each with the number of its setting.
#[derive(Default)]
pub(crate) struct Timers {
    set: RefCell<AddressMap<u64>>,
    serial: Cell<u64>,
}

impl Timers {
    /// Whether any is set.
    pub(crate) fn any(&self) -> bool {
        !self.set.borrow().is_empty()
    }

    /// The first that is set in this memory.
    pub(crate) fn first_in(&self, memory: &Range<usize>) -> Option<usize> {
        self.set
            .borrow()
            .keys()
            .copied()
            .filter(|timer| memory.contains(timer))
            .min()
    }
}

impl Machine {
    /// KeInitializeTimerEx.
    pub(crate) fn initialise_timer(&self, timer: usize, synchronization: bool) {
        crate::guest::zero(timer, ktimer::BYTES);
        let kind = if synchronization {
            kind::SYNCHRONIZATION_TIMER
        } else {
            kind::NOTIFICATION_TIMER
        };
        self.initialise_object(timer, kind, 0);
    }

    /// KeSetTimerEx; returns whether it was set already. `due` is the time itself, relative where it is negative.
    pub(crate) fn set_timer(&'static self, timer: usize, due: i64, period_ms: u32, dpc: usize) -> bool {
        let was_set = self.timers.set.borrow_mut().remove(&timer).is_some();
        let serial = self.timers.serial.get() + 1;
        self.timers.serial.set(serial);
        self.timers.set.borrow_mut().insert(timer, serial);
        kevent::SIGNAL_STATE.set(timer, 0);
        ktimer::DPC.set(timer, dpc);
        ktimer::PERIOD.set(timer, period_ms);
        let now = self.clock.now_ns();
        let at_ns = if due < 0 {
            now.saturating_add(due.unsigned_abs().saturating_mul(100))
        } else {
            let ticks = due.unsigned_abs().saturating_sub(self.clock.system_time());
            now.saturating_add(ticks.saturating_mul(100))
        };
        self.clock
            .at(at_ns, Box::new(move |machine| machine.timer_due(timer, serial)));
        was_set
    }

    /// KeCancelTimer; returns whether it was set.
    pub(crate) fn cancel_timer(&self, timer: usize) -> bool {
        self.timers.set.borrow_mut().remove(&timer).is_some()
    }

    fn timer_due(&'static self, timer: usize, serial: u64) {
        if self.timers.set.borrow().get(&timer) != Some(&serial) {
            return;
        }
        let period_ms = ktimer::PERIOD.get(timer);
        if period_ms == 0 {
            self.timers.set.borrow_mut().remove(&timer);
        } else {
            let at_ns = self.clock.now_ns() + u64::from(period_ms) * 1_000_000;
            self.clock
                .at(at_ns, Box::new(move |machine| machine.timer_due(timer, serial)));
        }
        self.signal(timer, 1);
        let dpc = ktimer::DPC.get(timer);
        if dpc != 0 {
            let processor = self.some_processor();
            self.insert_queue_dpc(dpc, [0, 0], processor);
        }
    }
}
