//! Virtual time: it moves only when the machine lets it, so it is part of what a seed decides.
//!
//! Each call into the kernel takes a little; where nothing can run, the clock goes to the next thing that is due.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::BinaryHeap,
};

use super::Machine;

/// The frequency of the performance counter: what Windows has on current machines.
pub(crate) const PERFORMANCE_FREQUENCY: u64 = 10_000_000;

/// 1 January 2026, in the 100 ns units since 1601 that Windows counts time in.
const START_OF_SYSTEM_TIME: u64 = 134_116_992_000_000_000;

/// What happens when its time has come. It runs on the scheduler, between two contexts, and calls no driver.
pub(crate) type Due = Box<dyn FnOnce(&'static Machine)>;

struct Entry {
    at_ns: u64,
    serial: u64,
    due: Due,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at_ns, self.serial) == (other.at_ns, other.serial)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ns, self.serial).cmp(&(other.at_ns, other.serial))
    }
}

/// The clock goes no further: drivers that ask to be woken later wait for ever, and whatever else is added to a time is
/// far too little to overflow.
const END_OF_TIME_NS: u64 = 1 << 62;

/// The machine's clock and what it has to do.
#[derive(Default)]
pub(crate) struct Clock {
    now_ns: Cell<u64>,
    next_ns: Cell<Option<u64>>,
    serial: Cell<u64>,
    entries: RefCell<BinaryHeap<Reverse<Entry>>>,
}

impl Clock {
    /// Nanoseconds since the machine was started.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    /// The interrupt time in its 100 ns units.
    pub(crate) fn interrupt_time(&self) -> u64 {
        self.now_ns.get() / 100
    }

    /// The system time in its 100 ns units.
    pub(crate) fn system_time(&self) -> u64 {
        START_OF_SYSTEM_TIME + self.interrupt_time()
    }

    /// The performance counter, which does not begin at 0, as it does not on a machine that has run for a while.
    pub(crate) fn performance_counter(&self) -> u64 {
        0x0012_3456_7890 + self.now_ns.get() / (1_000_000_000 / PERFORMANCE_FREQUENCY)
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, ns: u64) {
        self.now_ns
            .set(self.now_ns.get().saturating_add(ns).min(END_OF_TIME_NS));
    }

    /// Has `due` happen at `at_ns`, or as soon as possible after; never where that is behind the end of time.
    pub(crate) fn at(&self, at_ns: u64, due: Due) {
        if at_ns > END_OF_TIME_NS {
            return;
        }
        let serial = self.serial.get() + 1;
        self.serial.set(serial);
        self.entries.borrow_mut().push(Reverse(Entry { at_ns, serial, due }));
        self.note_next();
    }

    /// Whether something is due.
    pub(crate) fn is_due(&self) -> bool {
        self.next_ns.get().is_some_and(|next| next <= self.now_ns.get())
    }

    /// Takes what is due first, if anything is due.
    pub(crate) fn take_due(&self) -> Option<Due> {
        if !self.is_due() {
            return None;
        }
        let entry = self.entries.borrow_mut().pop();
        self.note_next();
        entry.map(|Reverse(entry)| entry.due)
    }

    /// Goes to the time at which something is due. False where nothing will ever be.
    pub(crate) fn skip_to_next(&self) -> bool {
        let Some(next) = self.next_ns.get() else {
            return false;
        };
        self.now_ns.set(self.now_ns.get().max(next));
        true
    }

    fn note_next(&self) {
        let next = self.entries.borrow().peek().map(|Reverse(entry)| entry.at_ns);
        self.next_ns.set(next);
    }
}
