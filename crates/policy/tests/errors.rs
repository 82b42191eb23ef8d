//! The error table: each status once, the table full, and no count lost, alone and from many threads.
#![cfg(not(loom))]

use std::collections::BTreeMap;
use std::thread;

use policy::errors::{ENTRIES, ErrorCount, ErrorCounts, ErrorTable};
use proptest::prelude::*;

const STATUS_IO_DEVICE_ERROR: i32 = 0xC000_0185_u32.cast_signed();
const STATUS_BUFFER_OVERFLOW: i32 = 0x8000_0005_u32.cast_signed();

fn counts(table: &ErrorTable) -> ErrorCounts {
    let mut counts = ErrorCounts::EMPTY;
    table.add_to(&mut counts);
    counts
}

fn recorded(statuses: &[i32]) -> ErrorCounts {
    let table = ErrorTable::new();
    for &status in statuses {
        table.record(status);
    }
    counts(&table)
}

#[test]
fn statuses_are_counted_apart_in_the_order_in_which_they_appeared() {
    let counts = recorded(&[STATUS_IO_DEVICE_ERROR, STATUS_BUFFER_OVERFLOW, STATUS_IO_DEVICE_ERROR]);
    let expected = [(STATUS_IO_DEVICE_ERROR, 2), (STATUS_BUFFER_OVERFLOW, 1)];
    assert_eq!(
        counts.iter().collect::<Vec<_>>(),
        expected.map(|(status, count)| ErrorCount { status, count })
    );
    assert_eq!((counts.others(), counts.total()), (0, 3));
}

#[test]
fn a_status_of_zero_is_no_free_entry() {
    let counts = recorded(&[0, 1, 0]);
    assert_eq!(
        counts
            .iter()
            .map(|entry| (entry.status, entry.count))
            .collect::<Vec<_>>(),
        [(0, 2), (1, 1)]
    );
}

#[test]
fn a_status_that_finds_no_entry_is_counted_with_the_others() {
    let statuses: Vec<i32> = (0..ENTRIES as i32 + 3).map(|number| i32::MIN + number).collect();
    let mut counts = recorded(&statuses);
    assert_eq!((counts.iter().count(), counts.others()), (ENTRIES, 3));
    assert!(
        counts.iter().all(|entry| entry.count == 1),
        "an entry was given to two statuses"
    );

    counts.merge(&recorded(&[i32::MIN, -1]));
    assert_eq!((counts.others(), counts.total()), (4, ENTRIES as u64 + 5));
    assert_eq!(counts.iter().next().map(|entry| entry.count), Some(2));
}

#[test]
fn threads_that_record_at_once_lose_no_count_and_claim_no_status_twice() {
    const THREADS: i32 = 4;
    const EACH: i32 = 20_000;
    let table = ErrorTable::new();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let table = &table;
            scope.spawn(move || (0..EACH).for_each(|number| table.record((number + thread) % 20)));
        }
    });
    let counts = counts(&table);
    assert_eq!(counts.total(), u64::from((THREADS * EACH).cast_unsigned()));
    let apart: BTreeMap<i32, u64> = counts.iter().map(|entry| (entry.status, entry.count)).collect();
    assert_eq!(apart.len(), ENTRIES, "a status has two entries");
    let each = u64::from((THREADS * EACH / 20).cast_unsigned());
    assert!(apart.values().all(|&count| count == each), "{apart:?}");
}

fn by_status(counts: &ErrorCounts) -> BTreeMap<i32, u64> {
    counts.iter().map(|entry| (entry.status, entry.count)).collect()
}

proptest! {
    #[test]
    fn every_error_is_counted_once_whatever_the_statuses(statuses in prop::collection::vec(-24..0_i32, 0..200)) {
        let counts = recorded(&statuses);
        prop_assert_eq!(counts.total(), statuses.len() as u64);
        for (status, count) in by_status(&counts) {
            prop_assert_eq!(count, statuses.iter().filter(|&&other| other == status).count() as u64);
        }
    }

    #[test]
    fn merging_keeps_the_total_and_where_all_fit_every_count(
        mut first in prop::collection::vec(-20..0_i32, 0..100),
        second in prop::collection::vec(-20..0_i32, 0..100),
    ) {
        let mut merged = recorded(&first);
        merged.merge(&recorded(&second));
        first.extend(&second);
        let union = recorded(&first);
        prop_assert_eq!(merged.total(), union.total());
        if union.others() == 0 {
            prop_assert_eq!(by_status(&merged), by_status(&union));
        }
    }
}
