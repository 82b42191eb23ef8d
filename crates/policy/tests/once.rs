//! What is told once is told once, by whichever of many threads comes first.
#![cfg(not(loom))]

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use policy::once::Once;

#[test]
fn of_many_threads_one_is_the_first_of_each_kind() {
    let once = Once::new();
    let firsts = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for kind in 0..32 {
                    firsts.fetch_add(u32::from(once.first(kind)), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(firsts.load(Ordering::Relaxed), 32);
}

#[test]
fn a_kind_that_there_is_no_bit_for_is_never_the_first() {
    let once = Once::new();
    assert!(!once.first(32) && !once.first(u32::MAX));
    assert!(once.first(31));
}
