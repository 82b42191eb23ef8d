//! What processors share, in every interleaving and with every stale read that the memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p policy --release --test loom` runs it; without that it is empty. The models
//! are small on purpose: two or three processors, a few steps each. Larger ones are the other tests' business.
#![cfg(loom)]

use std::num::NonZeroU32;

use loom::sync::Arc;
use loom::sync::atomic::Ordering;
use loom::thread;
use policy::errors::{ENTRIES, ErrorCount, ErrorCounts, ErrorTable};
use policy::in_flight::InFlight;
use policy::slots::{GiveBackError, SlotIndex, SlotLayout, Slots};
use policy::sync::AtomicU64;

/// What was counted once two processors have recorded one of `statuses` each into a table that has these already.
fn recorded_together(already: i32, statuses: [i32; 2]) -> ErrorCounts {
    let table = Arc::new(ErrorTable::new());
    (0..already).for_each(|status| table.record(status));
    let processors = statuses.map(|status| {
        let table = Arc::clone(&table);
        thread::spawn(move || table.record(status))
    });
    for processor in processors {
        processor.join().expect("it does not panic");
    }
    let mut counts = ErrorCounts::EMPTY;
    table.add_to(&mut counts);
    counts
}

#[test]
fn two_processors_with_the_same_status_claim_one_entry() {
    loom::model(|| {
        let counts = recorded_together(0, [-5, -5]);
        let all: Vec<_> = counts.iter().collect();
        assert_eq!(all, [ErrorCount { status: -5, count: 2 }]);
        assert_eq!(counts.others(), 0);
    });
}

#[test]
fn two_processors_with_different_statuses_claim_an_entry_each() {
    loom::model(|| {
        let counts = recorded_together(0, [-5, -6]);
        let mut all: Vec<_> = counts.iter().map(|entry| (entry.status, entry.count)).collect();
        all.sort_unstable();
        assert_eq!(all, [(-6, 1), (-5, 1)]);
        assert_eq!(counts.others(), 0);
    });
}

#[test]
fn of_two_processors_that_race_for_the_last_entry_one_is_counted_with_the_others() {
    loom::model(|| {
        let counts = recorded_together(ENTRIES as i32 - 1, [-5, -6]);
        assert_eq!(counts.iter().count(), ENTRIES);
        assert_eq!((counts.others(), counts.total()), (1, ENTRIES as u64 + 1));
    });
}

#[test]
fn of_two_processors_that_race_for_the_last_entry_with_the_same_status_both_are_counted_there() {
    loom::model(|| {
        let counts = recorded_together(ENTRIES as i32 - 1, [-5, -5]);
        assert_eq!(counts.iter().last(), Some(ErrorCount { status: -5, count: 2 }));
        assert_eq!(counts.others(), 0);
    });
}

#[test]
fn two_processors_and_a_full_table_lose_no_count() {
    loom::model(|| {
        let counts = recorded_together(ENTRIES as i32, [-5, 3]);
        assert_eq!(counts.iter().count(), ENTRIES);
        assert_eq!((counts.others(), counts.total()), (1, ENTRIES as u64 + 2));
    });
}

#[test]
fn a_reader_never_sees_a_status_twice_or_more_than_was_recorded() {
    loom::model(|| {
        let table = Arc::new(ErrorTable::new());
        let recorder = {
            let table = Arc::clone(&table);
            thread::spawn(move || (0..2).for_each(|_| table.record(-5)))
        };
        let mut counts = ErrorCounts::EMPTY;
        table.add_to(&mut counts);
        assert!(counts.iter().all(|entry| entry.status == -5) && counts.total() <= 2);
        recorder.join().expect("it does not panic");
    });
}

/// Slots with, for each, the word of its owner.
struct Shared {
    layout: SlotLayout,
    words: Vec<AtomicU64>,
    owners: Vec<AtomicU64>,
}

