//! In which order the disk completes what it has pending.
//!
//! Each request has a time of its own. What is completed at that time is this request, or another in its place: as many
//! are completed as have come, and nobody can say which is next.

use std::cell::RefCell;

use crate::kernel::random::Random;

/// What is completed next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The one whose time it is.
    Due,
    /// The one that came last.
    Reversed,
    /// Any but the one that came first, as long as there is another.
    OldestLast,
    /// Any.
    Random,
}

impl Order {
    pub(crate) const ALL: [Self; 4] = [Self::Due, Self::Reversed, Self::OldestLast, Self::Random];
}

/// The serial numbers of what is pending and has a time, in the order in which it came.
#[derive(Default)]
pub(super) struct Queue(RefCell<Vec<u64>>);

impl Queue {
    pub(super) fn add(&self, serial: u64) {
        self.0.borrow_mut().push(serial);
    }

    /// Takes what is completed where it is the time of `due`, if anything is left that is pending.
    pub(super) fn take(
        &self,
        order: Order,
        due: u64,
        is_pending: impl Fn(&u64) -> bool,
        random: &Random,
    ) -> Option<u64> {
        let mut queue = self.0.borrow_mut();
        // What was cancelled, or failed when the disk went, is not here any more.
        queue.retain(is_pending);
        let last = queue.len().checked_sub(1)?;
        let index = match order {
            Order::Due => queue.iter().position(|serial| *serial == due)?,
            Order::Reversed => last,
            Order::OldestLast => (1 + random.index(last)).min(last),
            Order::Random => random.index(queue.len()),
        };
        Some(queue.remove(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which four come back that came as 1, 2, 3 and 4, and whose times came so too.
    fn order(order: Order, seed: u64) -> Vec<u64> {
        let (queue, random) = (Queue::default(), Random::new(seed, "order"));
        (1..=4).for_each(|serial| queue.add(serial));
        (1..=4)
            .filter_map(|due| queue.take(order, due, |_| true, &random))
            .collect()
    }

    #[test]
    fn each_order_is_what_it_is_called_and_loses_none() {
        assert_eq!(order(Order::Due, 1), [1, 2, 3, 4]);
        assert_eq!(order(Order::Reversed, 1), [4, 3, 2, 1]);
        let mut random = std::collections::BTreeSet::new();
        for seed in 0..200 {
            assert_eq!(order(Order::OldestLast, seed)[3], 1);
            let mut all = order(Order::Random, seed);
            random.insert(all.clone());
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3, 4]);
        }
        assert_eq!(random.len(), 24, "every order comes");
    }

    #[test]
    fn what_is_not_pending_any_more_is_passed_over() {
        let (queue, random) = (Queue::default(), Random::new(1, "order"));
        (1..=3).for_each(|serial| queue.add(serial));
        assert_eq!(queue.take(Order::Reversed, 1, |serial| *serial != 3, &random), Some(2));
        assert_eq!(queue.take(Order::Due, 2, |_| true, &random), None);
        assert_eq!(queue.take(Order::Due, 1, |_| true, &random), Some(1));
        assert_eq!(queue.take(Order::Random, 3, |_| true, &random), None);
    }
}
