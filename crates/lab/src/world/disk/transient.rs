//! Errors that go away: a disk that fails a request which would work if it were sent again.
//!
//! A driver that sends it again, often and long enough, sees a healthy disk, and one that does not sees the errors.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use super::Disk;
use crate::kernel::{
    Machine,
    io::{call::IRP_MJ_FLUSH_BUFFERS, irp::IrpRecord},
    layout::io_stack_location,
    random::Random,
    status::{NtStatus, STATUS_DEVICE_BUSY, STATUS_DEVICE_NOT_READY, STATUS_IO_DEVICE_ERROR, STATUS_IO_TIMEOUT},
};

/// What it says then.
const STATUSES: [NtStatus; 4] = [
    STATUS_IO_TIMEOUT,
    STATUS_DEVICE_BUSY,
    STATUS_DEVICE_NOT_READY,
    STATUS_IO_DEVICE_ERROR,
];

/// When a request fails that would work later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transient {
    Never,
    /// Of 1000 places of the medium so many fail each request for them so many times, and then it works.
    First {
        times: u32,
        per_mille: u32,
    },
    /// Each request with this number, and with a multiple of it.
    Every(u64),
    /// Everything, for so long at the end of each period.
    Bursts {
        period_ns: u64,
        span_ns: u64,
    },
    /// So many of 1000, without a memory.
    Chance {
        per_mille: u32,
    },
}

/// What a disk remembers of it.
pub(super) struct Troubles {
    random: Random,
    served: Cell<u64>,
    /// How often the request for a place has failed since it last worked, for places that fail.
    failed: RefCell<BTreeMap<(u8, u64), Option<u32>>>,
}

impl Troubles {
    pub(super) fn new(seed: u64, name: &str) -> Self {
        Self {
            random: Random::new(seed, &format!("{name}'s troubles")),
            served: Cell::new(0),
            failed: RefCell::default(),
        }
    }

    /// Whether a request for this place fails.
    fn fails(&self, pattern: Transient, now_ns: u64, place: (u8, u64)) -> bool {
        self.served.set(self.served.get() + 1);
        match pattern {
            Transient::Never => false,
            Transient::First { times, per_mille } => {
                let mut failed = self.failed.borrow_mut();
                let failed = failed
                    .entry(place)
                    .or_insert_with(|| self.random.chance(per_mille).then_some(0));
                let Some(count) = failed else { return false };
                let fails = *count < times;
                *count = if fails { *count + 1 } else { 0 };
                fails
            }
            Transient::Every(nth) => self.served.get().is_multiple_of(nth),
            Transient::Bursts { period_ns, span_ns } => now_ns % period_ns >= period_ns - span_ns,
            Transient::Chance { per_mille } => self.random.chance(per_mille),
        }
    }
}

impl Disk {
    /// The error of a request that would work if it were sent again, if it has one now.
    pub(super) fn transient_error(&self, machine: &Machine, record: &IrpRecord, location: usize) -> Option<NtStatus> {
        let major = io_stack_location::MAJOR_FUNCTION.get(location);
        // What is flushed has no place: each such request is one of its own.
        let place = if major == IRP_MJ_FLUSH_BUFFERS {
            record.serial
        } else {
            io_stack_location::ARGUMENT3.get(location) as u64
        };
        let pattern = self.habits.get().transient;
        if !self.troubles.fails(pattern, machine.clock.now_ns(), (major, place)) {
            return None;
        }
        machine.reporter.count("transient errors of the disk", 1);
        Some(STATUSES[self.troubles.random.index(STATUSES.len())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(pattern: Transient, requests: usize) -> Vec<bool> {
        let troubles = Troubles::new(1, "disk");
        (0..requests as u64)
            .map(|at| troubles.fails(pattern, at * 10, (3, 512)))
            .collect()
    }

    #[test]
    fn a_place_fails_so_often_and_then_works_once() {
        let pattern = Transient::First {
            times: 2,
            per_mille: 1000,
        };
        assert_eq!(outcomes(pattern, 6), [true, true, false, true, true, false]);
    }

    #[test]
    fn places_fail_for_themselves() {
        let troubles = Troubles::new(1, "disk");
        let pattern = Transient::First {
            times: 1,
            per_mille: 1000,
        };
        let fails = |place| troubles.fails(pattern, 0, place);
        assert!(fails((3, 0)) && fails((4, 0)) && fails((3, 512)));
        assert!(!fails((3, 0)) && !fails((4, 0)) && !fails((3, 512)));
    }

    #[test]
    fn each_nth_fails_and_nothing_else() {
        assert_eq!(
            outcomes(Transient::Every(3), 6),
            [false, false, true, false, false, true]
        );
    }

    #[test]
    fn a_burst_ends_with_its_period() {
        let pattern = Transient::Bursts {
            period_ns: 40,
            span_ns: 20,
        };
        assert_eq!(outcomes(pattern, 6), [false, false, true, true, false, false]);
    }
}