impl Shared {
    fn new(shards: u32, slots_per_shard: u32) -> Arc<Self> {
        let nonzero = |number| NonZeroU32::new(number).expect("not 0");
        let layout = SlotLayout::new(nonzero(shards), nonzero(slots_per_shard)).expect("few slots");
        let zeroed = |count: usize| (0..count).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self {
            layout,
            words: zeroed(layout.words()),
            owners: zeroed(layout.slots() as usize),
        })
    }

    fn slots(&self) -> Slots<'_> {
        Slots::new(self.layout, &self.words).expect("enough words")
    }

    /// Takes a slot and marks it as owned.
    fn take(&self, hint: u32) -> Option<SlotIndex> {
        let slot = self.slots().take(hint)?;
        let owner = &self.owners[slot.get() as usize];
        // Relaxed, so that a mark that was taken back is seen only because taking acquires what giving back released.
        assert_eq!(
            owner.load(Ordering::Relaxed),
            0,
            "the slot has an owner, or its last one is still seen"
        );
        owner.store(1, Ordering::Relaxed);
        Some(slot)
    }

    fn give_back(&self, slot: SlotIndex) {
        self.owners[slot.get() as usize].store(0, Ordering::Relaxed);
        assert_eq!(self.slots().give_back(slot), Ok(()));
    }
}

#[test]
fn two_processors_and_two_slots_are_one_each() {
    for (shards, slots_per_shard) in [(1, 2), (2, 1)] {
        loom::model(move || {
            let shared = Shared::new(shards, slots_per_shard);
            let other = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.take(0))
            };
            let mine = shared.take(1);
            let others = other.join().expect("it does not panic");
            assert!(mine.is_some() && others.is_some(), "a slot was free and not found");
            assert_ne!(mine, others);
            assert_eq!(shared.slots().take(0), None);
        });
    }
}

#[test]
fn a_slot_has_one_owner_at_a_time_and_is_free_in_the_end() {
    loom::model(|| {
        let shared = Shared::new(1, 1);
        let processors: Vec<_> = (0..2)
            .map(|hint| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    for _ in 0..2 {
                        if let Some(slot) = shared.take(hint) {
                            shared.give_back(slot);
                        }
                    }
                })
            })
            .collect();
        for processor in processors {
            processor.join().expect("it does not panic");
        }
        assert!(shared.take(0).is_some(), "the slot was lost");
    });
}

#[test]
fn giving_back_while_another_takes_frees_that_slot_and_no_other() {
    loom::model(|| {
        let shared = Shared::new(1, 2);
        let first = shared.take(0).expect("both are free");
        let taker = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.take(0))
        };
        shared.give_back(first);
        let second = taker.join().expect("it does not panic");
        assert!(second.is_some(), "one slot was free throughout");
        assert_eq!(shared.slots().taken(), 1);
        assert!(shared.take(0).is_some());
        assert_eq!(shared.take(0), None);
    });
}

#[test]
fn of_two_processors_that_give_the_same_slot_back_one_is_told() {
    loom::model(|| {
        let shared = Shared::new(1, 1);
        let slot = shared.slots().take(0).expect("it is free");
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.slots().give_back(slot))
        };
        let mut results = [shared.slots().give_back(slot), other.join().expect("it does not panic")];
        results.sort_unstable_by_key(Result::is_err);
        assert_eq!(results, [Ok(()), Err(GiveBackError::NotTaken)]);
    });
}

#[test]
fn the_peak_is_the_most_that_were_in_flight_in_any_interleaving() {
    loom::model(|| {
        let gauge = Arc::new(InFlight::new());
        let rounds = |gauge: &InFlight, rounds: u32| {
            let values = (0..rounds).map(|_| {
                let now = gauge.enter();
                assert!(gauge.leave());
                now
            });
            values.max()
        };
        let other = {
            let gauge = Arc::clone(&gauge);
            thread::spawn(move || rounds(&gauge, 1))
        };
        let mine = rounds(&gauge, 2);
        let highest = other.join().expect("it does not panic").max(mine);
        assert_eq!(Some(gauge.peak()), highest);
        assert_eq!(gauge.now(), 0);
    });
}

#[test]
fn an_unmatched_leave_never_shows_a_gauge_below_nothing_in_any_interleaving() {
    loom::model(|| {
        let gauge = Arc::new(InFlight::new());
        let other = {
            let gauge = Arc::clone(&gauge);
            thread::spawn(move || {
                gauge.leave();
                gauge.now()
            })
        };
        gauge.enter();
        assert!(gauge.now() <= 1);
        gauge.leave();
        assert!(other.join().expect("it does not panic") <= 1);
        assert_eq!(gauge.now(), 0);
        assert_eq!(gauge.peak(), 1);
    });
}
