//! The slot allocator: every slot once, the own shard first, nothing lost, and a fault of the caller's is noticed.
#![cfg(not(loom))]

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use policy::slots::{GiveBackError, SlotIndex, SlotLayout, Slots};
use policy::sync::AtomicU64;
use proptest::prelude::*;

fn layout(shards: u32, slots_per_shard: u32) -> SlotLayout {
    let nonzero = |number| NonZeroU32::new(number).expect("not 0");
    SlotLayout::new(nonzero(shards), nonzero(slots_per_shard)).expect("few slots")
}

fn words(layout: SlotLayout) -> Vec<AtomicU64> {
    (0..layout.words()).map(|_| AtomicU64::new(0)).collect()
}

#[test]
fn every_slot_is_taken_once_and_then_none_for_all_small_layouts() {
    for shards in 1..=3 {
        for per_shard in (1..=66).chain([127, 128, 129, 1023, 1024, 1025]) {
            let layout = layout(shards, per_shard);
            let words = words(layout);
            let slots = Slots::new(layout, &words).expect("enough words");
            for hint in 0..shards {
                let taken: BTreeSet<u32> = (0..layout.slots())
                    .map(|_| slots.take(hint).expect("not all are taken").get())
                    .collect();
                assert!(
                    taken.iter().copied().eq(0..shards * per_shard),
                    "{shards} x {per_shard}"
                );
                assert_eq!(slots.take(hint), None);
                assert_eq!(slots.taken(), layout.slots());
                for slot in taken {
                    assert_eq!(slots.give_back(SlotIndex::new(slot)), Ok(()));
                }
                assert_eq!(slots.taken(), 0);
            }
        }
    }
}

#[test]
fn a_processor_takes_from_its_own_shard_until_that_is_empty() {
    let layout = layout(3, 2);
    let words = words(layout);
    let slots = Slots::new(layout, &words).expect("enough words");
    let order: Vec<u32> = (0..6).map(|_| slots.take(1).expect("not empty").get()).collect();
    assert_eq!(order, [2, 3, 4, 5, 0, 1]);
}

#[test]
fn a_hint_beyond_the_shards_is_as_good_as_any() {
    let layout = layout(2, 1);
    let words = words(layout);
    let slots = Slots::new(layout, &words).expect("enough words");
    assert!(slots.take(u32::MAX).is_some());
    assert!(slots.take(7).is_some());
    assert_eq!(slots.take(7), None);
}

#[test]
fn giving_back_what_is_free_or_does_not_exist_fails_and_changes_nothing() {
    let layout = layout(2, 65);
    let words = words(layout);
    let slots = Slots::new(layout, &words).expect("enough words");
    let slot = slots.take(1).expect("all are free");
    assert_eq!(
        slots.give_back(SlotIndex::new(slot.get() + 1)),
        Err(GiveBackError::NotTaken)
    );
    assert_eq!(slots.give_back(SlotIndex::new(130)), Err(GiveBackError::OutOfRange));
    assert_eq!(
        slots.give_back(SlotIndex::new(u32::MAX)),
        Err(GiveBackError::OutOfRange)
    );
    assert_eq!(slots.taken(), 1);
    assert_eq!(slots.give_back(slot), Ok(()));
    assert_eq!(slots.give_back(slot), Err(GiveBackError::NotTaken));
    assert_eq!(slots.taken(), 0);
}

#[test]
fn a_layout_says_how_many_words_it_needs_and_fewer_are_refused() {
    let one = layout(1, 1);
    assert_eq!((one.slots(), one.words()), (1, 16));
    let many = layout(4, 1025);
    assert_eq!((many.slots(), many.words()), (4100, 4 * 32));
    let words = words(many);
    assert!(Slots::new(many, &words[1..]).is_none());
    assert!(Slots::new(many, &words).is_some());
    let most = NonZeroU32::MAX;
    assert_eq!(
        SlotLayout::new(most, NonZeroU32::MIN).map(|layout| layout.slots()),
        Some(u32::MAX)
    );
    assert_eq!(SlotLayout::new(most, most), None);
}

#[test]
fn words_beyond_those_of_the_layout_are_left_alone() {
    let layout = layout(1, 3);
    let words: Vec<_> = (0..layout.words() + 1).map(|_| AtomicU64::new(0)).collect();
    let slots = Slots::new(layout, &words).expect("enough words");
    while slots.take(0).is_some() {}
    let bits: Vec<u64> = words.iter().map(|word| word.load(Ordering::Relaxed)).collect();
    assert_eq!(bits[0], 0b111);
    assert!(bits[1..].iter().all(|&word| word == 0));
}

#[test]
fn threads_never_own_a_slot_together_and_leave_all_free() {
    let layout = layout(2, 3);
    let words = words(layout);
    let slots = Slots::new(layout, &words).expect("enough words");
    let owned: Vec<AtomicBool> = (0..layout.slots()).map(|_| AtomicBool::new(false)).collect();
    thread::scope(|scope| {
        for hint in 0..4 {
            let owned = &owned;
            scope.spawn(move || {
                for _ in 0..20_000 {
                    let held: Vec<SlotIndex> = (0..2).filter_map(|_| slots.take(hint)).collect();
                    for slot in &held {
                        assert!(!owned[slot.get() as usize].swap(true, Ordering::Relaxed), "two owners");
                    }
                    for slot in held {
                        owned[slot.get() as usize].store(false, Ordering::Relaxed);
                        assert_eq!(slots.give_back(slot), Ok(()));
                    }
                }
            });
        }
    });
    assert_eq!(slots.taken(), 0);
}

proptest! {
    #[test]
    fn any_sequence_takes_what_is_free_and_frees_what_was_taken(
        shards in 1..5_u32,
        per_shard in 1..70_u32,
        steps in prop::collection::vec((any::<bool>(), any::<u32>()), 0..400),
    ) {
        let layout = layout(shards, per_shard);
        let words = words(layout);
        let slots = Slots::new(layout, &words).expect("enough words");
        let mut taken = BTreeSet::new();
        for (take, number) in steps {
            if take {
                match slots.take(number) {
                    Some(slot) => prop_assert!(slot.get() < layout.slots() && taken.insert(slot.get())),
                    None => prop_assert_eq!(taken.len() as u32, layout.slots()),
                }
            } else {
                let slot = number % (layout.slots() + 1);
                let expected = match (slot < layout.slots(), taken.remove(&slot)) {
                    (false, _) => Err(GiveBackError::OutOfRange),
                    (true, true) => Ok(()),
                    (true, false) => Err(GiveBackError::NotTaken),
                };
                prop_assert_eq!(slots.give_back(SlotIndex::new(slot)), expected);
            }
            prop_assert_eq!(slots.taken() as usize, taken.len());
        }
    }
}
