//! The histogram's promises: every value in its bucket, the error bound, merge and percentiles.
//!
//! Small values and the edges of every octave one by one, the rest drawn at random and compared with the sorted list.
#![cfg(not(loom))]

use policy::histogram::{BUCKETS, Bucket, Histogram, OVERFLOW_FROM, Percentile};
use policy::sync::AtomicU64;
use proptest::prelude::*;

fn recorded(values: &[u64]) -> Histogram<u64> {
    let shared: Histogram<AtomicU64> = Histogram::new();
    for &value in values {
        shared.record(value);
    }
    let mut snapshot = Histogram::EMPTY;
    shared.add_to(&mut snapshot);
    snapshot
}

fn bucket_of(value: u64) -> Bucket {
    let snapshot = recorded(&[value]);
    let bucket = snapshot.min().expect("one value was recorded");
    assert_eq!(snapshot.iter().collect::<Vec<_>>(), [bucket]);
    assert_eq!(bucket.count, 1);
    bucket
}

/// Panics where the bucket of `value` does not hold it, or is wider than is promised.
fn check_bucket(value: u64) {
    let bucket = bucket_of(value);
    assert!(
        (bucket.lower..=bucket.upper).contains(&value),
        "{value} is not in {bucket:?}"
    );
    assert_eq!(bucket.is_overflow(), value >= OVERFLOW_FROM, "{value} is in {bucket:?}");
    if value < 16 {
        assert_eq!(bucket.lower, bucket.upper, "{value} has no bucket of its own");
    } else if !bucket.is_overflow() {
        assert!(
            (bucket.upper - bucket.lower) * 8 < bucket.lower,
            "{bucket:?} is too wide"
        );
    }
}

#[test]
fn every_small_value_and_every_edge_of_an_octave_is_in_a_bucket_within_the_error_bound() {
    (0..=4096).for_each(check_bucket);
    for octave in 4..u64::BITS {
        let first = 1_u64 << octave;
        for eighth in 0..8 {
            let edge = first + eighth * (first >> 3);
            check_bucket(edge);
            check_bucket(edge - 1);
        }
    }
    check_bucket(OVERFLOW_FROM - 1);
    check_bucket(OVERFLOW_FROM);
    check_bucket(u64::MAX);
}

#[test]
fn the_buckets_cover_all_values_once_and_in_order() {
    let mut next = 0;
    for number in 1..BUCKETS {
        let bucket = bucket_of(next);
        assert_eq!(bucket.lower, next, "bucket {number} leaves a gap or an overlap");
        next = bucket.upper + 1;
    }
    assert_eq!(next, OVERFLOW_FROM, "some bucket is never reached");
    assert_eq!(bucket_of(next).upper, u64::MAX);
}

#[test]
fn an_empty_histogram_has_no_percentile_and_no_extremes() {
    let snapshot = recorded(&[]);
    assert_eq!(snapshot, Histogram::EMPTY);
    assert_eq!(snapshot.count(), 0);
    assert_eq!(snapshot.percentile(Percentile::MEDIAN), None);
    assert_eq!((snapshot.min(), snapshot.max()), (None, None));
}

#[test]
fn what_overflows_is_told_apart_and_has_no_upper_bound() {
    let snapshot = recorded(&[OVERFLOW_FROM - 1, OVERFLOW_FROM, u64::MAX]);
    assert_eq!(snapshot.overflowed(), 2);
    let largest = snapshot.percentile(Percentile::P99_99).expect("values were recorded");
    assert!(largest.is_overflow());
    assert_eq!(largest.upper, u64::MAX);
    assert!(
        !snapshot
            .percentile(Percentile::per_mille(333))
            .expect("as above")
            .is_overflow()
    );
}

#[test]
fn a_count_that_would_overflow_stops_at_the_largest() {
    let mut doubled = recorded(&[7, 1 << 30]);
    for _ in 0..70 {
        let same = doubled.clone();
        doubled.merge(&same);
    }
    assert_eq!(doubled.count(), u64::MAX);
    assert_eq!(
        doubled.percentile(Percentile::per_mille(1)).expect("not empty").lower,
        7
    );
}

#[test]
fn the_percentile_of_a_count_near_the_largest_is_not_lost_to_overflow() {
    let mut many = recorded(&[1, 2, 3, 4]);
    for _ in 0..61 {
        let same = many.clone();
        many.merge(&same);
    }
    let value_at = |share| {
        many.percentile(Percentile::per_hundred_thousand(share))
            .expect("not empty")
            .lower
    };
    let quarters = [1, 25_000, 25_001, 50_000, 50_001, 75_000, 75_001, 100_000];
    assert_eq!(quarters.map(value_at), [1, 1, 2, 2, 3, 3, 4, 4]);
}

#[test]
fn every_percentile_of_a_few_values_is_the_value_of_nearest_rank() {
    for count in 1..=12_u64 {
        let values: Vec<u64> = (1..=count).collect();
        let snapshot = recorded(&values);
        for share in 0..=1000_u32 {
            let bucket = snapshot.percentile(Percentile::per_mille(share)).expect("not empty");
            let rank = (u64::from(share) * count).div_ceil(1000).max(1);
            assert_eq!(
                (bucket.lower, bucket.upper),
                (rank, rank),
                "{share} per mille of {count}"
            );
        }
    }
}

#[test]
fn a_share_above_all_is_all() {
    assert_eq!(Percentile::per_mille(1001), Percentile::per_mille(1000));
    assert_eq!(Percentile::per_mille(u32::MAX).in_hundred_thousand(), 100_000);
    assert_eq!(Percentile::P99_99.in_hundred_thousand(), 99_990);
}

/// Values of every magnitude alike, which a plain `any` would not give.
fn values() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(
        (any::<u64>(), 0..u64::BITS).prop_map(|(value, shift)| value >> shift),
        1..200,
    )
}

proptest! {
    #[test]
    fn any_value_is_in_a_bucket_within_the_error_bound(value: u64, shift in 0..u64::BITS) {
        check_bucket(value >> shift);
    }

    #[test]
    fn merging_is_recording_into_one(mut first in values(), second in values()) {
        let mut merged = recorded(&first);
        merged.merge(&recorded(&second));
        first.extend(&second);
        prop_assert_eq!(merged, recorded(&first));
    }

    #[test]
    fn a_percentile_s_bounds_hold_the_value_of_nearest_rank(mut values in values(), share in 0..=100_000_u32) {
        let snapshot = recorded(&values);
        values.sort_unstable();
        let rank = (u128::from(share) * values.len() as u128).div_ceil(100_000).max(1) as usize;
        let value = values[rank - 1];
        let bucket = snapshot.percentile(Percentile::per_hundred_thousand(share)).expect("not empty");
        prop_assert!((bucket.lower..=bucket.upper).contains(&value), "{} is not in {:?}", value, bucket);
    }

    #[test]
    fn extremes_and_count_are_those_of_the_values(values in values()) {
        let snapshot = recorded(&values);
        let (min, max) = (snapshot.min().expect("not empty"), snapshot.max().expect("not empty"));
        let (&least, &most) = (values.iter().min().expect("not empty"), values.iter().max().expect("not empty"));
        prop_assert!((min.lower..=min.upper).contains(&least));
        prop_assert!((max.lower..=max.upper).contains(&most));
        prop_assert_eq!(snapshot.count(), values.len() as u64);
    }
}
