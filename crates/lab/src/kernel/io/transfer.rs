//! The transfer that a request is for, and how much of it the disk has carried out, in how many parts and in which order
//! they may come.
//!
//! A driver may send a request down as it is, again where it failed, or in parts: one after the other, or side by side in
//! IRPs of its own. What it may say of it in the end is the same each time: how many bytes were transferred from the first
//! one on without a gap.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
};

/// What an initiator asks for with a READ or WRITE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) major: u8,
    /// Where its data is, however it is described.
    pub(crate) buffer: usize,
    pub(crate) bytes: usize,
    /// Where on the medium.
    pub(crate) offset: usize,
}

/// The transfer of a request.
#[derive(Default)]
pub(crate) struct Transfer {
    asked: Cell<Option<Asked>>,
    /// What the disk has transferred: ranges of its data, in order and with a gap between any two.
    done: RefCell<Vec<Range<usize>>>,
    /// The ranges that have arrived at the disk, each once. A request without data is the empty one.
    arrived: RefCell<Vec<Range<usize>>>,
    /// Whether something has arrived more than once, or been transferred so.
    is_repeated: Cell<bool>,
    /// How many parts the disk has now.
    parts: Cell<u64>,
    /// Whether somebody is going to cancel the request.
    is_to_be_cancelled: Cell<bool>,
}

impl Transfer {
    /// Notes what is asked for.
    pub(crate) fn ask(&self, asked: Asked) {
        self.asked.set(Some(asked));
    }

    pub(crate) fn asked(&self) -> Option<Asked> {
        self.asked.get()
    }

    /// The disk has transferred these bytes of it.
    pub(crate) fn add(&self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let mut done = self.done.borrow_mut();
        let overlaps = |other: &Range<usize>| other.start < range.end && range.start < other.end;
        self.is_repeated
            .set(self.is_repeated.get() || done.iter().any(overlaps));
        // Those that the new one touches become one with it.
        let first = done.partition_point(|other| other.end < range.start);
        let last = done.partition_point(|other| other.start <= range.end);
        let start = done
            .get(first)
            .map_or(range.start, |other| other.start.min(range.start));
        let end = done[..last].last().map_or(range.end, |other| other.end.max(range.end));
        done.splice(first..last.max(first), std::iter::once(start..end));
    }

    /// Whether the disk has transferred anything.
    pub(crate) fn has_begun(&self) -> bool {
        !self.done.borrow().is_empty()
    }

    /// How many bytes have been transferred from the first one on.
    pub(crate) fn done_from_start(&self) -> usize {
        let done = self.done.borrow();
        done.first()
            .filter(|first| first.start == 0)
            .map_or(0, |first| first.end)
    }

    /// A range has arrived at the disk. True where it had been there before.
    pub(crate) fn arrives_again(&self, range: &Range<usize>) -> bool {
        let mut arrived = self.arrived.borrow_mut();
        let known = arrived.contains(range);
        if known {
            self.is_repeated.set(true);
        } else {
            arrived.push(range.clone());
        }
        known
    }

    /// Whether it was begun more than once, so that an earlier attempt may have come further than the last.
    pub(crate) fn is_repeated(&self) -> bool {
        self.is_repeated.get()
    }

    /// The disk has one part more. Gives how many that are.
    pub(crate) fn begin_part(&self) -> u64 {
        self.parts.set(self.parts.get() + 1);
        self.parts.get()
    }

    /// The disk has completed a part.
    pub(crate) fn end_part(&self) {
        self.parts.set(self.parts.get().saturating_sub(1));
    }

    /// Somebody is going to cancel the request, or has done so.
    pub(crate) fn will_be_cancelled(&self) {
        self.is_to_be_cancelled.set(true);
    }

    pub(crate) fn is_to_be_cancelled(&self) -> bool {
        self.is_to_be_cancelled.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_what_is_there_from_the_start_in_whatever_order_it_came() {
        let orders: [[usize; 4]; 4] = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]];
        for order in orders {
            let transfer = Transfer::default();
            let mut came = [false; 4];
            for part in order {
                transfer.add(part * 10..part * 10 + 10);
                came[part] = true;
                let expected = came.iter().take_while(|came| **came).count() * 10;
                assert_eq!(transfer.done_from_start(), expected, "{order:?} {part}");
            }
        }
    }

    #[test]
    fn what_comes_twice_or_overlaps_counts_once() {
        let transfer = Transfer::default();
        for range in [5..9, 20..30, 0..6, 0..6, 8..21] {
            transfer.add(range);
        }
        assert_eq!(transfer.done_from_start(), 30);
        assert!(transfer.is_repeated());
    }

    #[test]
    fn parts_that_touch_are_no_repetition_and_those_that_arrive_again_are_one() {
        let transfer = Transfer::default();
        for range in [0..10, 10..20] {
            assert!(!transfer.arrives_again(&range));
            transfer.add(range);
        }
        assert!(!transfer.is_repeated());
        assert!(transfer.arrives_again(&(10..20)));
        assert!(transfer.is_repeated());
    }

    #[test]
    fn a_gap_and_nothing_at_all_end_it() {
        let transfer = Transfer::default();
        transfer.add(0..0);
        assert!(!transfer.has_begun());
        transfer.add(1..4);
        assert!(transfer.has_begun());
        assert_eq!(transfer.done_from_start(), 0);
    }
}
