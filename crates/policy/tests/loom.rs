//! What processors share, in every interleaving and with every stale read that the memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p policy --release --test loom` runs it; without that it is empty. The models
//! are small on purpose: two or three processors, a few steps each. Larger ones are the other tests' business.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use policy::errors::{ENTRIES, ErrorCount, ErrorCounts, ErrorTable};
use policy::in_flight::InFlight;

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
